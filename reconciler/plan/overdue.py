"""Find active schedules whose due times pass without a run, for example because the server cannot start one."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator

from reconciler.schedule import observed
from reconciler.timing import times, zones

_LEAST = 2  # due times without a run before any are reported: a single one may have only just passed
_MOST = 1_000  # due times that are counted
_SPAN = datetime.timedelta(seconds=3)  # a shorter delay only means that the server is busy


def find(live: observed.Live, since: datetime.datetime | None = None) -> observed.Overdue | None:
    """Return the due times at which an active schedule did not run; None if all of them are accounted for.

    Only times after the last write, last run, and `since`, and before the server's next time, are considered. A running
    or buffered run explains a gap, as do firings that the server counted as missed, skipped, or dropped. If the time
    zone is unknown on this machine, or the jitter may exceed the gap, nothing is reported.
    """
    schedule, history = live.schedule, live.history
    idle = not schedule.paused and schedule.remaining_actions != 0 and not history.running and not history.buffered
    if not idle or history.next_time is None or not live.created_at or not zones.is_known(schedule.timing.timezone):
        return None
    created = datetime.datetime.fromtimestamp(live.created_at // 1_000_000_000, datetime.UTC)
    start = max(filter(None, (created, history.updated_at, since, *_runs(history))))
    if history.next_time - start <= schedule.timing.jitter:
        return None
    end = history.next_time - schedule.timing.jitter
    explained = history.missed + history.skipped + history.dropped
    due = itertools.takewhile(lambda moment: moment < end, times.upcoming(schedule.timing, start))
    passed = list(itertools.islice(due, explained + _MOST))
    if len(passed) - explained < _LEAST or end - passed[0] < _SPAN:
        return None
    return observed.Overdue(count=len(passed) - explained, since=passed[0])


def waits(live: observed.Live) -> bool:
    """Return whether due times are passing while, according to the server, a run is in progress."""
    return bool(live.history.running) and find(without_runs(live)) is not None


def without_runs(live: observed.Live) -> observed.Live:
    """Return the schedule as if its current runs had ended, so that they no longer explain a gap."""
    history = dataclasses.replace(live.history, running=(), buffered=0, skipped=0, dropped=0)
    return dataclasses.replace(live, history=history)


def _runs(history: observed.History) -> Iterator[datetime.datetime | None]:
    for run in history.recent:
        yield run.due_at
        yield run.started_at
