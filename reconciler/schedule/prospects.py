"""When a schedule fires next and how often, given its times, its pause, and its limit on actions."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Iterator

from reconciler.schedule import model
from reconciler.timing import rates, times, timings, zones

_MANY = 24 * 60 + 1  # one day of firings, one minute apart
_A_WEEK = datetime.timedelta(days=8)  # the extra day covers the gap at the end of the week
NOTHING = rates.Pace(a_year=0, left=0)


def upcoming(schedule: model.Schedule, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield its firings after a given time; none if it is paused or its time zone is unknown here."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return iter(())
    return itertools.islice(times.upcoming(schedule.timing, after), schedule.remaining_actions)


def short_gap(timing: timings.Timing, after: datetime.datetime, enough: datetime.timedelta) -> datetime.timedelta:
    """Return a gap between two consecutive firings that is shorter than `enough`, or `enough` if there is none.

    Considers eight days from the first firing, or twice `enough` if that is longer, up to a limited number of firings.
    Times are in UTC, because a schedule may fire twice in a row when clocks are set back.
    """
    firings = times.upcoming(dataclasses.replace(timing, timezone="UTC"), after)
    last = first = next(firings, after)
    for each in itertools.islice(firings, _MANY):
        if each - last < enough:
            return each - last
        if each - first > max(_A_WEEK, 2 * enough):
            break
        last = each
    return enough


def pace(schedule: model.Schedule, now: datetime.datetime) -> rates.Pace:
    """Return how often it fires; `NOTHING` if `upcoming` yields nothing."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return NOTHING
    return rates.pace(schedule.timing, schedule.remaining_actions, now)


def together(schedules: Iterable[model.Schedule], now: datetime.datetime) -> rates.Pace:
    """Return the total rate of the unlimited schedules, and how many times the others fire until they end."""
    paces = [pace(each, now) for each in schedules]
    return rates.Pace(
        a_year=sum(each.a_year for each in paces), left=sum(each.left or 0 for each in paces if not each.a_year)
    )
