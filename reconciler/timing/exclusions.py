"""Detect exclusions of so many consecutive times that a server cannot find the next one."""

from __future__ import annotations

import datetime
import math
import zoneinfo

from reconciler.timing import clocks, patterns, times, timings

SEARCHED = 300_000  # consecutive excluded times that a server can step through in one second


def too_many(timing: timings.Timing, after: datetime.datetime) -> int:
    """Return the server's limit on consecutive excluded times if more are excluded after a moment; otherwise 0.

    The limit is `SEARCHED`, or less if each step costs more. Whole days are counted, and a time counts once for each
    calendar that contains it.
    """
    begin = max(clocks.seconds(after), 0 if timing.start_at is None else clocks.seconds(timing.start_at), 0)
    end = times.NEVER if timing.end_at is None else min(clocks.seconds(timing.end_at) + 1, times.NEVER)
    limit = SEARCHED // _cost(timing)
    if not timing.exclude or _most_a_day(timing) * ((end - begin) // clocks.DAY + 1) <= limit:
        return 0
    offset = clocks.offset(begin, zoneinfo.ZoneInfo(timing.timezone))
    if _in_a_cycle(timing, offset) <= limit:
        return 0
    running, known = 0, dict[patterns.Matches, tuple[int, bool]]()
    for on in patterns.days(timing, begin, end):
        if on not in known:
            known[on] = patterns.taken(timing, on), patterns.firings(timing, on, offset) > 0
        taken, fires = known[on]
        running = 0 if fires else running + taken
        if running > limit:
            return limit
    return 0


def _cost(timing: timings.Timing) -> int:
    """Return the cost of a step, which searches all calendars, and many months for one that means Friday the 13th."""
    return 1 + 5 * sum(len(each.day_of_month) < 31 and len(each.day_of_week) < 7 for each in timing.calendars)


def _most_a_day(timing: timings.Timing) -> int:
    calendars = sum(map(patterns.times_of_day, timing.calendars))
    return calendars + sum(clocks.DAY // times.in_seconds(each)[0] + 1 for each in timing.intervals)


def _in_a_cycle(timing: timings.Timing, offset: int) -> float:
    """Return the number of excluded times on days without a firing in a 28-year cycle; infinite if nothing repeats."""
    days = [
        (patterns.taken(timing, on) * weight, patterns.firings(timing, on, offset) > 0)
        for on, weight in patterns.weights(timing).items()
    ]
    repeats = any(fires for _, fires in days) and not any(each.year for each in patterns.calendars(timing))
    return patterns.YEARS * sum(taken for taken, fires in days if not fires) if repeats else math.inf
