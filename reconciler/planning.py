"""Desired and live to a plan: which verb, for which reason, in which order."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping

from reconciler import diffing, model, redacting

_ORDER = tuple(model.Verb)


def managed(schedule_id: str, target: model.Target) -> bool:
    """Tell whether a schedule id is one of ours."""
    return schedule_id.startswith(target.prefix)


def plan(declaration: model.Declaration, live: Mapping[str, model.Live], target: model.Target) -> model.Plan:
    """Return what makes `live` equal to the declaration.

    `live` holds each wanted id that exists and every managed id that is not wanted. The changes come in the
    order of execution (creates, updates, resumes, pauses), by id within a verb, so that the order of neither input
    counts.
    """
    wanted = {charter.schedule.id for charter in declaration.charters}
    changes = [
        *(_wanted(charter, live.get(charter.schedule.id)) for charter in declaration.charters),
        *(_unwanted(found, declaration.path) for id_, found in live.items() if id_ not in wanted),
    ]
    changes.sort(key=lambda change: (_ORDER.index(change.verb), change.id))
    return model.Plan(
        target=target,
        spec_path=declaration.path,
        governed=declaration.governed,
        environment=declaration.environment,
        changes=tuple(changes),
        digest=digest(target, changes),
    )


def plan_from_snapshot(
    declaration: model.Declaration,
    live: Mapping[str, model.Live],
    target: model.Target,
    taken_at: datetime.datetime,
) -> model.Plan:
    """Return the plan for schedules whose secrets are redacted: those of the declaration are redacted to compare."""
    charters = (
        dataclasses.replace(charter, schedule=redacting.schedule(charter.schedule)) for charter in declaration.charters
    )
    found = plan(dataclasses.replace(declaration, charters=tuple(charters)), live, target)
    return dataclasses.replace(found, as_of=taken_at)


def _wanted(charter: model.Charter, live: model.Live | None) -> model.Change:
    path = charter.place.path
    if live is None:
        note = _declared_note(path) if charter.schedule.paused else _managed_note(path)
        after = dataclasses.replace(charter.schedule, note=charter.schedule.note or note)
        verb, reason, fields = model.Verb.CREATE, model.Reason.NEW, diffing.everything(charter.schedule)
    else:
        fields = diffing.diff(live.schedule, charter.schedule)
        verb, reason = _verb(live.schedule, charter.schedule, fields)
        after = diffing.settled(live.schedule, charter.schedule)
        if charter.schedule.note is None:
            after = dataclasses.replace(after, note=_note(verb, live.schedule.note, path))
    return model.Change(
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
    live: model.Schedule, desired: model.Schedule, fields: Iterable[model.FieldChange]
) -> tuple[model.Verb, model.Reason]:
    if live.paused and not desired.paused:
        return model.Verb.RESUME, _why_paused(live.note or "", desired.note)
    if desired.paused and not live.paused:
        return model.Verb.PAUSE, model.Reason.DECLARED_PAUSED
    if fields:
        return model.Verb.UPDATE, model.Reason.DIFFERENT
    return model.Verb.KEEP, model.Reason.SAME


def _why_paused(note: str, declared_note: str | None) -> model.Reason:
    if note.startswith(_REMOVED):
        return model.Reason.RETURNED
    if note.startswith(_DECLARED) or note == declared_note:
        return model.Reason.UNDECLARED_PAUSED
    return model.Reason.PAUSED_OUTSIDE


def _unwanted(live: model.Live, path: str) -> model.Change:
    paused = dataclasses.replace(live.schedule, paused=True, note=None)
    if live.schedule.paused:
        verb, reason, after = model.Verb.KEEP, model.Reason.ALREADY_PAUSED, live.schedule
    else:
        verb, reason = model.Verb.PAUSE, model.Reason.REMOVED
        after = dataclasses.replace(paused, note=_REMOVED + path)
    return model.Change(
        verb=verb,
        reason=reason,
        after=after,
        live=live,
        charter=None,
        place=None,
        fields=diffing.diff(live.schedule, paused),
    )


_REMOVED = f"{model.PAUSED_BY_US}charter is not in "
_DECLARED = f"{model.PAUSED_BY_US}declared paused in "


def _managed_note(path: str) -> str:
    return f"{model.MANAGED_BY_US}declared in {path}"


def _declared_note(path: str) -> str:
    return _DECLARED + path


def _note(verb: model.Verb, live_note: str | None, path: str) -> str | None:
    """Return the note after a change: what is true of the state, or what stood there."""
    match verb:
        case model.Verb.RESUME:
            return _managed_note(path)
        case model.Verb.PAUSE:
            return _declared_note(path)
        case _:
            return live_note


def digest(target: model.Target, changes: Iterable[model.Change]) -> str:
    """Return `sha256:…` over what the plan means: namespace, prefix and each step's verb, id and fields.

    No times, tokens, addresses or places are in it, so that the same plan has the same digest on any machine and
    at any moment until something that matters changes.
    """
    meaning = {
        "namespace": target.namespace,
        "prefix": target.prefix,
        "steps": [
            [change.verb.word, change.id, [[f.path, *map(_canonical, (f.old, f.new))] for f in change.fields]]
            for change in changes
            if change.verb is not model.Verb.KEEP
        ],
    }
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: model.Json | model.Absent) -> list[model.Json]:
    """Return the value so that an absent one differs from null."""
    return [] if isinstance(value, model.Absent) else [value]
