"""When a schedule fires next and how often: its times, its pause and its limit on actions taken together."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator

from reconciler import model
from reconciler.timing import counting, times, zones

NOTHING = counting.Pace(a_year=0, left=0)


def upcoming(schedule: model.Schedule, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield when it fires after a moment: not at all while it is paused, or in a zone that is not known here."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return iter(())
    return itertools.islice(times.upcoming(schedule.timing, after), schedule.remaining_actions)


def pace(schedule: model.Schedule, now: datetime.datetime) -> counting.Pace:
    """Return how often it fires, as `upcoming` has it."""
    if schedule.paused or not zones.is_known(schedule.timing.timezone):
        return NOTHING
    return counting.pace(schedule.timing, schedule.remaining_actions, now)


def together(schedules: Iterable[model.Schedule], now: datetime.datetime) -> counting.Pace:
    """Return the rate of all that go on, and how often the others fire until they end."""
    paces = [pace(each, now) for each in schedules]
    return counting.Pace(
        a_year=sum(each.a_year for each in paces), left=sum(each.left or 0 for each in paces if not each.a_year)
    )
