"""When a schedule fires next and how often: its times, its pause and its limit on actions taken together."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Iterator

from reconciler.schedule import model
from reconciler.timing import rates, times, timings, zones

_MANY = 24 * 60 + 1  # a day of firings a minute apart
_A_WEEK = datetime.timedelta(days=8)  # and the day after it
NOTHING = rates.Pace(a_year=0, left=0)


def upcoming(schedule: model.Schedule, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield when it fires after a moment: not at all while it is paused, or in a zone that is not known here."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return iter(())
    return itertools.islice(times.upcoming(schedule.timing, after), schedule.remaining_actions)


def short_gap(timing: timings.Timing, after: datetime.datetime, enough: datetime.timedelta) -> datetime.timedelta:
    """Return a time between two firings in a row that is shorter than `enough`, or `enough` where none is.

    Looks at the eight days from the first firing on, or at twice as long as is enough, and of very many firings at the
    first ones; and at a clock that is never changed: where the hour is set back, a schedule may fire twice in a row.
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
    """Return how often it fires, as `upcoming` has it."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return NOTHING
    return rates.pace(schedule.timing, schedule.remaining_actions, now)


def together(schedules: Iterable[model.Schedule], now: datetime.datetime) -> rates.Pace:
    """Return the rate of all that go on, and how often the others fire until they end."""
    paces = [pace(each, now) for each in schedules]
    return rates.Pace(
        a_year=sum(each.a_year for each in paces), left=sum(each.left or 0 for each in paces if not each.a_year)
    )
