"""Find the running schedules that a plan stops by any means: a pause, times that never come, timeouts that no run can
meet, or a move to a task queue where no worker runs them.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator

from reconciler.plan import plans
from reconciler.schedule import model, prospects
from reconciler.timing import rates, times, zones

PERIODS = 10  # usual periods without a firing, after which a schedule is considered stopped,
LEAST = datetime.timedelta(days=7)  # but never sooner than this
_YEAR = datetime.timedelta(days=366)
_FIRINGS = 20  # number of firings that determine the usual period: enough to include a weekend


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A schedule that the plan stops, and why."""

    id: str
    why: str


def running(plan: plans.Plan, now: datetime.datetime) -> int:
    """Return how many managed schedules are running before the plan is applied."""
    return sum(_is_running(change, now) for change in plan.changes)


def _is_running(change: plans.Change, now: datetime.datetime) -> bool:
    return change.before is not None and not change.is_blocked and _fires(change.before.schedule, now)


def stops(plan: plans.Plan, now: datetime.datetime) -> tuple[Stop, ...]:
    """Return the running schedules that the plan stops.

    A pause is not a stop if the plan replaces the schedule with a running one under another name.
    """
    successors = {change.renamed_from: change.after for change in plan.changes if change.renamed_from}
    stopped = []
    for change in plan.steps:
        if change.before is None or not _is_running(change, now):
            continue
        why = _why(change.before.schedule, successors.get(change.id, change.after), plan, now)
        if why:
            stopped.append(Stop(id=change.id, why=why))
    return tuple(stopped)


Work = tuple[str, str]
"""A task queue, and the workflow type that runs there."""


def moved(plan: plans.Plan) -> frozenset[tuple[Work, Work]]:
    """Return the old and the new work of each running schedule that the plan moves to other workers."""
    pairs = [(change.before.schedule, change.after) for change in plan.steps if change.before]
    return frozenset(
        (_work(before), _work(after))
        for before, after in pairs
        if not before.paused and not after.paused and _work(before) != _work(after)
    )


def _work(schedule: model.Schedule) -> Work:
    return schedule.action.task_queue, schedule.action.workflow


def _fires(schedule: model.Schedule, now: datetime.datetime) -> bool:
    """Return whether it will fire; a schedule in a time zone that is unknown on this machine is assumed to fire."""
    if schedule.paused or schedule.remaining_actions == 0:
        return False
    return not zones.is_known(schedule.timing.timezone) or next(prospects.upcoming(schedule, now), None) is not None


def _why(before: model.Schedule, after: model.Schedule, plan: plans.Plan, now: datetime.datetime) -> str:
    """Return why a running schedule does not run after the change; empty if it does."""
    if after.paused:
        return "paused"
    silent = _why_silent(before, after, now)
    if silent:
        return silent
    allotted = _allotted(after.action)
    if allotted < model.BRIEF <= _allotted(before.action):
        return f"its runs time out after {allotted // datetime.timedelta(milliseconds=1)} ms"
    queue = after.action.task_queue
    if queue != before.action.task_queue and queue in plan.unpolled:
        return f"no worker polls its new task queue {queue!r}"
    if _work(after) != _work(before) and _work(after) in plan.unregistered:
        return f"no worker on task queue {queue!r} registers workflow {after.action.workflow}"
    return ""


def _why_silent(before: model.Schedule, after: model.Schedule, now: datetime.datetime) -> str:
    """Return why it does not fire again within several of its usual periods; empty if it does.

    A schedule is not stopped if it just becomes less frequent: it fires within one new period, and within a year.
    """
    if (before.timing, before.remaining_actions) == (after.timing, after.remaining_actions):
        return ""
    if after.remaining_actions == 0:
        return "no actions remain"
    if not zones.is_known(after.timing.timezone):
        return ""
    first = next(prospects.upcoming(after, now), None)
    if first is None:
        return "never fires again"
    if first <= now + LEAST and after.remaining_actions is None and rates.is_endless(after.timing):
        return ""  # skips computing the usual periods, which takes milliseconds
    horizon = now + max(LEAST, PERIODS * _usual_period(before, now))
    if first > horizon:
        period = _longest_gap(prospects.upcoming(after, now))
        slower = first - now <= min(period, _YEAR)
        return "" if slower or first <= _first(before, now) else f"does not fire before {first:%Y-%m-%d %H:%M} UTC"
    if _is_over(after, now, horizon) and not _is_over(before, now, horizon):
        return f"fires for the last time before {horizon:%Y-%m-%d %H:%M} UTC"
    return ""


def _first(schedule: model.Schedule, now: datetime.datetime) -> datetime.datetime:
    return next(prospects.upcoming(schedule, now), now)


def _usual_period(schedule: model.Schedule, now: datetime.datetime) -> datetime.timedelta:
    """Return the longest wait until and between the next firings; zero in an unknown time zone."""
    return _longest_gap(itertools.chain([now], prospects.upcoming(schedule, now)))


def _longest_gap(moments: Iterator[datetime.datetime]) -> datetime.timedelta:
    pairs = itertools.pairwise(itertools.islice(moments, _FIRINGS))
    return max((later - earlier for earlier, later in pairs), default=datetime.timedelta(0))


def _is_over(schedule: model.Schedule, now: datetime.datetime, horizon: datetime.datetime) -> bool:
    """Return whether the last firing comes before the horizon."""
    if not zones.is_known(schedule.timing.timezone):
        return False
    remaining = schedule.remaining_actions
    if remaining is not None and rates.is_reached(schedule.timing, remaining, now, horizon):
        return True
    return next(times.upcoming(schedule.timing, horizon), None) is None


def _allotted(action: model.Action) -> datetime.timedelta:
    """Return the shortest timeout of a run or its tasks; `timedelta.max` if none is set."""
    set_ = [each for each in (action.execution_timeout, action.run_timeout, action.task_timeout) if each]
    return min(set_, default=datetime.timedelta.max)
