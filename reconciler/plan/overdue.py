"""Find active schedules whose due times pass without a run, for example because the server cannot start it."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator

from reconciler.schedule import observed
from reconciler.timing import times, zones

_LEAST = 2  # due times: a single one may have just come
_MOST = 1_000  # due times that are counted
_SPAN = datetime.timedelta(seconds=3)  # a shorter delay only means that the server is busy


def find(live: observed.Live, since: datetime.datetime | None = None) -> observed.Overdue | None:
    """Return the due times that an active schedule did not run, None if every one is accounted for.

    Only times after the last write, run and `since`, and before the server's own next time, are considered. A running
    or buffered run explains a gap, as do firings that the server counted as missed, skipped or dropped. If the time
    zone is unknown here, or the jitter may exceed the gap, nothing is reported.
    """
    schedule, activity = live.schedule, live.activity
    idle = not schedule.paused and schedule.remaining_actions != 0 and not activity.running and not activity.buffered
    if not idle or not activity.next_times or not live.created_at or not zones.is_known(schedule.timing.timezone):
        return None
    created = datetime.datetime.fromtimestamp(live.created_at // 1_000_000_000, datetime.UTC)
    start = max(filter(None, (created, activity.updated_at, since, *_runs(activity))))
    if activity.next_times[0] - start <= schedule.timing.jitter:
        return None
    end = activity.next_times[0] - schedule.timing.jitter
    explained = activity.missed + activity.skipped + activity.dropped
    due = itertools.takewhile(lambda moment: moment < end, times.upcoming(schedule.timing, start))
    passed = list(itertools.islice(due, explained + _MOST))
    if len(passed) - explained < _LEAST or end - passed[0] < _SPAN:
        return None
    return observed.Overdue(count=len(passed) - explained, since=passed[0])


def waits(live: observed.Live) -> bool:
    """Return whether due times pass while a run is in progress, as the server believes."""
    return bool(live.activity.running) and find(without_runs(live)) is not None


def without_runs(live: observed.Live) -> observed.Live:
    """Return the schedule as if its current runs had ended, so that they no longer explain a gap."""
    activity = dataclasses.replace(live.activity, running=(), buffered=0, skipped=0, dropped=0)
    return dataclasses.replace(live, activity=activity)


def _runs(activity: observed.Activity) -> Iterator[datetime.datetime | None]:
    for run in activity.recent:
        yield run.due_at
        yield run.started_at
