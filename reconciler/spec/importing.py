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
_NOT_A_KEY = {*wording.IDENTITIES, "charter", "arguments"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The new text of the spec, the charters that were added, and what could not be said, a sentence each."""

    text: str
    added: tuple[str, ...]
    left_out: tuple[str, ...]


def add(text: str | None, path: str, schedules: Iterable[model.Schedule]) -> Imported:
    """Return the spec with a charter for each schedule that it does not declare yet; `text` None begins a new one.

    Raises `errors.InvalidSpecError` when the spec at hand is not valid.
    """
    declared = {charter.schedule.id for charter in loading.parse(text, path).charters} if text else set()
    yaml = _yaml()
    document = yaml.load(text or _HEAD)
    governance = _section(document)
    defaults = {"timezone": "UTC", **charters.BUILT_IN, **(governance.get("defaults") or {})}
    entries: list[Any] = []
    left_out: list[str] = []
    for schedule in sorted(schedules, key=lambda each: each.id):
        if schedule.id in declared:
            left_out.append(f"{schedule.id}: already declared")
            continue
        entry, missing = _entry(schedule, defaults, governance.get("defaults"))
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
    schedule: model.Schedule, defaults: Mapping[str, Any], inherited: Any
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the charter that says the schedule, and what it cannot say; None when it can say nothing of use."""
    said = wording.fields(_sayable(schedule), like=model.Timing())
    name = _name(schedule.id, said.get("charter"))
    entry: dict[str, Any] = {"charter": name}
    for key in sorted(said.keys() - _NOT_A_KEY, key=wording.ORDER.index):
        if said[key] != defaults.get(key) and (key, said[key]) != (
            "workflow_id",
            model.GOVERNANCE_PREFIX + name.lower(),
        ):
            entry[key] = said[key]
    entry.setdefault("entrypoint", name)
    try:
        charter = _read_back(entry, inherited)
    except errors.InvalidSpecError as error:
        problem = error.message.splitlines()[0].partition(": ")[2]
        return None, [f"no charter can say this schedule: {problem}"]
    missing = [_missing(change) for change in diffing.diff(schedule, charter.schedule)]
    if charter.schedule.id != schedule.id:
        missing.insert(0, f"a charter's id is {charter.schedule.id}; the schedule under the old id stays as it is")
    return entry, missing


def _sayable(schedule: model.Schedule) -> model.Schedule:
    """Leave out calendars that match nothing, and notes that this tool wrote."""
    calendars = tuple(each for each in schedule.timing.calendars if _matches_something(each))
    ours = (schedule.note or "").startswith((model.PAUSED_BY_US, model.MANAGED_BY_US))
    return dataclasses.replace(
        schedule,
        timing=dataclasses.replace(schedule.timing, calendars=calendars),
        remaining_actions=schedule.counted_from or schedule.remaining_actions,
        counted_from=None,
        note=None if ours else schedule.note,
    )


def _matches_something(calendar: model.Calendar) -> bool:
    sets = (getattr(calendar, field.name) for field in dataclasses.fields(calendar) if field.compare)
    return all(found or found is calendar.year for found in sets)


def _name(schedule_id: str, named: Any) -> str:
    """Return the charter that the workflow is told, where it gives this id, else the id in upper case."""
    name = schedule_id.removeprefix(model.GOVERNANCE_PREFIX)
    return named if isinstance(named, str) and named.lower() == name.lower() else name.upper()


def _read_back(entry: Mapping[str, Any], inherited: Any) -> model.Charter:
    """Return what the charter would mean in the file: the proof that nothing is lost on the way."""
    governance = {"schedules": [entry], **({"defaults": inherited} if inherited else {})}
    written = io.StringIO()
    _yaml().dump(_formatted({loading.SECTION: governance}), written)
    (charter,) = loading.parse(written.getvalue(), "the import").charters
    return charter


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
