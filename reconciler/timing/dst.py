"""Daylight saving time: clock times that are skipped and do not fire, or that are repeated and may fire twice."""

from __future__ import annotations

import datetime
import functools
import itertools
import zoneinfo
from collections.abc import Iterator

from reconciler.timing import clocks, times, timings

_WEEK = 7 * clocks.DAY
_YEAR = 366 * clocks.DAY


def skipped_or_repeated(
    timing: timings.Timing, after: datetime.datetime, first: datetime.datetime
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the first clock time that is skipped, and the first that is repeated, within a year of the first firing.

    Both are local times, without a zone. Calendars that fire every hour are ignored: one hour does not matter for them.
    `first` is the first firing after `after`.
    """
    begin = max(clocks.seconds(after) + 1, clocks.seconds(first) - _YEAR)
    end = clocks.seconds(first) + _YEAR
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    if timing.end_at is not None:
        end = min(end, clocks.seconds(timing.end_at) + 1)
    skipped: list[datetime.datetime] = []
    repeated: list[datetime.datetime] = []
    for change, before, since in _changes_between(timing.timezone, begin, end):
        if since > before:
            skipped += _matching(timing, change + before, change + since)
        else:
            repeated += _matching(timing, max(change + since, begin + before), min(change + before, end + since))
    return min(skipped, default=None), min(repeated, default=None)


def _changes_between(timezone: str, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each second at which the offset changes, with the offsets before and after."""
    for year in range(clocks.moment(begin).year, clocks.moment(end).year + 1):
        yield from (each for each in _changes(timezone, year) if begin <= each[0] < end)


@functools.lru_cache(maxsize=4096)
def _changes(timezone: str, year: int) -> tuple[tuple[int, int, int], ...]:
    zone = zoneinfo.ZoneInfo(timezone)
    begin, end = (clocks.seconds(datetime.datetime(each, 1, 1, tzinfo=datetime.UTC)) for each in (year, year + 1))
    weeks = ((week, min(week + _WEEK, end) + 1) for week in range(begin, end, _WEEK))
    changes = ((clocks.change(week, until, zone), until) for week, until in weeks)
    return tuple(
        (change, clocks.offset(change - 1, zone), clocks.offset(change, zone))
        for change, until in changes
        if change < until
    )


def _matching(timing: timings.Timing, first: int, last: int) -> Iterator[datetime.datetime]:
    """Yield each calendar's first time, if not excluded, from clock time `first` up to but not including `last`."""
    low, high = (clocks.moment(each).replace(tzinfo=None) for each in (first, last))
    for calendar in timing.calendars:
        if len(calendar.hour) < 24:
            matching = (clock for clock in _clocks(calendar, low, high) if not _is_excluded(timing, clock))
            yield from itertools.islice(matching, 1)


def _is_excluded(timing: timings.Timing, clock: datetime.datetime) -> bool:
    return any(times.matches(each, clock) for each in timing.exclude)


def _clocks(calendar: timings.Calendar, low: datetime.datetime, high: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield the matching clock times from `low` up to but not including `high`."""
    hour = low.replace(minute=0, second=0)
    while hour < high:
        for minute, second in itertools.product(calendar.minute, calendar.second) if hour.hour in calendar.hour else ():
            clock = hour.replace(minute=minute, second=second)
            if low <= clock < high and times.matches(calendar, clock):
                yield clock
        hour += datetime.timedelta(hours=1)
