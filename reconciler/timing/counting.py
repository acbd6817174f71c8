"""How often a timing fires, counted exactly and fast, as one that fires every second does so 31 million times a year.

Time is cut into stretches within one day and one offset from UTC. The stretches are the bits of one integer and the
seconds of a day those of another, so that calendars, intervals and exclusions are united and taken away by arithmetic
on sets. Where a clock shows an hour twice, all its times count twice, and not as some do on the server (see `times`).
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import operator
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler import model
from reconciler.timing import clocks, times

YEAR = 365 * clocks.DAY  # the year of a rate
_CYCLE = 28 * YEAR  # in which every weekday has met every date

_DATE = ("day_of_month", "month", "day_of_week", "year")
_WHOLE_DAY = (1 << clocks.DAY) - 1

_Set: TypeAlias = int  # of numbers: bit n is set for n
_Groups: TypeAlias = list[tuple[_Set, _Set]]  # stretches, and the seconds of the day that all of them have


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a schedule fires: `a_year` on average, `left` times in all, None where that has no limit.

    For one that ends within a year only what is left says something, and `a_year` is 0.
    """

    a_year: float
    left: int | None = None


@functools.lru_cache(maxsize=4096)
def pace(timing: model.Timing, remaining: int | None, after: datetime.datetime) -> Pace:
    """Return how often a schedule with so many remaining actions fires from `after`, or from its start, on."""
    begin = clocks.seconds(after) + 1
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    a_year = float(_count(timing, begin, begin + YEAR))
    if remaining is not None and remaining <= a_year:
        return Pace(a_year=0, left=remaining)
    if _ends(timing, begin + YEAR, sparse=not a_year):
        return Pace(a_year=0, left=int(a_year))
    if not a_year:  # 29 February
        a_year = _count(timing, begin, begin + _CYCLE) * YEAR / _CYCLE
    return Pace(a_year=a_year, left=remaining)


def _ends(timing: model.Timing, end: int, *, sparse: bool) -> bool:
    """Tell whether nothing fires from the second `end` on; a timing without years and an end repeats itself."""
    named = any(each.year for each in (*timing.calendars, *timing.exclude))
    if not (sparse or named or timing.end_at):
        return False
    return end >= times.NEVER or next(times.upcoming(timing, clocks.moment(end - 1)), None) is None


def count(timing: model.Timing, after: datetime.datetime, until: datetime.datetime) -> int:
    """Return how often the timing fires after one moment and up to another."""
    begin = clocks.seconds(after) + 1
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    return _count(timing, begin, clocks.seconds(until) + 1)


def _count(timing: model.Timing, begin: int, end: int) -> int:
    begin, end = max(begin, 0), min(end, times.NEVER)
    if timing.end_at is not None:
        end = min(end, clocks.seconds(timing.end_at) + 1)
    if begin >= end:
        return 0
    if len(timing.intervals) == 1 and not timing.calendars and not timing.exclude:
        every, phase = times.in_seconds(timing.intervals[0])
        return (end - 1 - phase) // every - (begin - 1 - phase) // every
    days = _days(timing.timezone, begin, end)
    return sum(seconds.bit_count() * those.bit_count() for those, seconds in _groups(timing, days))


@dataclasses.dataclass(frozen=True, slots=True)
class _Days:
    """The stretches of a span of time: all of them, those whose date has a number, and those with certain seconds.

    `midnights` are the seconds at which their days would have begun with their offset.
    """

    all: _Set
    on: Mapping[str, Mapping[int, _Set]]
    parts: Sequence[tuple[_Set, _Set]]
    midnights: Sequence[int]


@functools.lru_cache(maxsize=256)
def _days(timezone: str, begin: int, end: int) -> _Days:
    on: dict[str, dict[int, _Set]] = {name: collections.defaultdict(int) for name in _DATE}
    parts: dict[tuple[int, int], _Set] = collections.defaultdict(int)
    midnights = []
    for place, (day, midnight, first, last) in enumerate(_stretches(zoneinfo.ZoneInfo(timezone), begin, end)):
        for name, number in zip(_DATE, (day.day, day.month, day.isoweekday() % 7, day.year), strict=True):
            on[name][number] |= 1 << place
        parts[first, last] |= 1 << place
        midnights.append(midnight)
    return _Days(
        all=(1 << len(midnights)) - 1,
        on=on,
        parts=[(those, (1 << last) - (1 << first)) for (first, last), those in parts.items()],
        midnights=midnights,
    )


def _stretches(zone: zoneinfo.ZoneInfo, begin: int, end: int) -> Iterator[tuple[datetime.date, int, int, int]]:
    """Yield day, midnight, and first and last second of the day, the last excluded."""
    while begin < end:
        wall = clocks.wall(begin, zone)
        midnight = begin - (wall.hour * clocks.HOUR + wall.minute * 60 + wall.second)
        until = clocks.change(begin, min(midnight + clocks.DAY, end), zone)
        yield wall.date(), midnight, begin - midnight, until - midnight
        begin = until


def _groups(timing: model.Timing, days: _Days) -> _Groups:
    """Return all stretches, in groups that fire at the same seconds of the day."""
    groups: _Groups = [(days.all, 0)]
    for interval in timing.intervals:
        groups = _layered(groups, _phases(interval, days), operator.or_)
    for calendar in timing.calendars:
        groups = _layered(groups, _halves(calendar, days), operator.or_)
    for calendar in timing.exclude:
        groups = _layered(groups, _halves(calendar, days), _without)
    return _layered(groups, days.parts, operator.and_)


def _layered(groups: _Groups, layer: Iterable[tuple[_Set, _Set]], change: Callable[[_Set, _Set], _Set]) -> _Groups:
    """Split the groups where the layer does, and change the seconds of each by the layer's."""
    layer = list(layer)
    return [
        (group & those, change(seconds, more)) for group, seconds in groups for those, more in layer if group & those
    ]


def _without(seconds: _Set, excluded: _Set) -> _Set:
    return seconds & ~excluded


def _halves(calendar: model.Calendar, days: _Days) -> _Groups:
    """Return the stretches on the calendar's days with its times of day, and the others with none."""
    matching = days.all
    for name in _DATE:
        numbers = getattr(calendar, name)
        if numbers or name != "year":
            matching &= functools.reduce(operator.or_, (days.on[name].get(each, 0) for each in numbers), 0)
    return [(matching, _clock(calendar.hour, calendar.minute, calendar.second)), (days.all & ~matching, 0)]


@functools.lru_cache(maxsize=256)
def _clock(hour: tuple[int, ...], minute: tuple[int, ...], second: tuple[int, ...]) -> _Set:
    """Return the seconds of a day at which hour, minute and second match."""
    found = 1
    for numbers, unit in ((second, 1), (minute, 60), (hour, clocks.HOUR)):
        found = functools.reduce(operator.or_, (found << number * unit for number in numbers), 0)
    return found


def _phases(interval: model.Interval, days: _Days) -> Iterator[tuple[_Set, _Set]]:
    """Yield the stretches in whose days the interval comes first at the same second, and its seconds there."""
    every, phase = times.in_seconds(interval)
    found: dict[int, _Set] = collections.defaultdict(int)
    for place, midnight in enumerate(days.midnights):
        found[(phase - midnight) % every] |= 1 << place
    comb = _comb(every)
    for first, those in found.items():
        yield those, (comb << first) & _WHOLE_DAY if first < clocks.DAY else 0


@functools.lru_cache(maxsize=256)
def _comb(every: int) -> _Set:
    """Return the seconds of a day that are so far apart, from 0 on."""
    found, length = 1, every
    while length < clocks.DAY:
        found |= found << length
        length *= 2
    return found & _WHOLE_DAY
