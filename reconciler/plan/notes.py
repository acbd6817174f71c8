"""Write schedules' notes, and interpret them."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Mapping

from reconciler.schedule import observed, ownership

REMOVED = f"{ownership.PAUSED_BY_US}charter is not in "  # begins the note of a schedule whose charter was removed
_RENAMED = f"{ownership.PAUSED_BY_US}renamed to "  # begins the note of a schedule whose charter was renamed
_DECLARED = f"{ownership.PAUSED_BY_US}declared paused in "  # begins the note of a schedule that is declared paused
_TIME = "%Y-%m-%d %H:%M:%S"
_CARRIED = re.compile(
    r"(?:^| \()paused(?: by (?P<by>.+?))?(?: on (?P<at>\d{4}(?:-\d\d){2} \d\d(?::\d\d){2}) UTC)?"
    r", (?:under its former ID|as) \S+$",  # earlier versions wrote `as`
    re.ASCII,
)


def managed(path: str) -> str:
    """Return the note for a schedule that runs as this spec declares."""
    return f"{ownership.MANAGED_BY_US}declared in {path}"


def declared(path: str) -> str:
    """Return the note for a schedule that this spec declares paused."""
    return _DECLARED + path


def removed(path: str) -> str:
    """Return the note for a schedule that was paused because this spec has no charter for it."""
    return REMOVED + path


def renamed(new: str, path: str) -> str:
    """Return the note for a schedule that was paused because its charter was renamed."""
    return f"{_RENAMED}{new} in {path}"


def is_declared(note: str) -> bool:
    """Return whether we paused the schedule because a spec declared it paused."""
    return note.startswith(_DECLARED)


def is_removed(note: str | None) -> bool:
    """Return whether we paused the schedule because its charter was removed or renamed."""
    return (note or "").startswith((REMOVED, _RENAMED))


def carried(note: str | None, former: observed.Live) -> str:
    """Return the note for a schedule that is created paused because a person had paused the one that it replaces.

    It names that person and the time, if known, because the server's history of the new schedule names only us.
    """
    pause, id_ = former.pause or observed.Pause(), former.schedule.id
    if note and _CARRIED.search(note):
        return note
    who = f" by {pause.by}" if pause.by else ""
    when = f" on {pause.at.astimezone(datetime.UTC):{_TIME}} UTC" if pause.at else ""
    under = f"under its former ID {id_}"
    if note is None:
        return f"paused{who}{when}, {under}" if who or when else f"paused outside the spec, {under}"
    return f"{note} (paused{who}{when}, {under})" if who or when else note


def with_carried_pauses(live: Mapping[str, observed.Live]) -> dict[str, observed.Live]:
    """Return the live schedules; one that a rename created as paused gets the pause that its note describes."""
    return {id_: _with_carried_pause(each) for id_, each in live.items()}


def _with_carried_pause(live: observed.Live) -> observed.Live:
    found = _CARRIED.search(live.schedule.note or "")
    if not live.schedule.paused or found is None:
        return live
    at = found["at"] and datetime.datetime.strptime(found["at"], _TIME).replace(tzinfo=datetime.UTC)
    return dataclasses.replace(live, pause=observed.Pause(by=found["by"] or "", at=at or None))
