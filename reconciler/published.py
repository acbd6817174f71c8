"""The published JSON Schemas: their text, and the violations of a value. The only home of jsonschema."""

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
REFERENCE = {"$ref": "#/$defs/reference"}  # accepted in place of a value of another type than text


def text(name: Name) -> str:
    """Return the schema as it is published."""
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
    import jsonschema  # here, because only values that are not valid need it

    return jsonschema.Draft202012Validator(_schema(name, part))


def strict(schema: Any) -> Any:
    """Return a schema without the references that it accepts in place of values: values are checked once expanded."""
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
    """One way in which a value breaks a schema: `keyword` of `schema` wants `wanted`, the value at `path` is `got`."""

    path: tuple[str | int, ...]
    keyword: str
    wanted: Any
    got: Any
    schema: dict[str, Any]


def violations(name: Name, value: Any, part: str = "") -> Iterator[Violation]:
    """Yield every way in which the value breaks the schema, or the `part` of it that its $defs name."""
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
    """Return the property names that the schema gives to the object found along `path` of its own keys."""
    found: Any = _schema(name)
    for key in path:
        found = found[key]
    return list(found["properties"])
