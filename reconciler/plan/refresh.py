"""Decide from the listing which declared schedules need no Describe, for a plan that reads less."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from reconciler.schedule import declarations, model, observed


def assumed(declaration: declarations.Declaration, listed: Mapping[str, observed.Listed]) -> dict[str, observed.Live]:
    """Return the declared schedules that the listing shows as declared, each as if it was what the spec declares.

    A listing has the times, the workflow type, the note and whether it is paused; the arguments, the task queue, the
    policies and the owner are taken for granted. A charter that replaces another one is never among them.
    """
    found = {}
    for charter in declaration.charters:
        desired, entry = charter.schedule, listed.get(charter.schedule.id)
        if entry is not None and not charter.was and _is_shown(desired, entry):
            schedule = dataclasses.replace(desired, note=entry.note, owner=declaration.owner or None)
            found[desired.id] = observed.Live(schedule=schedule, token=b"", assumed=True)
    return found


def _is_shown(desired: model.Schedule, listed: observed.Listed) -> bool:
    return (
        listed.workflow == desired.action.workflow
        and listed.paused is desired.paused
        and desired.note in (None, listed.note)
        and listed.timing == desired.timing
    )
