"""Kinds of values that have parts: retry policies, priorities, search attributes, calendars, and intervals."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from reconciler import json_values
from reconciler.schedule import attributes, faults, kinds, model, paths, redaction
from reconciler.timing import calendars, canonical, cron, durations, ranges, timings

R = TypeVar("R")


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part of a record; a spec omits the part if its value is `silent`."""

    name: str
    kind: kinds.Kind[Any]
    silent: Any
    description: str
    example: Any
    stored: str = ""  # its description in documents, if different
    proto: str = ""  # its name in the server's message, if different


@dataclasses.dataclass(frozen=True, slots=True)
class Record(Generic[R]):
    """A value with several parts; `rule` checks them together."""

    make: Callable[..., R]
    parts: tuple[Part, ...]
    rule: kinds.Rule | None = None

    def parse(self, value: Any) -> R:
        return self.make(
            **{
                each.name: each.kind.parse(value[each.name]) if each.name in value else each.silent
                for each in self.parts
            }
        )

    def words(self, value: R) -> json_values.Json:
        values = ((each, getattr(value, each.name)) for each in self.parts)
        return {each.name: each.kind.words(part) for each, part in values if part != each.silent}

    def encode(self, value: R) -> Any:
        return {each.name: each.kind.encode(getattr(value, each.name)) for each in self.parts}

    def decode(self, value: Any) -> R:
        return self.make(**{each.name: each.kind.decode(value[each.name]) for each in self.parts})

    def redact(self, value: R, within: redaction.Redaction, at: paths.Path, *names: str) -> R:
        return self.make(
            **{
                each.name: each.kind.redact(getattr(value, each.name), within, (*at, each.name), *names)
                for each in self.parts
            }
        )

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del name
        if isinstance(value, Mapping):
            for each in self.parts:
                yield from faults.within(each.name, each.kind.check(value.get(each.name), each.name))
            if self.rule is not None:
                yield from self.rule(value)

    def declared(self) -> kinds.Schema:
        properties = {
            each.name: {"description": each.description, **each.kind.declared(), "examples": [each.example]}
            for each in self.parts
        }
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def stored(self) -> kinds.Schema:
        return {
            "type": "object",
            "properties": {each.name: _described(each) for each in self.parts},
            "required": [each.name for each in self.parts],
        }


def _described(part: Part) -> kinds.Schema:
    schema = part.kind.stored()
    return schema if "$ref" in schema else {"description": part.stored or part.description, **schema}


@dataclasses.dataclass(frozen=True, slots=True)
class Optional(Generic[R]):
    """A value that may be None in the model and in documents, in which case a spec omits it."""

    of: kinds.Kind[R]

    def parse(self, value: Any) -> R | None:
        return self.of.parse(value)

    def words(self, value: R | None) -> json_values.Json:
        return None if value is None else self.of.words(value)

    def encode(self, value: R | None) -> Any:
        return None if value is None else self.of.encode(value)

    def decode(self, value: Any) -> R | None:
        return None if value is None else self.of.decode(value)

    def redact(self, value: R | None, within: redaction.Redaction, at: paths.Path, *names: str) -> R | None:
        return None if value is None else self.of.redact(value, within, at, *names)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        yield from self.of.check(value, name)

    def declared(self) -> kinds.Schema:
        return self.of.declared()

    def stored(self) -> kinds.Schema:
        schema = self.of.stored()
        return {**schema, "type": [schema["type"], "null"]}


AUTO_UPGRADE = "auto_upgrade"


class Versioning:
    """A versioning override, if any: the word `auto_upgrade`, or the version that runs are pinned to."""

    def parse(self, value: Any) -> model.VersioningOverride | None:
        if value == AUTO_UPGRADE:
            return model.VersioningOverride()
        return model.VersioningOverride(deployment=value["deployment"], build_id=value["build_id"])

    def words(self, value: model.VersioningOverride | None) -> json_values.Json:
        if value is None:
            return None
        return {"deployment": value.deployment, "build_id": value.build_id} if value.deployment else AUTO_UPGRADE

    def encode(self, value: model.VersioningOverride | None) -> Any:
        return None if value is None else dataclasses.asdict(value)

    def decode(self, value: Any) -> model.VersioningOverride | None:
        if value is None:
            return None
        return model.VersioningOverride(deployment=value["deployment"], build_id=value["build_id"])

    def redact(
        self, value: model.VersioningOverride | None, within: redaction.Redaction, at: paths.Path, *names: str
    ) -> model.VersioningOverride | None:
        del names
        if value is None:
            return None
        parts = {name: within.text(text, *at, name) for name, text in dataclasses.asdict(value).items()}
        return model.VersioningOverride(**parts)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> kinds.Schema:
        text = {"type": "string", "minLength": 1, "maxLength": 200}
        return {
            "type": ["string", "object"],
            "pattern": f"^{AUTO_UPGRADE}(?!\\n)$",
            "patternErrorMessage": f"is neither {AUTO_UPGRADE} nor a deployment with its build_id",
            "properties": {
                "deployment": {"description": "The worker deployment's name.", **text, "examples": ["reports"]},
                "build_id": {"description": "The version's build ID.", **text, "examples": ["1.4.0"]},
            },
            "required": ["deployment", "build_id"],
            "additionalProperties": False,
        }

    def stored(self) -> kinds.Schema:
        parts = {"deployment": {"type": "string"}, "build_id": {"type": "string"}}
        return {"type": ["object", "null"], "properties": parts, "required": list(parts)}


class Attribute:
    """A search attribute: a value, with its type if the value alone would imply another type."""

    def parse(self, value: Any) -> model.Attribute:
        if isinstance(value, Mapping):
            return model.Attribute(type=model.AttributeType(value["type"]), value=value["value"])
        return model.Attribute(type=model.attribute_type(value), value=value)

    def words(self, value: model.Attribute) -> json_values.Json:
        alone = kinds.shown(value.value)
        return alone if value.type is model.attribute_type(value.value) else {"type": value.type.value, "value": alone}

    def encode(self, value: model.Attribute) -> Any:
        return {"type": value.type.value, **kinds.PAYLOAD.encode(value.value)}

    def decode(self, value: Any) -> model.Attribute:
        return model.Attribute(type=model.AttributeType(value["type"]), value=kinds.PAYLOAD.decode(value))

    def redact(
        self, value: model.Attribute, within: redaction.Redaction, at: paths.Path, *names: str
    ) -> model.Attribute:
        inside = () if value.type is model.attribute_type(value.value) else ("value",)
        redacted = within.searchable(value.value, (*at, *inside), *names)
        return dataclasses.replace(value, value=redacted)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        yield from attributes.check(name, value)

    def declared(self) -> kinds.Schema:
        return {"$ref": "#/$defs/search_attribute"}

    def stored(self) -> kinds.Schema:
        types = {"description": "The attribute's type.", "enum": [each.value for each in model.AttributeType]}
        return {"allOf": [kinds.PAYLOAD.stored(), {"properties": {"type": types}, "required": ["type"]}]}


_SETS = tuple(calendars.FIELDS)


@dataclasses.dataclass(frozen=True, slots=True)
class Calendars:
    """A set of calendars; if `excludes`, the times at which the schedule does not fire."""

    excludes: bool = False

    def parse(self, value: Any) -> tuple[timings.Calendar, ...]:
        return canonical.distinct(calendars.parse(each, excludes=self.excludes) for each in value)

    def words(self, value: tuple[timings.Calendar, ...]) -> json_values.Json:
        return [calendars.words(each, excludes=self.excludes) for each in value]

    def encode(self, value: tuple[timings.Calendar, ...]) -> Any:
        return [_encoded_calendar(each) for each in value]

    def decode(self, value: Any) -> tuple[timings.Calendar, ...]:
        return canonical.distinct(map(_decoded_calendar, value))

    def redact(
        self, value: tuple[timings.Calendar, ...], within: redaction.Redaction, at: paths.Path, *names: str
    ) -> tuple[timings.Calendar, ...]:
        del names
        return value if within.is_exempt(at) else tuple(map(_redacted_calendar, value))

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del name
        for index, entry in enumerate(value if isinstance(value, list) else ()):
            for key in calendars.FIELDS.keys() & (entry if isinstance(entry, Mapping) else {}):
                yield from faults.within(index, faults.within(key, _calendar_faults(key, entry[key])))

    def declared(self) -> kinds.Schema:
        of = "excluded_calendar" if self.excludes else "calendar"
        return {"type": "array", **({} if self.excludes else {"minItems": 1}), "items": {"$ref": f"#/$defs/{of}"}}

    def stored(self) -> kinds.Schema:
        return {"type": "array", "items": {"$ref": "#/$defs/calendar"}}


def _encoded_calendar(calendar: timings.Calendar) -> dict[str, Any]:
    sets = {name: [str(each) for each in ranges.compress(getattr(calendar, name))] for name in _SETS}
    return {**sets, "comment": calendar.comment}


def _decoded_calendar(value: Any) -> timings.Calendar:
    fields = {name: tuple(map(ranges.parse, value[name])) for name in _SETS}
    for name, parts in fields.items():
        least, greatest = calendars.FIELDS[name].lowest, calendars.FIELDS[name].highest
        if not all(least <= part.start <= part.end <= greatest for part in parts):
            raise ValueError(f"{name} must be between {least} and {greatest}")
    return canonical.calendar_of(fields, comment=value["comment"])


def _calendar_faults(key: str, value: Any) -> Iterator[faults.Fault]:
    parts = [((), value)] if not isinstance(value, list) else [((index,), part) for index, part in enumerate(value)]
    for path, part in parts:
        if isinstance(part, (int, str)) and not isinstance(part, bool):
            try:
                calendars.numbers(key, part)
            except cron.CronError as error:
                yield dataclasses.replace(faults.of_cron(error), path=path)


def _redacted_calendar(calendar: timings.Calendar) -> timings.Calendar:
    """Redact a calendar's comment, separately before and after the `#`, so that a cron remains a cron."""
    cron, sign, comment = calendar.comment.partition("#")
    redacted = f"{redaction.text(cron)}{sign}{redaction.text(comment)}"
    return calendar if redacted == calendar.comment else dataclasses.replace(calendar, comment=redacted)


class Intervals:
    """A set of intervals."""

    def parse(self, value: Any) -> tuple[timings.Interval, ...]:
        return canonical.distinct(
            timings.Interval(every=durations.parse(each["every"]), offset=durations.parse(each.get("offset", "0s")))
            for each in value
        )

    def words(self, value: tuple[timings.Interval, ...]) -> json_values.Json:
        return [
            {"every": durations.render(each.every)} | ({"offset": durations.render(each.offset)} if each.offset else {})
            for each in value
        ]

    def encode(self, value: tuple[timings.Interval, ...]) -> Any:
        return [{"every": durations.render(each.every), "offset": durations.render(each.offset)} for each in value]

    def decode(self, value: Any) -> tuple[timings.Interval, ...]:
        return canonical.distinct(
            timings.Interval(
                every=durations.parse(each["every"], bounded=False),
                offset=durations.parse(each["offset"], bounded=False),
            )
            for each in value
        )

    def redact(
        self, value: tuple[timings.Interval, ...], within: redaction.Redaction, at: paths.Path, *names: str
    ) -> tuple[timings.Interval, ...]:
        del within, at, names  # contains no text
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del name
        for index, entry in enumerate(value if isinstance(value, list) else ()):
            yield from faults.within(index, _interval_faults(entry if isinstance(entry, Mapping) else {}))

    def declared(self) -> kinds.Schema:
        return {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/interval"}}

    def stored(self) -> kinds.Schema:
        each = {"every": {"$ref": "#/$defs/duration"}, "offset": {"$ref": "#/$defs/duration"}}
        item = {"description": "A regular interval.", "type": "object", "properties": each, "required": list(each)}
        return {"type": "array", "items": item}


_LEAST_INTERVAL = datetime.timedelta(seconds=1)
_DURATION = kinds.Duration()


def _interval_faults(entry: Mapping[str, Any]) -> Iterator[faults.Fault]:
    wrong = [fault for key in ("every", "offset") for fault in faults.within(key, _DURATION.check(entry.get(key), key))]
    yield from wrong
    every, offset = (entry.get(key) for key in ("every", "offset"))
    if wrong or not isinstance(every, str) or not every:
        return
    length = durations.parse(every)
    if length < _LEAST_INTERVAL:
        yield faults.Fault(path=("every",), message="the interval is shorter than a second", hint="use at least 1s")
    elif isinstance(offset, str) and offset and durations.parse(offset) >= length:
        yield faults.Fault(
            path=("offset",),
            message="the offset must be less than the interval",
            hint="use at least 0s and less than the interval",
        )
