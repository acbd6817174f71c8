"""Find charters that were probably renamed: each appears as a create and a pause."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from reconciler.plan import diff, notes, plans
from reconciler.schedule import model, observed

_LIKENESS = 0.6  # how similar the names of two equal schedules must be to count as a rename


def pointed_out(changes: Iterable[plans.Change]) -> list[plans.Change]:
    """Return the changes; a create that resembles a schedule whose charter was removed gets that schedule's id.

    Manually paused schedules are also considered, because the rename drops their pause; schedules that we paused
    because their charter was removed are not.
    """
    all_ = list(changes)
    uncharted = [change for change in all_ if _lost_charter(change)]
    return [_with_origin(change, uncharted) if change.verb is plans.Verb.CREATE else change for change in all_]


def _lost_charter(change: plans.Change) -> bool:
    """Return whether the schedule may have just lost its charter; one that we paused as removed lost it before."""
    if change.reason is plans.Reason.ALREADY_PAUSED and change.live:
        return not notes.is_removed(change.live.schedule.note)
    return change.reason is plans.Reason.REMOVED


def _with_origin(created: plans.Change, uncharted: Iterable[plans.Change]) -> plans.Change:
    alike = [change for change in uncharted if change.live and is_renamed(change.live.schedule, created.after)]
    nearest = max(alike, key=lambda change: _likeness(change.id, created.id), default=None)
    if nearest is None or nearest.live is None:
        return created
    paused = nearest.reason is plans.Reason.ALREADY_PAUSED
    pause = (nearest.live.pause or observed.Pause()) if paused else None
    return dataclasses.replace(created, renamed_from=nearest.id, origin_pause=pause)


def is_renamed(old: model.Schedule, new: model.Schedule) -> bool:
    """Return whether two schedules do the same work and have similar names."""
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
    """Return how similar two ids are after their prefix, from 0 to 1; 1 if one of them begins with the other."""
    left, right = old.rpartition(":")[2], new.rpartition(":")[2]
    if left.startswith(right) or right.startswith(left):
        return 1.0
    return difflib.SequenceMatcher(None, left, right).ratio()
