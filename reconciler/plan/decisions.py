"""Decide what happens to one schedule: the verb of its change, and the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from reconciler.plan import diff, notes, plans
from reconciler.schedule import declarations, ignored, model, observed, ownership

_KEEP = "keep"  # a value of `manual_pauses`


def for_charter(
    charter: declarations.Charter, live: observed.Live | None, declaration: declarations.Declaration
) -> plans.Change:
    """Return the change that makes a schedule match its charter."""
    desired = charter.schedule
    if live is None:
        return _creation(charter, desired)
    if is_foreign(live.schedule, declaration) and not declaration.adopt:
        return new(charter, plans.Verb.KEEP, plans.Reason.OWNED, live.schedule, live)
    kept = ignored.kept(desired, live.schedule)
    possible, unchangeable = _possible(kept, live)
    change = _difference(charter, possible, live, declaration)
    if unchangeable:
        change = dataclasses.replace(change, unchangeable=unchangeable)
    if not desired.ignore:
        return change
    shown = {each.path for each in (*change.fields, *unchangeable)}
    hidden = (each for each in diff.diff(live.schedule, desired) if each.path not in shown)
    return dataclasses.replace(change, ignored=tuple(hidden))


def _possible(desired: model.Schedule, live: observed.Live) -> tuple[model.Schedule, tuple[plans.FieldChange, ...]]:
    """Return the desired schedule, limited to what the server can change in the live one, and what it cannot change."""
    if not live.memo_is_fixed or desired.memo is None:
        return desired, ()
    alike = dataclasses.replace(live.schedule, not_secret=desired.not_secret, salt=desired.salt)
    unchangeable = diff.diff(live.schedule, dataclasses.replace(alike, memo=desired.memo))
    return dataclasses.replace(desired, memo=live.schedule.memo), unchangeable


def _difference(
    charter: declarations.Charter, desired: model.Schedule, live: observed.Live, declaration: declarations.Declaration
) -> plans.Change:
    if keeps_manual_pause(desired, live, declaration):
        return _left_paused(charter, desired, live)
    after = diff.settled(live.schedule, desired)
    fields = diff.from_settled(live.schedule, after)
    verb, reason = _verb(live, desired, fields)
    note = _note(verb, live.schedule.note, charter.place.path)
    if desired.note is None and note != after.note:
        after = dataclasses.replace(after, note=note)
    return new(charter, verb, reason, after, live, fields)


def _creation(charter: declarations.Charter, desired: model.Schedule) -> plans.Change:
    path = charter.place.path
    note = notes.declared(path) if desired.paused else notes.managed(path)
    after = dataclasses.replace(desired, note=desired.note or note)
    return new(charter, plans.Verb.CREATE, plans.Reason.NEW, after, None, diff.everything(desired))


def keeps_manual_pause(desired: model.Schedule, live: observed.Live, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule stays paused because a person or a failed run paused it, although it should run."""
    keeps = declaration.keep_manual_pauses or desired.manual_pauses == _KEEP
    if not keeps or desired.paused or not live.schedule.paused:
        return False
    reason = _why_paused(live, desired.note)
    return reason in (plans.Reason.PAUSED_OUTSIDE, plans.Reason.PAUSED_ON_FAILURE)


def _left_paused(charter: declarations.Charter, desired: model.Schedule, live: observed.Live) -> plans.Change:
    """Return the change to a schedule whose manual pause and note are kept."""
    paused = dataclasses.replace(desired, paused=True, note=live.schedule.note)
    fields = diff.diff(live.schedule, paused)
    verb, reason = plans.Verb.KEEP, plans.Reason.MANUAL_PAUSE
    if fields:
        verb, reason = plans.Verb.UPDATE, plans.Reason.DIFFERENT
    return new(charter, verb, reason, diff.settled(live.schedule, paused), live, fields)


def new(
    charter: declarations.Charter,
    verb: plans.Verb,
    reason: plans.Reason,
    after: model.Schedule,
    live: observed.Live | None,
    fields: tuple[plans.FieldChange, ...] = (),
) -> plans.Change:
    """Return a change to the charter's schedule."""
    return plans.Change(
        verb=verb,
        reason=reason,
        after=after,
        live=live,
        charter=charter.name,
        place=charter.place,
        fields=fields,
        overrides=charter.overrides,
    )


def _verb(
    live: observed.Live, desired: model.Schedule, fields: Iterable[plans.FieldChange]
) -> tuple[plans.Verb, plans.Reason]:
    if live.schedule.paused and not desired.paused:
        return plans.Verb.RESUME, _why_paused(live, desired.note)
    if desired.paused and not live.schedule.paused:
        return plans.Verb.PAUSE, plans.Reason.DECLARED_PAUSED
    if fields:
        return plans.Verb.UPDATE, plans.Reason.DIFFERENT
    return plans.Verb.KEEP, plans.Reason.LISTED if live.assumed else plans.Reason.SAME


def _why_paused(live: observed.Live, declared_note: str | None) -> plans.Reason:
    """Return why a schedule is paused, based on its note and, if that is the charter's own, on who paused it.

    The charter's note is kept when a person pauses the schedule by updating it, and also when we pause it as declared,
    so the note alone proves nothing: unless the server names us as the author of the pause, a person paused it.
    """
    note = live.schedule.note or ""
    if notes.is_removed(note):
        return plans.Reason.RETURNED
    ours = note == declared_note and live.pause is not None and live.pause.is_ours
    if notes.is_declared(note) or ours:
        return plans.Reason.UNDECLARED_PAUSED
    if note.startswith(ownership.PAUSED_ON_FAILURE):
        return plans.Reason.PAUSED_ON_FAILURE
    return plans.Reason.PAUSED_OUTSIDE


def _note(verb: plans.Verb, live_note: str | None, path: str) -> str | None:
    """Return the note after a change: one that describes the new state, or else the previous one."""
    match verb:
        case plans.Verb.RESUME:
            return notes.managed(path)
        case plans.Verb.PAUSE:
            return notes.declared(path)
        case plans.Verb.UPDATE if notes.is_removed(live_note):  # back in the spec, and declared paused
            return notes.declared(path)
        case _:
            return live_note


def for_undeclared(live: observed.Live, path: str) -> plans.Change:
    """Return the change to a schedule without a charter: a pause, unless it is already paused."""
    paused = dataclasses.replace(live.schedule, paused=True, note=None)
    if live.schedule.paused:
        verb, reason, after = plans.Verb.KEEP, plans.Reason.ALREADY_PAUSED, live.schedule
    else:
        verb, reason = plans.Verb.PAUSE, plans.Reason.REMOVED
        after = dataclasses.replace(paused, note=notes.removed(path), seal=live.next_seal)
    return plans.Change(
        verb=verb,
        reason=reason,
        after=after,
        live=live,
        charter=None,
        place=None,
        fields=diff.diff(live.schedule, paused),
    )


def is_foreign(live: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule carries another owner's mark."""
    return live.owner is not None and live.owner != declaration.owner


def is_ours(live: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether an undeclared schedule is managed."""
    return ownership.is_ours(declaration.prefixes, declaration.owner, live.id, live.owner)
