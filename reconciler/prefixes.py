"""Schedules that another prefix left behind: they keep firing next to those that the new prefix creates."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler import model, renaming


def namesakes(
    listed: Collection[str], declaration: model.Declaration, target: model.Target
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
    plan: model.Plan, alike: Mapping[str, tuple[str, ...]], found: Mapping[str, model.Live]
) -> tuple[tuple[str, str], ...]:
    """Return each schedule that the plan creates to run, with the running one under another prefix that it doubles.

    That one carries our own mark, or no mark and does the same work; another owner's is never one.
    """
    created = {each.id: each.after for each in plan.changes if each.live is None and not each.after.paused}
    pairs = ((new, found[old].schedule) for new in created for old in alike.get(new, ()) if old in found)
    return tuple((new, old.id) for new, old in pairs if not old.paused and _is_ours(old, created[new]))


def _is_ours(old: model.Schedule, new: model.Schedule) -> bool:
    if old.owner is None:
        return renaming.is_renamed(old, new)
    return old.owner == new.owner
