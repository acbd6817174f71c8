"""How often a timing fires, without computing all of its times, each of which takes tens of microseconds."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import itertools
import zoneinfo
from collections.abc import Mapping

from reconciler.timing import clocks, patterns, times, timings

YEAR = 365 * clocks.DAY  # the length of a year for rates
CAP = 1_000  # firings that are counted one by one
_WALKED = 100  # firings that determine the rate of a timing with years


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a schedule fires: `a_year` on average, `left` times in total, None if unlimited or unknown.

    `a_year` is 0 if it ends within a year after at most `CAP` firings, or fires only once more; only `left` is
    meaningful then.
    """

    a_year: float
    left: int | None = None


@functools.lru_cache(maxsize=4096)
def pace(timing: timings.Timing, remaining: int | None, after: datetime.datetime) -> Pace:
    """Return how often a schedule with `remaining` actions fires after `after`, or after its start if that is later."""
    begin = _begin(timing, after)
    end = begin + YEAR
    a_year = _average(timing, begin)
    if remaining is not None and _is_reached(timing, remaining, begin, end, a_year):
        return Pace(a_year=0, left=remaining)
    if _is_over(timing, end, a_year):
        coming = len(_walk(timing, begin, CAP + 1))
        return Pace(a_year=0, left=coming) if coming <= CAP else Pace(a_year=a_year)
    return Pace(a_year=a_year, left=remaining if a_year else 1)


def _begin(timing: timings.Timing, after: datetime.datetime) -> int:
    start = 0 if timing.start_at is None else clocks.seconds(timing.start_at)
    return max(clocks.seconds(after) + 1, start, 0)


def is_reached(timing: timings.Timing, number: int, after: datetime.datetime, until: datetime.datetime) -> bool:
    """Return whether the timing fires `number` times after one moment and up to another; estimated above `CAP`."""
    begin = _begin(timing, after)
    return _is_reached(timing, number, begin, clocks.seconds(until) + 1, _average(timing, begin))


def _is_reached(timing: timings.Timing, number: int, begin: int, end: int, a_year: float) -> bool:
    if number > CAP:
        own = end if timing.end_at is None else min(end, clocks.seconds(timing.end_at))
        return number <= a_year * (own - begin) / YEAR
    firings = _walk(timing, begin, number)
    return len(firings) == number and (not firings or firings[-1] < clocks.moment(end))


def _walk(timing: timings.Timing, begin: int, most: int) -> list[datetime.datetime]:
    return list(itertools.islice(times.upcoming(timing, clocks.moment(begin - 1)), most))


def _is_over(timing: timings.Timing, end: int, a_year: float) -> bool:
    """Return whether nothing fires at or after the second `end`."""
    if a_year and is_endless(timing):
        return False
    return end >= times.NEVER or not _walk(timing, end, 1)


def is_endless(timing: timings.Timing) -> bool:
    """Return whether a timing that fires at all fires forever: without years and without an end, it repeats."""
    return timing.end_at is None and not _names_years(timing)


def _names_years(timing: timings.Timing) -> bool:
    return any(each.year for each in patterns.calendars(timing))


def _average(timing: timings.Timing, begin: int) -> float:
    """Return the number of firings in an average year; 0 for a timing that fires only once more.

    A timing without years repeats every 28 years, so the average over 28 years is exact. Otherwise, it is computed from
    the next firings, or from the dates of one year if they are frequent.
    """
    zone = zoneinfo.ZoneInfo(timing.timezone)
    if not _names_years(timing):
        return _sum(timing, patterns.weights(timing), clocks.offset(begin, zone))
    firings = _walk(timing, begin, _WALKED)
    span = firings[-1] - firings[0] if len(firings) > 1 else datetime.timedelta(0)
    if len(firings) == _WALKED and span < datetime.timedelta(seconds=YEAR):
        first = clocks.seconds(firings[0])
        return _sum(
            timing,
            collections.Counter(patterns.days(timing, first, first + YEAR - clocks.DAY + 1)),
            clocks.offset(first, zone),
        )
    return (len(firings) - 1) * YEAR / span.total_seconds() if span else 0


def _sum(timing: timings.Timing, days: Mapping[patterns.Matches, float], offset: int) -> float:
    return sum(patterns.firings(timing, on, offset) * weight for on, weight in days.items())
