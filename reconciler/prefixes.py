"""Schedules that another prefix left behind: they keep firing next to those that the new prefix creates."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping

from reconciler import renaming
from reconciler.plan import plans
from reconciler.schedule import declarations, model, observed, ownership


def namesakes(
    listed: Collection[str], declaration: declarations.Declaration, target: observed.Target
) -> Mapping[str, tuple[str, ...]]:
    """Return, for each charter that has no schedule yet, the listed ids that are its name behind another prefix.

    That prefix must end with a character that is neither a letter nor a digit, so that `ops` does not match `devops`.
    """
    new = [each.schedule.id for each in declaration.charters if each.schedule.id not in listed]
    others = sorted(id_ for id_ in listed if not id_.startswith(target.prefix)) if new else []
    found = {id_: _ending(id_.removeprefix(target.prefix), others) for id_ in new}
    return {id_: alike for id_, alike in found.items() if alike}


def _ending(name: str, ids: Collection[str]) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_.endswith(name) and not id_[: -len(name)][-1:].isalnum())


def doubled(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, observed.Live]
) -> tuple[tuple[str, str], ...]:
    """Return each schedule that the plan creates to run, with the running one under another prefix that it doubles.

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
    if old is None or change.renamed_from is not None:
        return change
    return dataclasses.replace(change, renamed_from=old.schedule.id, origin_pause=old.pause or observed.Pause())


def _predecessors(
    plan: plans.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, observed.Live]
) -> Iterator[tuple[str, observed.Live]]:
    """Yield each schedule that the plan creates to run, with each of ours that has its name under another prefix."""
    for change in plan.changes:
        if change.live is None and not change.after.paused:
            live = (found[old] for old in alike.get(change.id, ()) if old in found)
            yield from ((change.id, old) for old in live if _is_ours(old.schedule, change.after))


def _is_paused_by_hand(old: model.Schedule) -> bool:
    """Return whether it is paused, and not by us because its charter was removed or declared the pause."""
    return old.paused and not (old.note or "").startswith(ownership.PAUSED_BY_US)


def _is_ours(old: model.Schedule, new: model.Schedule) -> bool:
    if old.owner is None:
        return renaming.is_renamed(old, new)
    return old.owner == new.owner
