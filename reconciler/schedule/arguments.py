"""The rows for a workflow's arguments: keys of the built-in argument object, or a list of arguments."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler import json_values
from reconciler.schedule import encodings, faults, governed, kinds, model, paths, places, redaction, rows


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A key of the built-in argument object; `roots` are the keys of the object that a plan shows for this row.

    The first of these rows to read a charter creates the object. `refuse` raises ValueError for an invalid string.
    """

    key: str
    description: str
    schema: Mapping[str, Any]
    roots: tuple[str, ...]
    is_inherited: bool = False
    refuse: Callable[[str], object] | None = None
    sources = (places.ARGUMENTS,)
    proto = ""
    neutral = None

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        if governed.ENTRYPOINT in keys and places.ARGUMENTS not in draft:
            argument = governed.argument(
                draft["id",],
                None,
                charter=keys["charter"],
                entrypoint=keys[governed.ENTRYPOINT],
                input_=keys.get(governed.INPUT, {}),
            )
            draft[places.ARGUMENTS] = (argument,)

    def words(self, schedule: model.Schedule, like: model.Schedule) -> rows.Words:
        first = _built_in(schedule.action.arguments, like.action.arguments)
        return {name: first[name] for name in governed.ARGUMENT_KEYS if name in first and name in self.roots}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        del schedule  # the row for all arguments stores them
        return {}

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        pass

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        del schedule, within  # the row for all arguments redacts them
        return {}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        if self.refuse is not None:
            yield from faults.of_text(self.key, value, self.refuse)

    def accepts(self, text: str) -> bool:
        """Return whether a string is a valid value of the key."""
        fits = re.match(self.schema["pattern"], text) and 0 < len(text) <= self.schema["maxLength"]
        return bool(fits) and not any(self.check(text))

    def declared(self) -> kinds.Schema:
        return {"description": self.description, **self.schema}

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        return {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """All arguments of the workflow, as a list."""

    key: str
    description: str
    examples: tuple[json_values.Json, ...]
    sources = (places.ARGUMENTS,)
    is_inherited = False
    proto = ""
    neutral = None

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.key,)

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        if self.key in keys:
            draft[places.ARGUMENTS] = tuple(map(encodings.parse, keys[self.key]))

    def words(self, schedule: model.Schedule, like: model.Schedule) -> rows.Words:
        arguments = schedule.action.arguments
        first = _built_in(arguments, like.action.arguments)
        others = {
            paths.render((key,), within="args[0]"): value
            for key, value in first.items()
            if key not in governed.ARGUMENT_KEYS
        }
        number = 1 if first else 0
        rest = {f"args[{index}]": shown(each) for index, each in enumerate(arguments[number:], start=number)}
        return others | rest

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        return {places.ARGUMENTS: list(map(_encode, schedule.action.arguments))}

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        draft[places.ARGUMENTS] = tuple(map(_decode, stored[places.ARGUMENTS]))

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        return {places.ARGUMENTS: within.arguments(schedule.action.arguments)}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        for index, each in enumerate(value if isinstance(value, list) else ()):
            yield from faults.within(index, encodings.check(each))

    def declared(self) -> kinds.Schema:
        return {"description": self.description, "type": "array", "examples": list(self.examples)}

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        return {places.ARGUMENTS: {"type": "array", "items": kinds.PAYLOAD.stored()}}


def place(path: paths.Path) -> paths.Path:
    """Return the canonical path: a key of the built-in object is a field, even though `args[0]` also leads to it."""
    match path:
        case ("args", 0, str() as key, *inside) if key in governed.ARGUMENT_KEYS:
            return (key, *inside)
        case _:
            return path


def shown(argument: model.AnyArgument) -> json_values.Json:
    """Return an argument as it is written in a spec, or a digest if no spec can express it."""
    words = encodings.words(argument)
    return kinds.shown(argument) if words is None and isinstance(argument, model.Opaque) else words


def _built_in(
    arguments: Sequence[model.AnyArgument], like: Sequence[model.AnyArgument]
) -> Mapping[str, json_values.Json]:
    """Return the first argument if it and `like` are built-in, so its keys are shown as fields; else `{}`."""
    first = arguments[0] if arguments else None
    if not isinstance(first, Mapping) or not governed.is_built_in(like):
        return {}
    return {} if first.keys().isdisjoint(governed.ARGUMENT_KEYS) else first


def _encode(argument: model.AnyArgument) -> Any:
    if isinstance(argument, model.Message):
        return {"encoding": encodings.PROTOBUF_JSON, "message_type": argument.message_type, "json": argument.value}
    return kinds.PAYLOAD.encode(argument)


def _decode(stored: Any) -> model.AnyArgument:
    if "message_type" in stored:
        return model.Message(message_type=stored["message_type"], value=json_values.canonical(stored["json"]))
    return kinds.PAYLOAD.decode(stored)
