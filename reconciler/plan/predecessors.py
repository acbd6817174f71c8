"""Find the schedules that charters had before they were renamed (`was`)."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable, Mapping

from reconciler.plan import renames
from reconciler.schedule import declarations, model, observed

IsManaged = Callable[[model.Schedule], bool]


def former(
    declaration: declarations.Declaration, live: Mapping[str, observed.Live], is_managed: IsManaged
) -> dict[str, observed.Live]:
    """Return, by a charter's id, the live schedule that it had under its former name, if that exists.

    One whose rename was already applied is left out if the charter's own schedule is gone: its state is outdated. Once
    the charter's own schedule exists, an id that no prefix covers could have been reused by someone else.
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
    """Return the live schedules without those that only have the name that a charter had."""
    ids = {charter.schedule.id for charter in declaration.charters}
    ids |= {old.schedule.id for old in former(declaration, live, is_managed).values()}
    return {id_: each for id_, each in live.items() if id_ in ids or is_managed(each.schedule)}


def note(new: str, path: str) -> str:
    """Return the note of a schedule that was paused because its charter has another name now."""
    return f"{renames.RENAMED}{new} in {path}"


def carried_note(note: str | None, former: observed.Live) -> str:
    """Return the note of a schedule that is created paused because a person had paused the one that it replaces.

    It names that person and the time, if they are known, as the server's history of the new schedule names only us.
    """
    pause, id_ = former.pause or observed.Pause(), former.schedule.id
    if note and _CARRIED.search(note):
        return note
    who = f" by {pause.by}" if pause.by else ""
    when = f" on {pause.at.astimezone(datetime.UTC):{_TIME}} UTC" if pause.at else ""
    if note is None:
        return f"paused{who}{when}, as {id_}" if who or when else f"paused outside the spec, as {id_}"
    return f"{note} (paused{who}{when}, as {id_})" if who or when else note


def with_carried_pauses(live: Mapping[str, observed.Live]) -> dict[str, observed.Live]:
    """Return the live schedules, each that a rename created paused with the pause that its note names."""
    return {id_: _with_carried_pause(each) for id_, each in live.items()}


def _with_carried_pause(live: observed.Live) -> observed.Live:
    found = _CARRIED.search(live.schedule.note or "")
    if not live.schedule.paused or found is None:
        return live
    at = found["at"] and datetime.datetime.strptime(found["at"], _TIME).replace(tzinfo=datetime.UTC)
    return dataclasses.replace(live, pause=observed.Pause(by=found["by"] or "", at=at or None))


_TIME = "%Y-%m-%d %H:%M:%S"
_CARRIED = re.compile(
    r"(?:^| \()paused(?: by (?P<by>.+?))?(?: on (?P<at>\d{4}(?:-\d\d){2} \d\d(?::\d\d){2}) UTC)?, as \S+$", re.ASCII
)


def _was_renamed(old: model.Schedule, new: str) -> bool:
    return old.paused and (old.note or "").startswith(note(new, ""))


def _is_ours(old: model.Schedule, new: model.Schedule, owner: str | None) -> bool:
    return renames.is_same_work(old, new) if old.owner is None else old.owner == owner
