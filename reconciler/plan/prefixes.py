"""Find schedules under a previous prefix, which keep firing alongside those created under the new prefix."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.plan import plans, renames
from reconciler.schedule import model, observed, ownership


def namesakes(listed: Collection[str], plan: plans.Plan) -> Mapping[str, tuple[str, ...]]:
    """Return, for each schedule that the plan starts, the listed ids that have its name under another prefix."""
    starting = [change.id for change in plan.changes if _starts(change)]
    others = _others(listed, plan) if starting else []
    alike = {id_: _ending(_name(id_, plan), others) for id_ in starting}
    return {id_: ids for id_, ids in alike.items() if ids}


def _starts(change: plans.Change) -> bool:
    """Return whether its charter is new or back in the spec: changing a prefix back resumes what was paused."""
    return not change.after.paused and (change.live is None or change.reason is plans.Reason.RETURNED)


def _others(listed: Iterable[str], plan: plans.Plan) -> list[str]:
    """Return the listed ids that are neither in the plan nor left out of it because they have another owner's mark."""
    planned = {change.id for change in plan.changes} | {change.origin.id for change in plan.changes if change.origin}
    return sorted(id_ for id_ in listed if id_ not in planned and not ownership.claims(plan.target.prefixes, id_))


def _name(schedule_id: str, plan: plans.Plan) -> str:
    return ownership.name(plan.target.prefixes, schedule_id)


def _ending(name: str, ids: Collection[str]) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_.endswith(name))


def doubled(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], live: Mapping[str, observed.Live]
) -> tuple[tuple[str, str], ...]:
    """Return each schedule that the plan starts, with the running one under another prefix that it would duplicate.

    The running one carries our own mark, or carries none and does the same work; it is never another owner's.
    """
    predecessors = _predecessors(plan, alike, live)
    return tuple((new, old.schedule.id) for new, old in predecessors if not old.schedule.paused)


def pointed_out(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], live: Mapping[str, observed.Live]
) -> plans.Plan:
    """Return the plan; a new schedule names its predecessor under another prefix if a person paused that schedule."""
    paused = {new: old for new, old in _predecessors(plan, alike, live) if _is_paused_by_hand(old.schedule)}
    changes = (_with_origin(change, paused.get(change.id)) for change in plan.changes)
    return dataclasses.replace(plan, changes=tuple(changes))


def _with_origin(change: plans.Change, old: observed.Live | None) -> plans.Change:
    if old is None or change.live is not None or change.renamed_from is not None:
        return change
    return dataclasses.replace(change, renamed_from=old.schedule.id, origin_pause=old.pause or observed.Pause())


def _predecessors(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], live: Mapping[str, observed.Live]
) -> Iterator[tuple[str, observed.Live]]:
    """Yield each schedule that the plan starts with each of our schedules of the same name under another prefix."""
    for change in filter(_starts, plan.changes):
        candidates = (live[old] for old in alike.get(change.id, ()) if old in live)
        yield from (
            (change.id, old) for old in candidates if _is_ours(old.schedule, change.after, _name(change.id, plan))
        )


def _is_paused_by_hand(old: model.Schedule) -> bool:
    """Return whether it is paused, but not by us (a removed charter or a declared pause)."""
    return old.paused and not (old.note or "").startswith(ownership.PAUSED_BY_US)


def _is_ours(old: model.Schedule, new: model.Schedule, name: str) -> bool:
    """Return whether the old schedule belongs to charter `name`: `devops` is not `ops`, unless its prefix is `dev`."""
    is_separated = not old.id.removesuffix(name)[-1:].isalnum()
    if not is_separated and _charter(old) != name:
        return False
    return renames.is_same_work(old, new) if old.owner is None else old.owner == new.owner


def _charter(schedule: model.Schedule) -> str:
    """Return the charter's name in the workflow's argument, in lower case as in ids; empty if it has none."""
    first = schedule.action.arguments[0] if schedule.action.arguments else None
    name = first.get("charter") if isinstance(first, dict) else None
    return name.lower() if isinstance(name, str) else ""
