"""Express a live schedule as a charter: the keys that differ from the file's defaults."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler import errors
from reconciler.plan import diff
from reconciler.schedule import arguments, declarations, encodings, fields, governed, model, ownership, paths, rows
from reconciler.timing import cron, timings

Entry: TypeAlias = dict[str, Any]
Read: TypeAlias = Callable[[Entry], declarations.Charter]

_NEEDED = (  # a charter that lacks one of these declares a different schedule
    "charter",
    "id",
    *fields.TIMES,
    "timezone",
    "entrypoint",
    fields.ARGUMENTS,
)
_NOT_A_KEY = {*governed.IDENTITIES, "charter", "owner"}
_MAY_BE_EMPTY = {"year", "comment"}
_NEUTRAL = {row.key: row.neutral for row in fields.TABLE}  # the values that reset inherited ones


def entry(schedule: model.Schedule, inherited: model.Schedule, name: str) -> Entry:
    """Return the keys of a charter that declares the schedule; `inherited` is what a charter without keys declares."""
    live, before = (words(each) for each in (expressible(schedule), inherited))
    if not _is_built_in(schedule, name):
        live = {key: value for key, value in live.items() if key not in fields.BUILT_IN}
        live[fields.ARGUMENTS] = encodings.listed(schedule.action.arguments)
        before = {key: value for key, value in before.items() if key not in fields.BUILT_IN}
    keys: Entry = {"charter": name} | ({} if inherited.id == schedule.id else {"id": schedule.id})
    for key in fields.ORDER:
        if key in _NOT_A_KEY:
            continue
        if key in live and (key not in before or not diff.same_json(live[key], before[key])):
            keys[key] = live[key]
        elif key not in live and key in before and key not in fields.BUILT_IN:
            keys[key] = _NEUTRAL.get(key)
    return keys


def _is_built_in(schedule: model.Schedule, name: str) -> bool:
    """Return whether the arguments are exactly those that a charter with this name would get."""
    live = schedule.action.arguments
    if not governed.is_built_in(live):
        return False
    (argument,) = live
    if not isinstance(argument, Mapping) or not isinstance(argument["input"], Mapping):
        return False
    entrypoint = argument["entrypoint"]
    if not isinstance(entrypoint, str) or not _ENTRYPOINT.accepts(entrypoint):
        return False
    own = governed.argument(schedule.id, None, charter=name, entrypoint=entrypoint, input_=argument["input"])
    return diff.same_json(own, argument)


_ENTRYPOINT = next(row for row in fields.TABLE if isinstance(row, arguments.Named))


def words(schedule: model.Schedule) -> rows.Words:
    """Return the schedule's fields as they are written in a charter: all calendars as crons."""
    return fields.keys(schedule, like=dataclasses.replace(schedule, timing=timings.Timing()))


def name(schedule: model.Schedule, prefix: str, taken: Container[str]) -> str:
    """Return a name for the charter that is not among `taken` (in lower case).

    This is the name in the workflow's argument if it results in this id, or else the id without invalid characters.
    """
    rest = schedule.id.removeprefix(prefix) or schedule.id  # if the prefix is the whole id, no name remains
    named = fields.words(schedule).get("charter")
    if isinstance(named, str) and named.lower() == rest.lower() and named.lower() not in taken:
        return named
    plain = _NOT_IN_A_NAME.sub("-", rest).strip("-._/")[:_LONGEST_NAME] or "schedule"
    base = plain.upper() if ownership.default_id(prefix, plain) == schedule.id else plain
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([base], numbered) if each.lower() not in taken)


_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._/-]+")
_LONGEST_NAME = 190  # characters; the schema allows 200, and a number may be appended


def accepted(wanted: Entry, read: Read) -> tuple[Entry, declarations.Charter]:
    """Return as much of an entry as a spec can express, and the resulting charter.

    Raises `errors.InvalidSpecError` if not even its times can be expressed.
    """
    with contextlib.suppress(errors.InvalidSpecError):
        return wanted, read(wanted)
    kept = {key: wanted[key] for key in _NEEDED if key in wanted}
    try:
        charter = read(kept)
    except errors.InvalidSpecError:
        kept = {**kept, fields.ARGUMENTS: list(_readable_arguments(kept, read))}
        charter = read(kept)
    for key in wanted:
        if key not in kept:
            kept, charter = _with(kept, charter, key, wanted[key], read)
    return {key: kept[key] for key in wanted if key in kept}, charter


def _readable_arguments(kept: Entry, read: Read) -> Iterator[Any]:
    """Yield each argument of an entry, with null in place of any that no spec can express."""
    for argument in kept.get(fields.ARGUMENTS, ()):
        try:
            read({**kept, fields.ARGUMENTS: [argument]})
        except errors.InvalidSpecError:
            yield None
        else:
            yield argument


def _with(
    kept: Entry, charter: declarations.Charter, key: str, value: Any, read: Read
) -> tuple[Entry, declarations.Charter]:
    """Return the entry with a key added, with the parts of its value that can be expressed; unchanged if none can."""
    for each in _reductions(value):
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


def _reductions(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping) and value:
        yield {}


def expressible(schedule: model.Schedule) -> model.Schedule:
    """Return the schedule without unreadable payloads, this tool's notes, and calendars that match nothing."""
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
        memo=_without_opaque(schedule.memo),
        search_attributes=_without_opaque_values(schedule.search_attributes),
        remaining_actions=schedule.remaining_actions if start is None or schedule.remaining_actions is None else start,
        counted_from=None,
        note=None if ours else schedule.note,
    )


def _readable(action: model.Action) -> model.Action:
    return dataclasses.replace(
        action,
        memo=_without_opaque(action.memo) or {},
        search_attributes=_without_opaque_values(action.search_attributes) or {},
        summary=None if isinstance(action.summary, model.Opaque) else action.summary,
        details=None if isinstance(action.details, model.Opaque) else action.details,
    )


def _without_opaque(memo: Mapping[str, model.Argument] | None) -> Mapping[str, model.Argument] | None:
    return memo and {name: value for name, value in memo.items() if not isinstance(value, model.Opaque)}


def _without_opaque_values(attributes: Mapping[str, model.Attribute] | None) -> Mapping[str, model.Attribute] | None:
    return attributes and {name: each for name, each in attributes.items() if not isinstance(each.value, model.Opaque)}


def _matches_something(calendar: timings.Calendar) -> bool:
    return all(getattr(calendar, each.name) for each in dataclasses.fields(calendar) if each.name not in _MAY_BE_EMPTY)


def differences(schedule: model.Schedule, charter: declarations.Charter) -> list[str]:
    """Return the paths of the values that a plan would change to make the schedule match the charter."""
    declared = dataclasses.replace(charter.schedule, owner=schedule.owner)  # a property of the spec, not of a charter
    return [each.path for each in diff.diff(schedule, declared)]


def ignoring(entry: Entry, path: str) -> Entry:
    """Return the entry with a path added to `ignore`; a memo key, which requires a value, is set to null."""
    root, *inside = paths.parse(path)
    more: Entry = {}
    if root in ("memo", "schedule_memo") and len(inside) == 1:
        more[root] = {**entry.get(root, {}), inside[0]: None}
    return {**entry, **more, "ignore": [*entry.get("ignore", ()), path]}


def kept(entry: Entry) -> Iterator[str]:
    """Yield a remark on each value that the entry can only preserve, because no spec can express it."""
    for path in entry.get("ignore", ()):
        instead = "passes null instead" if paths.parse(path)[0] == fields.ARGUMENTS else "lacks it"
        yield (
            f"a repo-spec cannot express the value of {path}, so the path is listed under ignore, which preserves the "
            f"live value; a recreated schedule {instead}"
        )


def comments(timing: timings.Timing) -> Iterator[str]:
    """Yield the calendars' comments, except cron expressions; charters have no key for comments."""
    for calendar in timing.calendars:
        if calendar.comment and not cron.is_text_of(calendar.comment, calendar):
            yield calendar.comment
    yield from (calendar.comment for calendar in timing.exclude if calendar.comment)
