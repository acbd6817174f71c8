"""Find the schedules that charters had before they were renamed (`was`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.plan import notes, renames
from reconciler.schedule import declarations, model, observed

IsManaged = Callable[[model.Schedule], bool]


def former(
    declaration: declarations.Declaration, live: Mapping[str, observed.Live], is_managed: IsManaged
) -> dict[str, observed.Live]:
    """Return, by charter id, the live schedule that the charter had under its former name, if there is one.

    If the rename was already applied but the charter's own schedule is gone, the former one is omitted, because its
    state is outdated. If both exist and no prefix covers the former id, the former schedule is omitted unless it is
    ours, because someone else could have reused the id.
    """
    owner = declaration.owner or None
    found = {}
    for charter in declaration.charters:
        old = next((live[id_] for id_ in charter.was if id_ in live), None)
        if old is None:
            continue
        if charter.schedule.id not in live:
            is_current = not _was_renamed(old.schedule, charter.schedule.id)
        else:
            is_current = is_managed(old.schedule) or _is_ours(old.schedule, charter.schedule, owner)
        if is_current:
            found[charter.schedule.id] = old
    return found


def related(
    declaration: declarations.Declaration, live: Mapping[str, observed.Live], is_managed: IsManaged
) -> dict[str, observed.Live]:
    """Return the live schedules, except unmanaged ones that merely have a charter's former name."""
    ids = {charter.schedule.id for charter in declaration.charters}
    ids |= {old.schedule.id for old in former(declaration, live, is_managed).values()}
    return {id_: each for id_, each in live.items() if id_ in ids or is_managed(each.schedule)}


def _was_renamed(old: model.Schedule, new: str) -> bool:
    return old.paused and (old.note or "").startswith(notes.renamed(new, ""))


def _is_ours(old: model.Schedule, new: model.Schedule, owner: str | None) -> bool:
    return renames.is_same_work(old, new) if old.owner is None else old.owner == owner
