"""Live schedules to charters in a repo-spec, in the file's own layout and with its comments kept."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Mapping
from typing import Any

import ruamel.yaml
import ruamel.yaml.comments
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from reconciler import diffing, errors, model, wording
from reconciler.spec import charters, loading

_HEAD = "governance:\n  schedules: []\n"
_MAY_BE_EMPTY = {"year", "comment"}
_NOT_A_KEY = {*wording.IDENTITIES, "charter", "arguments", "owner"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The new text of the spec, the charters that were added, and what could not be said, a sentence each."""

    text: str
    added: tuple[str, ...]
    left_out: tuple[str, ...]


def add(
    text: str | None, path: str, schedules: Iterable[model.Schedule], prefix: str = model.GOVERNANCE_PREFIX
) -> Imported:
    """Return the spec with a charter for each schedule that it does not declare yet.

    `text` None begins a new one, in which ids begin with `prefix`; a spec that is there has its own.

    Raises `errors.InvalidSpecError` when the spec at hand is not valid.
    """
    declaration = loading.parse(text, path) if text else model.Declaration(path=path, charters=(), prefix=prefix)
    declared = {charter.schedule.id for charter in declaration.charters}
    yaml = _yaml()
    document = yaml.load(text or _HEAD)
    governance = _section(document)
    if declaration.prefix != model.GOVERNANCE_PREFIX:
        governance.setdefault("prefix", declaration.prefix)
    inherited = {key: governance[key] for key in ("prefix", "defaults") if governance.get(key)}
    defaults = {"timezone": "UTC", **charters.BUILT_IN, **(governance.get("defaults") or {})}
    entries: list[Any] = []
    left_out: list[str] = []
    for schedule in sorted(schedules, key=lambda each: each.id):
        if schedule.id in declared:
            left_out.append(f"{schedule.id}: already declared")
            continue
        entry, missing = _entry(schedule, defaults, inherited)
        left_out += [f"{schedule.id}: {each}" for each in missing]
        if entry is not None:
            entries.append(entry)
    if governance.get("schedules") is None:
        governance["schedules"] = ruamel.yaml.comments.CommentedSeq()
    governance["schedules"].extend(_formatted(entry) for entry in entries)
    governance["schedules"].fa.set_block_style()
    written = io.StringIO()
    yaml.dump(document, written)
    return Imported(
        text=written.getvalue(), added=tuple(entry["charter"] for entry in entries), left_out=tuple(left_out)
    )


def _yaml() -> ruamel.yaml.YAML:
    yaml = ruamel.yaml.YAML()
    yaml.version = None
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _section(document: Any) -> Any:
    if document.get(loading.SECTION) is None:
        document[loading.SECTION] = ruamel.yaml.comments.CommentedMap()
    return document[loading.SECTION]


def _entry(
    schedule: model.Schedule, defaults: Mapping[str, Any], inherited: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the charter that says the schedule, and what it cannot say; None when it can say nothing of use."""
    said = wording.fields(_sayable(schedule), like=model.Timing())
    prefix = inherited.get("prefix", model.GOVERNANCE_PREFIX)
    name = _name(schedule.id.removeprefix(prefix), said.get("charter"))
    entry: dict[str, Any] = {"charter": name}
    for key in sorted(said.keys() - _NOT_A_KEY, key=wording.ORDER.index):
        if said[key] != defaults.get(key) and (key, said[key]) != (
            "workflow_id",
            prefix + name.lower(),
        ):
            entry[key] = said[key]
    entry.setdefault("entrypoint", name)
    try:
        charter = _read_back(entry, inherited)
    except errors.InvalidSpecError as error:
        problem = error.message.splitlines()[0].partition(": ")[2]
        return None, [f"no charter can say this schedule: {problem}; {_fate(schedule.id, prefix)}"]
    said_again = dataclasses.replace(charter.schedule, owner=schedule.owner)  # no charter's key, but the spec's
    missing = [_missing(change) for change in diffing.diff(schedule, said_again)]
    if charter.schedule.id != schedule.id:
        missing.insert(0, f"a charter's id is {charter.schedule.id}: {_fate(schedule.id, prefix)}")
    return entry, missing


def _sayable(schedule: model.Schedule) -> model.Schedule:
    """Leave out calendars that match nothing, payloads that nobody can read, and notes that this tool wrote."""
    timing = dataclasses.replace(
        schedule.timing,
        calendars=tuple(filter(_matches_something, schedule.timing.calendars)),
        exclude=tuple(filter(_matches_something, schedule.timing.exclude)),
    )
    ours = (schedule.note or "").startswith((model.PAUSED_BY_US, model.MANAGED_BY_US))
    return dataclasses.replace(
        schedule,
        timing=timing,
        action=_readable(schedule.action),
        remaining_actions=schedule.counted_from or schedule.remaining_actions,
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


def _matches_something(calendar: model.Calendar) -> bool:
    return all(getattr(calendar, each.name) for each in dataclasses.fields(calendar) if each.name not in _MAY_BE_EMPTY)


def _name(name: str, named: Any) -> str:
    """Return the charter that the workflow is told, where it gives this id, else the id in upper case."""
    return named if isinstance(named, str) and named.lower() == name.lower() else name.upper()


def _read_back(entry: Mapping[str, Any], inherited: Mapping[str, Any]) -> model.Charter:
    """Return what the charter would mean in the file: the proof that nothing is lost on the way."""
    governance = {"schedules": [entry], **inherited}
    written = io.StringIO()
    _yaml().dump(_formatted({loading.SECTION: governance}), written)
    (charter,) = loading.parse(written.getvalue(), "the import").charters
    return charter


def _fate(schedule_id: str, prefix: str) -> str:
    """Return what the next apply does with a schedule that no charter declares."""
    if schedule_id.startswith(prefix):
        return "the next apply pauses this one, unless it is another owner's"
    return "this one stays as it is"


def _missing(change: model.FieldChange) -> str:
    return f"{change.path} cannot be said and would change"


def _formatted(value: Any, key: str = "") -> Any:
    """Return the value as it is written: crons in quotes, as people do, and whatever a plain text cannot hold."""
    match value:
        case dict():
            return {_formatted(name): _formatted(inner, name) for name, inner in value.items()}
        case list():
            return [_formatted(inner, key) for inner in value]
        case str() if key == "cron" or not value.isprintable():
            return DoubleQuotedScalarString(value)
        case _:
            return value
