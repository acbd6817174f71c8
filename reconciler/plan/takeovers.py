"""Find schedules without our mark that a plan would take over and change to run something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.plan import diff, plans
from reconciler.schedule import model, observed, ownership


def takeovers(plan: plans.Plan) -> tuple[plans.Change, ...]:
    """Return the steps that take over a schedule and change its workflow type, task queue, or all of its arguments."""
    return tuple(change for change in plan.steps if _takes_over(change, plan.target))


def taken(change: plans.Change) -> str:
    """Return the id of the live schedule that a step takes over: its former id if the step renames it."""
    return change.before.schedule.id if change.before else change.id


def changes(change: plans.Change) -> str:
    """Return which parts of a schedule's work a takeover changes (`workflow type, task queue`); empty if none."""
    if change.before is None:
        return ""
    live, after = change.before.schedule.action, change.after.action
    differs = {
        "workflow type": live.workflow != after.workflow,
        "task queue": live.task_queue != after.task_queue,
        "arguments": _are_replaced(live.arguments, after.arguments),
    }
    return ", ".join(name for name, is_changed in differs.items() if is_changed)


def _takes_over(change: plans.Change, target: observed.Target) -> bool:
    """Return whether a step takes over a schedule that is not provably ours and changes what it runs.

    Without an owner, every schedule with the prefix is ours; a schedule that is renamed may have neither of them.
    """
    if change.before is None:
        return False
    owner, is_managed = change.before.schedule.owner, ownership.claims(target.prefixes, change.before.schedule.id)
    if owner == change.after.owner and (owner is not None or is_managed or change.origin is None):
        return False
    return bool(changes(change)) and (change.after.owner is not None or change.origin is not None)


def _are_replaced(live: Sequence[model.AnyArgument], after: Sequence[model.AnyArgument]) -> bool:
    """Return whether none of the arguments remains; an object remains if more than half of its keys do."""
    return bool(live) and not any(map(_remains, live, after))


def _remains(live: model.AnyArgument, after: model.AnyArgument) -> bool:
    if isinstance(live, Mapping) and isinstance(after, Mapping) and live:
        return 2 * len(live.keys() & after.keys()) > len(live)
    return diff.same_json(live, after)
