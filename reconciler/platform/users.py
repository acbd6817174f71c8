"""Users' schedules, which are rows in the database, validated and read by the same rules as charters."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler import errors, json_values
from reconciler.plan import notes
from reconciler.platform import executions
from reconciler.repospec import charters, locations, problems, rules, shape, values, variables
from reconciler.schedule import declarations, fields, governed, model, observed, ownership
from reconciler.timing import cron, timings

PREFIXES: ownership.Prefixes = ("",)  # for users' schedules, whose IDs are UUIDs
PATH = "the database"  # the source of the declarations, in notes and plans
_KEYS = {"entrypoint": "workflow"}  # the column name for a charter's key
_MOST_VALUES = 10_000  # in an input, including nested ones; reading more would delay other requests
_MOST_CHARACTERS = 2_000  # in a cron expression, time zone, or workflow
_SURROGATE = re.compile("[\ud800-\udfff]")
_AT: values.Path = (*rules.SCHEDULES, 0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What rows declare; `unread` maps the ID of each row that cannot be read as a schedule to the reason."""

    declaration: declarations.Declaration
    unread: Mapping[str, str]


def declaration(rows: Iterable[executions.UserSchedule], owner: str, *, keep_manual_pauses: bool = False) -> Declared:
    """Return the schedules declared by the rows that are not deleted, with the owner's mark."""
    declared: list[declarations.Charter] = []
    unread: dict[str, str] = {}
    for row in rows:
        try:
            if row.deleted_at is None:
                declared.append(charter(row))
        except errors.InvalidSpecError as error:
            unread[row.temporal_schedule_id] = error.message.partition("\n")[0]
    return Declared(
        declaration=declarations.Declaration(
            path=PATH,
            charters=tuple(declared),
            prefixes=PREFIXES,
            owner=owner,
            of_users=True,
            keep_manual_pauses=keep_manual_pauses,
        ),
        unread=unread,
    )


def charter(row: executions.UserSchedule) -> declarations.Charter:
    """Return the schedule that a row declares.

    Raises `problems.InvalidSpecError` with every reason why Temporal would reject it; a problem's `place.path` is the
    key: `cron`, `timezone`, `workflow`, or `input`.
    """
    found = _schedule(row)
    id_ = row.temporal_schedule_id
    argument = governed.argument(id_, row.id, charter=None, entrypoint=row.workflow, input_=row.input)
    canonical = json_values.canonical(argument)  # like values from charters and from the server
    schedule = dataclasses.replace(
        found,
        id=id_,
        paused=not row.enabled,
        note=_note(row),
        action=dataclasses.replace(found.action, workflow_id=id_, arguments=(canonical,)),
    )
    return declarations.Charter(
        name=row.workflow, place=declarations.Place(path=PATH, line=0, column=0), schedule=schedule
    )


def is_shown(row: executions.Outline, listed: observed.Listed | None) -> bool:
    """Return whether a list entry shows the schedule that a row declares, at the row's revision.

    A list entry has no arguments, task queue, or policies, so a change to these is missed unless it changes the note.
    """
    return (
        listed is not None
        and row.deleted_at is None
        and listed.note == _note(row)
        and listed.paused is not row.enabled
        and listed.workflow == governed.WORKFLOW
        and listed.timing == _timing(row.cron, row.timezone)
    )


def _note(row: executions.UserSchedule | executions.Outline) -> str:
    """Return the note that contains a row's revision; it is written together with the rest of the schedule."""
    where = f"{PATH}, revision {row.revision}"
    return notes.managed(where) if row.enabled else notes.declared(where)


@functools.lru_cache(maxsize=20_000)
def _timing(text: str, timezone: str) -> timings.Timing | None:
    """Return a row's times; None if they are no longer accepted."""
    try:
        return fields.read({"cron": text, "timezone": timezone, "charter": "", "entrypoint": ""}, "").timing
    except cron.CronError:
        return None


def _schedule(row: executions.UserSchedule) -> model.Schedule:
    """Return the schedule that an equivalent charter declares."""
    charter: dict[str, Any] = {
        "charter": "USER",
        "cron": row.cron,
        "entrypoint": row.workflow,
        "input": dict(row.input),
        "timezone": row.timezone,
    }
    unfit = list(_unfit(charter))
    if unfit:
        raise problems.InvalidSpecError(unfit)
    document = _document({"governance": {"schedules": [charter]}})
    found = [*shape.check(document), *rules.check(document)]
    if found:
        raise problems.InvalidSpecError(found)
    (read,) = charters.read(document, prefix="")
    endless = charters.endless(read)
    if endless:
        raise problems.InvalidSpecError([endless])
    return read.schedule


def _unfit(charter: Mapping[str, Any]) -> Iterator[problems.Problem]:
    """Find values that cannot be stored: NUL, unpaired surrogates, non-JSON numbers, and values nested too deeply."""
    for key, value in charter.items():
        wrong, hint = _wrong(value)
        if wrong:
            yield problems.Problem(place=_place((*_AT, key)), message=f"{_KEYS.get(key, key)} {wrong}", hint=hint)


def _wrong(value: Any) -> tuple[str, str]:
    """Return what is wrong with a value and what to do about it; if the first is empty, the value is valid."""
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        return f"is longer than {_MOST_CHARACTERS:,} characters", "shorten it"
    if _is_vast(value):
        return f"has more than {_MOST_VALUES:,} values", "store it elsewhere and send a reference to it"
    return _unkept(value), "send different text" if isinstance(value, str) else "send plain JSON"


def _unkept(value: Any) -> str:
    """Return why a value cannot be stored; empty if it can."""
    try:
        inside = json_values.canonical([value])  # nested one level, as in the workflow's argument
        text = json.dumps(inside, ensure_ascii=False)
    except ValueError as error:
        return f"cannot be stored: {error}"
    holds_nul = "\\u0000" in text and "\\u0000" in text.replace("\\\\", "")  # ignores an escaped backslash before u0000
    if holds_nul or _SURROGATE.search(text):
        return "contains a NUL or an unpaired surrogate"
    return f"is longer than {variables.TEXT_LIMIT} characters" if len(text) > variables.TEXT_LIMIT else ""


def _is_vast(value: Any) -> bool:
    """Return whether a value contains too many values; counting stops at the limit."""
    count, rest = 0, [value]
    while rest:
        each = rest.pop()
        if isinstance(each, dict | list):
            count += len(each)
            if count > _MOST_VALUES:
                return True
            rest.extend(each.values() if isinstance(each, dict) else each)
    return False


def _document(value: Any) -> values.Document:
    """Return a document that was not parsed from text; its places are keys instead of lines."""
    document = values.Document(
        value=value,
        places=locations.Locations(),
        keys=locations.Locations(),
        scalars=locations.Locations(),
        problems=[],
    )

    def note(inner: Any, at: values.Path, place: declarations.Place) -> None:
        document.places[at] = place
        pairs = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for key, each in pairs:
            document.keys[(*at, key)] = place
            within = (*at, key)
            note(each, within, _place(within) if len(within) <= len(_AT) + 1 else place)

    note(value, (), _place(()))
    return document


def _place(at: values.Path) -> declarations.Place:
    inside = at[len(_AT) :]
    key = str(inside[0]) if inside else ""
    return declarations.Place(path=_KEYS.get(key, key), line=0, column=0)
