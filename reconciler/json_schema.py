"""Compile a JSON Schema to a function that returns whether a value is valid, many times faster than jsonschema.

It supports the keywords that the published schemas use, with the same meaning as jsonschema's Draft 2020-12, and
rejects all others. `published` uses jsonschema to list the violations of an invalid value.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Check: TypeAlias = Callable[[Any], bool]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int, float),
}
_EVERY = frozenset(each for types in _TYPES.values() for each in types)
_ANNOTATIONS = {"$defs", "$schema", "default", "description", "examples", "format", "patternErrorMessage", "title"}


def compiled(schema: Schema) -> Check:
    """Return the check for a schema whose references point into its own `$defs`, for values that `json` returns.

    Raises ValueError for a keyword, or a use of one, that is not supported.
    """
    return _Compiler(schema.get("$defs", {})).check(schema)


def _accepted(value: Any) -> bool:
    del value
    return True


@dataclasses.dataclass(slots=True)
class _Compiler:
    """Compiles schemas, and each definition only once, because a definition may refer to itself."""

    definitions: Mapping[str, Schema]
    known: dict[str, Check] = dataclasses.field(default_factory=dict)

    def check(self, schema: Any) -> Check:
        """Return the check for a schema: for each type of value, the keywords that apply to it."""
        if isinstance(schema, bool):
            return _accepted if schema else lambda _: False
        applied = [check for keyword, wanted in schema.items() for check in self._combined(keyword, wanted)]
        names = schema.get("type", list(_TYPES))
        types = {each for name in ([names] if isinstance(names, str) else names) for each in _TYPES[name]}
        is_whole = "integer" in names and "number" not in names
        by_type = {each: self._of_type(each, schema, is_whole=is_whole) for each in types}
        if not applied and by_type == dict.fromkeys(_EVERY, _accepted):
            return _accepted
        return _all([*([] if by_type == dict.fromkeys(_EVERY, _accepted) else [_typed(by_type)]), *applied])

    def _of_type(self, type_: type, schema: Schema, *, is_whole: bool) -> Check:
        if type_ is str:
            return _of_text(schema)
        if type_ is list:
            return _of_list(schema, self.check(schema.get("items", True)))
        if type_ is dict:
            return self._of_object(schema)
        if type_ in (int, float):
            return _of_number(schema, is_whole=is_whole and type_ is float)
        return _in(schema["enum"]) if "enum" in schema else _accepted

    def _of_object(self, schema: Schema) -> Check:
        if "enum" in schema:
            return lambda _: False
        required = frozenset(schema.get("required", ()))
        known = {name: self.check(each) for name, each in schema.get("properties", {}).items()}
        others = self.check(schema.get("additionalProperties", True))
        named = self.check(schema.get("propertyNames", True))
        least, most = schema.get("minProperties", 0), schema.get("maxProperties")

        def check(value: dict[str, Any]) -> bool:
            for name, each in value.items():
                if not known.get(name, others)(each):
                    return False
            if len(value) < least or (most is not None and len(value) > most):
                return False
            return value.keys() >= required and (named is _accepted or all(map(named, value)))

        return check

    def _combined(self, keyword: str, wanted: Any) -> Iterable[Check]:
        """Yield the checks for a keyword that applies schemas to the value itself."""
        if keyword == "$ref":
            yield self._referred(wanted.removeprefix("#/$defs/"))
        elif keyword == "not":
            refused = self.check(wanted)
            yield lambda value: not refused(value)
        elif keyword == "allOf":
            yield from map(self.check, wanted)
        elif keyword == "anyOf":
            several = tuple(map(self.check, wanted))
            yield lambda value: any(check(value) for check in several)
        elif keyword == "oneOf":
            single = tuple(map(self.check, wanted))
            yield lambda value: sum(check(value) for check in single) == 1
        elif keyword not in _ANNOTATIONS | _OF_TYPES:
            raise ValueError(f"the {keyword!r} keyword is not supported")

    def _referred(self, name: str) -> Check:
        if name not in self.known:
            self.known[name] = lambda value: self.known[name](value)  # for references to itself
            self.known[name] = self.check(self.definitions[name])
        return self.known[name]


_OF_TYPES = {"type", "enum", "pattern", "minLength", "maxLength", "items", "minItems", "maxItems", "minimum", "maximum"}
_OF_TYPES |= {"properties", "additionalProperties", "propertyNames", "required", "minProperties", "maxProperties"}


def _typed(by_type: Mapping[type, Check]) -> Check:
    def check(value: Any) -> bool:
        found = by_type.get(type(value))
        return found is not None and found(value)

    return check


def _all(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _in(words: Iterable[Any]) -> Check:
    """Return the check for an enum of strings, true, false, and null (not numbers, which have several equal forms)."""
    if not all(isinstance(each, str | bool | None) for each in words):
        raise ValueError("an enum with numbers, lists, or objects is not supported")
    wanted = [(type(each), each) for each in words]
    return lambda value: (type(value), value) in wanted


def _of_text(schema: Schema) -> Check:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    checks: list[Check] = [_in(schema["enum"])] if "enum" in schema else []
    if least or most is not None:
        checks.append(lambda value: least <= len(value) and (most is None or len(value) <= most))
    if "pattern" in schema:
        search = re.compile(schema["pattern"]).search
        checks.append(lambda value: search(value) is not None)
    return _all(checks) if checks else _accepted


def _of_list(schema: Schema, item: Check) -> Check:
    if "enum" in schema:
        return lambda _: False
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    return lambda value: (
        least <= len(value) and (most is None or len(value) <= most) and (item is _accepted or all(map(item, value)))
    )


def _of_number(schema: Schema, *, is_whole: bool) -> Check:
    if "enum" in schema:
        return lambda _: False
    least, most = schema.get("minimum"), schema.get("maximum")
    return lambda value: (
        (least is None or value >= least) and (most is None or value <= most) and (not is_whole or value.is_integer())
    )
