"""The published JSON Schemas: their text, and how values violate them. The only module that uses jsonschema."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

from reconciler import json_schema

if TYPE_CHECKING:
    import jsonschema.protocols

Name = Literal[
    "repo-spec", "included", "plan", "plans", "snapshot", "status", "outcome", "outcomes", "history", "preflight"
]
NAMES: tuple[str, ...] = get_args(Name)
REFERENCE = {"$ref": "#/$defs/reference"}  # accepted in place of a value that is not a string


def text(name: Name) -> str:
    """Return the text of the published schema."""
    return (pathlib.Path(__file__).parent / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")


@functools.cache
def _schema(name: Name, part: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = strict(json.loads(text(name)))
    return {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"} if part else schema


@functools.cache
def _check(name: Name, part: str) -> json_schema.Check:
    return json_schema.compiled(_schema(name, part))


@functools.cache
def _validator(name: Name, part: str) -> jsonschema.protocols.Validator:
    import jsonschema  # imported here because only invalid values need it

    return jsonschema.Draft202012Validator(_schema(name, part))


def strict(schema: Any) -> Any:
    """Return the schema without the alternatives that accept references; values are checked after expansion."""
    match schema:
        case {"anyOf": [first, {**wanted}], **others} if first == REFERENCE:
            return strict({**others, **wanted})
        case dict():
            return {key: strict(inner) for key, inner in schema.items()}
        case list():
            return [strict(inner) for inner in schema]
        case _:
            return schema


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One violation of a schema: its `keyword` requires `wanted`, but the value at `path` is `got`."""

    path: tuple[str | int, ...]
    keyword: str
    wanted: Any
    got: Any
    schema: dict[str, Any]


def violations(name: Name, value: Any, part: str = "") -> Iterator[Violation]:
    """Yield the value's violations of the schema, or of the schema's `part` definition if that is specified."""
    if _check(name, part)(value):
        return
    for error in _validator(name, part).iter_errors(value):
        yield Violation(
            path=tuple(error.absolute_path),
            keyword=str(error.validator),
            wanted=error.validator_value,
            got=error.instance,
            schema=dict(error.schema) if isinstance(error.schema, dict) else {},
        )


def resolved(name: Name, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a `$ref` within the document refers to, or the schema itself."""
    found: Any = schema
    while "$ref" in found:
        steps = found["$ref"].removeprefix("#/").split("/")
        found = functools.reduce(lambda part, step: part[step], steps, _schema(name))
    return dict(found)


def known_keys(name: Name, *path: str) -> list[str]:
    """Return the property names of the object schema at `path`, a sequence of the schema's own keys."""
    found: Any = _schema(name)
    for key in path:
        found = found[key]
    return list(found["properties"])
