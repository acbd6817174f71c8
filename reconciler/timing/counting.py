"""How often a timing fires, counted exactly and fast, as one that fires every second does so 31 million times a year.

Time is cut into stretches within one day and one offset from UTC. The stretches are the bits of one integer and the
seconds of a day those of another, so that calendars, intervals and exclusions are united and taken away by arithmetic
on sets. Where a clock shows an hour twice, all its times count twice, and not as some do on the server (see `times`).
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import datetime
import functools
import operator
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.timing import clocks, times, timings

YEAR = 365 * clocks.DAY  # the year of a rate
_CYCLE = tuple(clocks.seconds(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)) for year in (2030, 2058))
SEARCHED = 300_000  # excluded times in a row that a server goes through, one by one, before a second is over
_FIRST = clocks.seconds(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))  # before any time that is still to come
_LONG = 28 * clocks.DAY  # an interval from which on a cycle has too few firings to take an average of

_DATE = ("day_of_month", "month", "day_of_week", "year")
_WHOLE_DAY = (1 << clocks.DAY) - 1

_Set: TypeAlias = int  # of numbers: bit n is set for n
_Groups: TypeAlias = list[tuple[_Set, _Set]]  # stretches, and the seconds of the day that all of them have


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a schedule fires: `a_year` on average, `left` times in all, None where that has no limit.

    For one that ends within a year, or fires only once more, only what is left says something, and `a_year` is 0.
    """

    a_year: float
    left: int | None = None


@functools.lru_cache(maxsize=4096)
def pace(timing: timings.Timing, remaining: int | None, after: datetime.datetime) -> Pace:
    """Return how often a schedule with so many remaining actions fires from `after`, or from its start, on."""
    begin = clocks.seconds(after) + 1
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    coming = _count(timing, begin, begin + YEAR)
    if remaining is not None and remaining <= coming:
        return Pace(a_year=0, left=remaining)
    if _ends(timing, begin + YEAR, sparse=not coming):
        return Pace(a_year=0, left=coming)
    a_year = _average(timing, begin, coming)
    return Pace(a_year=a_year, left=remaining if a_year else 1)


def _ends(timing: timings.Timing, end: int, *, sparse: bool) -> bool:
    """Tell whether nothing fires from the second `end` on; a timing without years and an end repeats itself."""
    if not (sparse or _names_years(timing) or timing.end_at):
        return False
    return end >= times.NEVER or next(times.upcoming(timing, clocks.moment(end - 1)), None) is None


def _names_years(timing: timings.Timing) -> bool:
    return any(each.year for each in (*timing.calendars, *timing.exclude))


def _average(timing: timings.Timing, begin: int, coming: int) -> float:
    """Return the firings of a year as they are in the long run, 0 for a timing that fires once more.

    No single year tells it of a 29 February or a Friday the 13th. What names no years comes again every 28 years, so
    that one such cycle tells it exactly; else it is what lies between the first firing and the last. `coming` are the
    firings of the coming year, which have to do where two intervals would cut a cycle into too many pieces.
    """
    intervals = [times.in_seconds(each)[0] for each in timing.intervals]
    if len(intervals) == 1 and not timing.calendars and not timing.exclude:
        return YEAR / intervals[0]
    if sum(every < _LONG and clocks.DAY % every != 0 for every in intervals) > 1:
        return float(coming)
    zone = timing.timezone if intervals else "UTC"  # calendars fire as often in any zone
    if _names_years(timing) or any(every >= _LONG for every in intervals):
        return _between_firings(dataclasses.replace(timing, timezone=zone), begin)
    begin, end = _CYCLE
    return (
        _count(dataclasses.replace(timing, timezone=zone, start_at=None, end_at=None), begin, end)
        * YEAR
        / (end - begin)
    )


def _between_firings(timing: timings.Timing, begin: int) -> float:
    end = _end(timing, times.NEVER)
    days = _days(timing.timezone, begin, end)
    groups = [(those, seconds) for those, seconds in _groups(timing, days) if seconds]
    count = sum(seconds.bit_count() * those.bit_count() for those, seconds in groups)
    if count < 2:
        return 0
    first = min(days.midnights[_lowest(those)] + _lowest(seconds) for those, seconds in groups)
    last = max(days.midnights[those.bit_length() - 1] + seconds.bit_length() - 1 for those, seconds in groups)
    return (count - 1) * YEAR / (last - first)


def _lowest(numbers: _Set) -> int:
    return (numbers & -numbers).bit_length() - 1


def count(timing: timings.Timing, after: datetime.datetime, until: datetime.datetime) -> int:
    """Return how often the timing fires after one moment and up to another."""
    begin = clocks.seconds(after) + 1
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    return _count(timing, begin, clocks.seconds(until) + 1)


def excluded_in_a_row(timing: timings.Timing, after: datetime.datetime) -> int:
    """Return the most times in a row that the exclusions take away after a moment, days taken as wholes.

    0 where there are fewer than a server minds: `SEARCHED`, or less where each step costs it more. Times that several
    calendars have count for each of them.
    """
    begin = max(clocks.seconds(after), 0)
    if timing.start_at is not None:
        begin = max(begin, clocks.seconds(timing.start_at))
    end = _end(timing, times.NEVER)
    a_day, limit = _most_a_day(timing), SEARCHED // _cost(timing)
    if not timing.exclude or a_day * ((end - begin) // clocks.DAY + 1) <= limit:
        return 0
    days = _days(timing.timezone, _FIRST, times.NEVER)  # the same for all charters of a zone
    outside = days.all & ~_numbers(bisect.bisect(days.midnights, begin) - 1, bisect.bisect(days.midnights, end))
    nothing = dataclasses.replace(timing, calendars=(), intervals=())
    alone = [dataclasses.replace(nothing, calendars=(each,)) for each in timing.calendars]
    alone += [dataclasses.replace(nothing, intervals=(each,)) for each in timing.intervals]
    firing = functools.reduce(
        operator.or_, (those for each in alone for those, seconds in _groups(each, days) if seconds), outside
    )
    found = [group for each in alone for group in _groups(dataclasses.replace(each, exclude=()), days)]
    shown = f"{firing:0{days.all.bit_length()}b}"[::-1]
    silent = [run.span() for run in re.finditer("0+", shown) if a_day * (run.end() - run.start()) > limit]
    most = max((_between(found, *span) for span in silent), default=0)
    return most if most > limit else 0


def _cost(timing: timings.Timing) -> int:
    """Return what a step costs: all calendars are asked each time, and one of Fridays the 13th looks at many months."""
    return 1 + 5 * sum(len(each.day_of_month) < 31 and len(each.day_of_week) < 7 for each in timing.calendars)


def _most_a_day(timing: timings.Timing) -> int:
    calendars = (len(each.hour) * len(each.minute) * len(each.second) for each in timing.calendars)
    return sum(calendars) + sum(clocks.DAY // times.in_seconds(each)[0] + 1 for each in timing.intervals)


def _between(groups: _Groups, first: int, last: int) -> int:
    """Return how many seconds the groups have from one stretch to before another."""
    window = _numbers(first, last)
    return sum(seconds.bit_count() * (those & window).bit_count() for those, seconds in groups)


def _numbers(first: int, last: int) -> _Set:
    """Return the numbers from one to before another."""
    return (1 << max(last, 0)) - (1 << max(first, 0))


def _count(timing: timings.Timing, begin: int, end: int) -> int:
    begin, end = max(begin, 0), _end(timing, end)
    if begin >= end:
        return 0
    if len(timing.intervals) == 1 and not timing.calendars and not timing.exclude:
        every, phase = times.in_seconds(timing.intervals[0])
        return (end - 1 - phase) // every - (begin - 1 - phase) // every
    days = _days(timing.timezone, begin, end)
    return sum(seconds.bit_count() * those.bit_count() for those, seconds in _groups(timing, days))


def _end(timing: timings.Timing, end: int) -> int:
    """Return the second before which all of it is over: `end`, the timing's own, or what the server stops at."""
    own = times.NEVER if timing.end_at is None else clocks.seconds(timing.end_at) + 1
    return min(end, own, times.NEVER)


@dataclasses.dataclass(frozen=True, slots=True)
class _Days:
    """The stretches of a span of time: all of them, those whose date has a number, and those with certain seconds.

    `midnights` are the seconds at which their days would have begun with their offset.
    """

    all: _Set
    on: Mapping[str, Mapping[int, _Set]]
    parts: Sequence[tuple[_Set, _Set]]
    midnights: Sequence[int]


def _days(timezone: str, begin: int, end: int) -> _Days:
    few = end - begin <= 2 * YEAR  # what is longer takes a megabyte to keep
    return _kept_days(timezone, begin, end) if few else _kept_years(timezone, begin, end)


@functools.lru_cache(maxsize=256)
def _kept_days(timezone: str, begin: int, end: int) -> _Days:
    return _cut(timezone, begin, end)


@functools.lru_cache(maxsize=32)
def _kept_years(timezone: str, begin: int, end: int) -> _Days:
    return _cut(timezone, begin, end)


def _cut(timezone: str, begin: int, end: int) -> _Days:
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


def _groups(timing: timings.Timing, days: _Days) -> _Groups:
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


def _halves(calendar: timings.Calendar, days: _Days) -> _Groups:
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


def _phases(interval: timings.Interval, days: _Days) -> Iterator[tuple[_Set, _Set]]:
    """Yield the stretches in whose days the interval comes first at the same second, and its seconds there."""
    every, phase = times.in_seconds(interval)
    found: dict[int, _Set] = collections.defaultdict(int)
    for place, midnight in enumerate(days.midnights):
        found[min((phase - midnight) % every, clocks.DAY)] |= 1 << place
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
