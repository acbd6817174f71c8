"""Schedules that another prefix left behind: they keep firing next to those that the new prefix creates."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping

from reconciler.plan import plans, renames
from reconciler.schedule import model, observed, ownership


def namesakes(listed: Collection[str], plan: plans.Plan) -> Mapping[str, tuple[str, ...]]:
    """Return, for each schedule that the plan starts to run, the listed ids that are its name behind another prefix."""
    starting = [change.id for change in plan.changes if _starts(change)]
    others = sorted(id_ for id_ in listed if not id_.startswith(plan.target.prefix)) if starting else []
    found = {id_: _ending(_name(id_, plan), others) for id_ in starting}
    return {id_: alike for id_, alike in found.items() if alike}


def _starts(change: plans.Change) -> bool:
    """Return whether its charter is new or back: a prefix that changes and changes back resumes what it paused."""
    return not change.after.paused and (change.live is None or change.reason is plans.Reason.RETURNED)


def _name(schedule_id: str, plan: plans.Plan) -> str:
    return schedule_id.removeprefix(plan.target.prefix)


def _ending(name: str, ids: Collection[str]) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_.endswith(name))


def doubled(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, observed.Live]
) -> tuple[tuple[str, str], ...]:
    """Return each schedule that the plan starts to run, with the running one under another prefix that it doubles.

    That one carries our own mark, or no mark and does the same work; another owner's is never one.
    """
    found_alike = _predecessors(plan, alike, found)
    return tuple((new, old.schedule.id) for new, old in found_alike if not old.schedule.paused)


def pointed_out(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, observed.Live]
) -> plans.Plan:
    """Return the plan, each new schedule with the one under another prefix that a person paused."""
    paused = {new: old for new, old in _predecessors(plan, alike, found) if _is_paused_by_hand(old.schedule)}
    changes = (_with_origin(change, paused.get(change.id)) for change in plan.changes)
    return dataclasses.replace(plan, changes=tuple(changes))


def _with_origin(change: plans.Change, old: observed.Live | None) -> plans.Change:
    if old is None or change.live is not None or change.renamed_from is not None:
        return change
    return dataclasses.replace(change, renamed_from=old.schedule.id, origin_pause=old.pause or observed.Pause())


def _predecessors(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, observed.Live]
) -> Iterator[tuple[str, observed.Live]]:
    """Yield each schedule that the plan starts to run, with each of ours that has its name under another prefix."""
    for change in filter(_starts, plan.changes):
        live = (found[old] for old in alike.get(change.id, ()) if old in found)
        yield from ((change.id, old) for old in live if _is_ours(old.schedule, change.after, _name(change.id, plan)))


def _is_paused_by_hand(old: model.Schedule) -> bool:
    """Return whether it is paused, and not by us because its charter was removed or declared the pause."""
    return old.paused and not (old.note or "").startswith(ownership.PAUSED_BY_US)


def _is_ours(old: model.Schedule, new: model.Schedule, name: str) -> bool:
    """Return whether the old one is of the charter `name`: `devops` is not `ops`, unless its prefix is `dev`."""
    is_separated = not old.id.removesuffix(name)[-1:].isalnum()
    if not is_separated and _charter(old) != name:
        return False
    return renames.is_same_work(old, new) if old.owner is None else old.owner == new.owner


def _charter(schedule: model.Schedule) -> str:
    """Return the charter's name that its runs get, in lower case as in ids; empty where they get none."""
    first = schedule.action.arguments[0] if schedule.action.arguments else None
    name = first.get("charter") if isinstance(first, dict) else None
    return name.lower() if isinstance(name, str) else ""
