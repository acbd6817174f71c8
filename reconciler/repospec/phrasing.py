"""A live schedule in a charter's words: what it has to say where a file's defaults say something else."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler import errors
from reconciler.plan import diff, plans
from reconciler.schedule import declarations, fields, governed, model, ownership, rows
from reconciler.timing import cron, timings

Entry: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[Entry], declarations.Charter]

_NEEDED = (
    "charter",
    *fields.TIMES,
    "timezone",
    "entrypoint",
)  # without one of these, it would be another schedule
_NOT_A_KEY = {*governed.IDENTITIES, "charter", "args", "owner"}
_MAY_BE_EMPTY = {"year", "comment"}
_NEUTRAL = {row.key: row.neutral for row in fields.TABLE}  # what takes back what is inherited


def entry(schedule: model.Schedule, inherited: model.Schedule, name: str) -> Entry:
    """Return the keys of a charter that says the schedule, where `inherited` is what one without keys would be."""
    said, before = (words(each) for each in (sayable(schedule), inherited))
    found: Entry = {"charter": name}
    for key in fields.ORDER:
        if key in _NOT_A_KEY:
            continue
        if key == "entrypoint":
            found[key] = said.get(key, name)
        elif key in said and (key not in before or not diff.same_json(said[key], before[key])):
            found[key] = said[key]
        elif key not in said and key in before and key != "input":
            found[key] = _NEUTRAL.get(key)
    return found


def words(schedule: model.Schedule) -> rows.Words:
    """Return the schedule's fields as a charter writes them: all calendars as crons."""
    return fields.words(schedule, like=timings.Timing())


def name(schedule: model.Schedule, prefix: str) -> str:
    """Return the charter that the workflow is told, where it gives this id, else the id in upper case."""
    said = schedule.id.removeprefix(prefix)
    named = fields.words(schedule).get("charter")
    return named if isinstance(named, str) and named.lower() == said.lower() else said.upper()


def accepted(said: Entry, read: Read) -> tuple[Entry, declarations.Charter]:
    """Return as much of an entry as a spec may say, and what that is read as.

    Raises `errors.InvalidSpecError` when not even its times can be said.
    """
    with contextlib.suppress(errors.InvalidSpecError):
        return said, read(said)
    kept = {key: said[key] for key in _NEEDED if key in said}
    try:
        charter = read(kept)
    except errors.InvalidSpecError:
        kept["entrypoint"] = said["charter"]
        charter = read(kept)
    for key in said:
        if key not in kept:
            kept, charter = _with(kept, charter, key, said[key], read)
    return {key: kept[key] for key in said if key in kept}, charter


def _with(
    kept: Entry, charter: declarations.Charter, key: str, value: Any, read: Read
) -> tuple[Entry, declarations.Charter]:
    """Return the entry with one more key, with those of its parts that can be said, or without it."""
    for each in _less_and_less(value):
        with contextlib.suppress(errors.InvalidSpecError):
            charter = read({**kept, key: each})
            kept = {**kept, key: each}
            break
    if isinstance(value, Mapping) and kept.get(key) == {}:
        for part, inner in value.items():
            more = {**kept, key: {**kept[key], part: inner}}
            with contextlib.suppress(errors.InvalidSpecError):
                charter = read(more)
                kept = more
    return kept, charter


def _less_and_less(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping) and value:
        yield {}


def sayable(schedule: model.Schedule) -> model.Schedule:
    """Leave out calendars that match nothing, payloads that nobody can read, and notes that this tool wrote."""
    timing = dataclasses.replace(
        schedule.timing,
        calendars=tuple(filter(_matches_something, schedule.timing.calendars)),
        exclude=tuple(filter(_matches_something, schedule.timing.exclude)),
    )
    ours = (schedule.note or "").startswith((ownership.PAUSED_BY_US, ownership.MANAGED_BY_US))
    start = schedule.counted_from
    return dataclasses.replace(
        schedule,
        timing=timing,
        action=_readable(schedule.action),
        remaining_actions=schedule.remaining_actions if start is None or schedule.remaining_actions is None else start,
        counted_from=None,
        note=None if ours else schedule.note,
    )


def _readable(action: model.Action) -> model.Action:
    attributes = action.search_attributes.items()
    return dataclasses.replace(
        action,
        memo={name: value for name, value in action.memo.items() if not isinstance(value, model.Opaque)},
        search_attributes={name: each for name, each in attributes if not isinstance(each.value, model.Opaque)},
        summary=None if isinstance(action.summary, model.Opaque) else action.summary,
        details=None if isinstance(action.details, model.Opaque) else action.details,
    )


def _matches_something(calendar: timings.Calendar) -> bool:
    return all(getattr(calendar, each.name) for each in dataclasses.fields(calendar) if each.name not in _MAY_BE_EMPTY)


def differences(schedule: model.Schedule, charter: declarations.Charter) -> list[str]:
    """Return what a plan would change in the schedule to make it what the charter says, a sentence each."""
    again = dataclasses.replace(charter.schedule, owner=schedule.owner)  # no charter's key, but the spec's
    changes = diff.diff(schedule, again)
    foreign = [each for each in changes if _key(each) in _GIVEN]
    if _GOVERNED.isdisjoint(fields.words(schedule)) and foreign:
        changes = tuple(each for each in changes if each not in foreign)
        said = [
            "arguments cannot be expressed and would change: a charter's workflow is given one object with its names"
        ]
    else:
        said = []
    return [f"{each.path} cannot be expressed and would change" for each in changes] + said


_GIVEN = {*governed.ARGUMENT_KEYS, "args"}
_GOVERNED = {"charter", "entrypoint"}


def _key(change: plans.FieldChange) -> str:
    return re.split(r"[.\[]", change.path, maxsplit=1)[0]


def comments(timing: timings.Timing) -> Iterator[str]:
    """Yield the comments of calendars that are no cron, which a charter has no place for."""
    for calendar in timing.calendars:
        if calendar.comment and not cron.says(calendar.comment, calendar):
            yield calendar.comment
    yield from (calendar.comment for calendar in timing.exclude if calendar.comment)
