"""Find charters that were probably renamed: each appears as one create and one pause."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from reconciler.plan import diff, plans
from reconciler.schedule import model, observed, ownership

REMOVED = f"{ownership.PAUSED_BY_US}charter is not in "  # the note of what was paused since its charter was removed
_LIKENESS = 0.6  # of the names, from which an equal timing is considered more than chance


def pointed_out(changes: Iterable[plans.Change]) -> list[plans.Change]:
    """Return the changes, each create that looks like a schedule without a charter with that one's id.

    One that was paused before, by anybody but us as removed, is looked at as well: its pause does not come along.
    """
    all_ = list(changes)
    left = [change for change in all_ if _is_left(change)]
    return [_with_origin(change, left) if change.verb is plans.Verb.CREATE else change for change in all_]


def _is_left(change: plans.Change) -> bool:
    """Return whether it may have lost its charter just now; what we paused as removed lost it before."""
    if change.reason is plans.Reason.ALREADY_PAUSED and change.live:
        return not (change.live.schedule.note or "").startswith(REMOVED)
    return change.reason is plans.Reason.REMOVED


def _with_origin(created: plans.Change, left: Iterable[plans.Change]) -> plans.Change:
    alike = [change for change in left if change.live and is_renamed(change.live.schedule, created.after)]
    nearest = max(alike, key=lambda change: _likeness(change.id, created.id), default=None)
    if nearest is None or nearest.live is None:
        return created
    paused = nearest.reason is plans.Reason.ALREADY_PAUSED
    pause = (nearest.live.pause or observed.Pause()) if paused else None
    return dataclasses.replace(created, renamed_from=nearest.id, origin_pause=pause)


def is_renamed(old: model.Schedule, new: model.Schedule) -> bool:
    """Return whether two schedules do the same work and their names are alike."""
    return is_same_work(old, new) and _likeness(old.id, new.id) >= _LIKENESS


def is_same_work(old: model.Schedule, new: model.Schedule) -> bool:
    """Return whether two schedules run the same workflow with the same input at the same times, on the same queue."""
    if (old.timing, old.action.workflow, old.action.task_queue) != (
        *(new.timing, new.action.workflow, new.action.task_queue),
    ):
        return False
    return diff.same_json(_input(old), _input(new))


def _input(schedule: model.Schedule) -> model.AnyArgument:
    first = schedule.action.arguments[0] if schedule.action.arguments else None
    return first.get("input") if isinstance(first, dict) else first


def _likeness(old: str, new: str) -> float:
    """Return how alike two ids are behind the prefix that they share, 0 to 1; the beginning of the other is alike."""
    left, right = old.rpartition(":")[2], new.rpartition(":")[2]
    if left.startswith(right) or right.startswith(left):
        return 1.0
    return difflib.SequenceMatcher(None, left, right).ratio()
