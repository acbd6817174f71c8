"""Count firings by day: which calendars match which dates, and which seconds of a day remain after exclusions.

The firings of a day are a set of seconds, stored as the bits of one integer: calendars and intervals are combined and
exclusions subtracted with bit operations, because a schedule may fire every second, 31 million times a year. Daylight
saving time is ignored.
"""

from __future__ import annotations

import calendar as gregorian
import collections
import datetime
import functools
import itertools
import math
import operator
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.timing import clocks, times, timings

YEARS = 28  # after which the same dates fall on the same weekdays again
_CYCLE = range(2030, 2030 + YEARS)
_WHOLE_DAY = (1 << clocks.DAY) - 1

_Date: TypeAlias = tuple[int, int, int]  # month, day of the month, day of the week
Matches: TypeAlias = tuple[bool, ...]  # which calendars of a timing match a date, then which exclusions
_Set: TypeAlias = int  # a set of the seconds of a day: bit n is set for second n
_Fields: TypeAlias = tuple[tuple[tuple[int, ...], ...], ...]  # each calendar's months, days of the month, and weekdays


def calendars(timing: timings.Timing) -> tuple[timings.Calendar, ...]:
    """Return the calendars, then the exclusions."""
    return (*timing.calendars, *timing.exclude)


def weights(timing: timings.Timing) -> Mapping[Matches, float]:
    """Return the number of days in an average year on which each combination of calendars matches.

    The average is over 28 years: no single year is representative of February 29 or Friday the 13th.
    """
    return _weights(_fields(timing))


def days(timing: timings.Timing, begin: int, end: int) -> Iterator[Matches]:
    """Yield which calendars match each day from second `begin` to second `end` (exclusive), considering their years."""
    zone = zoneinfo.ZoneInfo(timing.timezone)
    first, last = (clocks.wall(second, zone).date() for second in (begin, end - 1))
    dates = _matches(_fields(timing))
    for year in range(first.year, last.year + 1):
        named = tuple(not each.year or year in each.year for each in calendars(timing))
        of_year = _days_of(year)
        before = first.timetuple().tm_yday - 1 if year == first.year else 0
        for date in of_year[before : last.timetuple().tm_yday if year == last.year else len(of_year)]:
            yield tuple(map(operator.and_, dates[date], named))


def firings(timing: timings.Timing, on: Matches, offset: int) -> float:
    """Return how many times a timing fires on a day that these calendars match, at an offset from UTC in seconds.

    An interval that does not divide a day is averaged over all the seconds at which it can fire.
    """
    excluded = _united(timing.exclude, on[len(timing.calendars) :])
    firing = _united(timing.calendars, on) & ~excluded
    rare = 0.0
    for interval in timing.intervals:
        every, phase = times.in_seconds(interval)
        step = math.gcd(every, clocks.DAY)
        seconds = _comb(step, (phase + offset) % step) & ~excluded & ~firing
        if step == every:
            firing |= seconds
        else:
            rare += seconds.bit_count() * step / every
    return firing.bit_count() + rare


def taken(timing: timings.Timing, on: Matches) -> int:
    """Return the number of firings on a day with these matches, before exclusions; a time counts once per calendar."""
    calendars = sum(times_of_day(each) for each, is_on in zip(timing.calendars, on, strict=False) if is_on)
    return calendars + sum(clocks.DAY // times.in_seconds(each)[0] for each in timing.intervals)


def times_of_day(calendar: timings.Calendar) -> int:
    """Return how often the calendar fires on a day that it matches."""
    return len(calendar.hour) * len(calendar.minute) * len(calendar.second)


def _united(these: Sequence[timings.Calendar], on: Iterable[bool]) -> _Set:
    found = 0
    for calendar, is_on in zip(these, on, strict=False):
        if is_on:
            found |= _clock(calendar.hour, calendar.minute, calendar.second)
    return found


@functools.lru_cache(maxsize=256)
def _clock(hour: tuple[int, ...], minute: tuple[int, ...], second: tuple[int, ...]) -> _Set:
    """Return the seconds of a day at which the hour, minute, and second match."""
    found = 1
    for numbers, unit in ((second, 1), (minute, 60), (hour, clocks.HOUR)):
        found = functools.reduce(operator.or_, (found << number * unit for number in numbers), 0)
    return found


@functools.lru_cache(maxsize=256)
def _comb(every: int, first: int) -> _Set:
    """Return the seconds of a day that an interval matches, given its first second."""
    found, length = 1 << first, every
    while length < clocks.DAY:
        found |= found << length
        length *= 2
    return found & _WHOLE_DAY


def _fields(timing: timings.Timing) -> _Fields:
    return tuple((each.month, each.day_of_month, each.day_of_week) for each in calendars(timing))


@functools.lru_cache(maxsize=1)
def _dates() -> Mapping[_Date, int]:
    """Return how often each date falls on each day of the week in a cycle of years."""
    days = itertools.chain.from_iterable(map(_days_of, _CYCLE))
    return collections.Counter(days)


@functools.lru_cache(maxsize=128)
def _days_of(year: int) -> tuple[_Date, ...]:
    """Return the dates of a year, in order."""
    first = datetime.date(year, 1, 1)
    days = (first + datetime.timedelta(days=number) for number in range(366 if gregorian.isleap(year) else 365))
    return tuple((day.month, day.day, day.isoweekday() % 7) for day in days)


@functools.lru_cache(maxsize=32)
def _matches(fields: _Fields) -> Mapping[_Date, Matches]:
    """Return, for each date, which calendars match it, ignoring years."""
    return {
        (month, day, weekday): tuple(month in each[0] and day in each[1] and weekday in each[2] for each in fields)
        for month, day, weekday in _dates()
    }


@functools.lru_cache(maxsize=256)
def _weights(fields: _Fields) -> Mapping[Matches, float]:
    counts: dict[Matches, int] = collections.Counter()
    for date, on in _matches(fields).items():
        counts[on] += _dates()[date]
    cycle = sum(counts.values())
    return {on: days * 365 / cycle for on, days in counts.items()}
