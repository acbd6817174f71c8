"""A charter that got another name shows as one create and one pause: say that they are likely the same."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from reconciler import diffing, model

_LIKENESS = 0.6  # of the names, from which an equal timing is taken for more than chance


def pointed_out(changes: Iterable[model.Change]) -> list[model.Change]:
    """Return the changes, each create that looks like a schedule that is paused as removed with that one's id."""
    all_ = list(changes)
    removed = [change for change in all_ if change.reason is model.Reason.REMOVED]
    return [_with_origin(change, removed) if change.verb is model.Verb.CREATE else change for change in all_]


def _with_origin(created: model.Change, removed: Iterable[model.Change]) -> model.Change:
    alike = [change for change in removed if change.live and _is_renamed(change.live.schedule, created.after)]
    nearest = max(alike, key=lambda change: _likeness(change.id, created.id), default=None)
    return dataclasses.replace(created, renamed_from=nearest.id if nearest else None)


def _is_renamed(old: model.Schedule, new: model.Schedule) -> bool:
    """Tell whether two schedules are the same but for their names."""
    if (old.timing, old.action.workflow, old.action.task_queue) != (
        *(new.timing, new.action.workflow, new.action.task_queue),
    ):
        return False
    return _likeness(old.id, new.id) >= _LIKENESS and diffing.same_json(_input(old), _input(new))


def _input(schedule: model.Schedule) -> model.Argument:
    first = schedule.action.arguments[0] if schedule.action.arguments else None
    return first.get("input") if isinstance(first, dict) else first


def _likeness(old: str, new: str) -> float:
    """Return how alike two ids are behind the prefix that they share, 0 to 1; the beginning of the other is alike."""
    left, right = old.rpartition(":")[2], new.rpartition(":")[2]
    if left.startswith(right) or right.startswith(left):
        return 1.0
    return difflib.SequenceMatcher(None, left, right).ratio()
