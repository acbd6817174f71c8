"""The values of variables in one environment, and the expansion of references to them.

A value comes from `vars` in the section or the environment, or from outside the spec; later ones take precedence.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from reconciler import json_values, spelling
from reconciler.repospec import nodes, problems, references, rules, values
from reconciler.schedule import declarations

ENVIRONMENT = "environment"
BUILT_IN = (*(own.value for own in values.Own), ENVIRONMENT)

VALUE_LIMIT = 300_000  # values that references add in one environment
TEXT_LIMIT = 4 * 1024 * 1024  # total characters in those values; no server accepts a larger schedule
_LITERALS = {"null": None, "true": True, "false": False}

Scope: TypeAlias = Mapping[values.Own, str | values.Own]  # the built-in variables that can be used, by name
Expanded: TypeAlias = values.Value | values.Template


class UnsetError(Exception):
    """A string cannot be expanded; `missing` lists the unset variables; it is empty if a problem was recorded."""

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        super().__init__(*sorted(missing))
        self.missing = missing


class DuplicateKeyError(ValueError):
    """A JSON object passed from outside the spec has a duplicate key."""


class Budget:
    """Counts what references add to a document, and rejects anything over the limits."""

    def __init__(self) -> None:
        self._values = 0
        self._characters = 0

    def add(self, value: values.Value, at: values.Path, place: declarations.Place) -> Iterator[values.Path]:
        """Count a value that is inserted at a path, and yield the path of each of its parts."""
        if isinstance(value, dict | list) and len(at) > nodes.DEPTH_LIMIT:
            raise _too_much(f"nested deeper than {nodes.DEPTH_LIMIT} levels", place)
        self.count(len(value) if isinstance(value, str) else 0, place)
        yield at
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, each in inner:
            yield from self.add(each, (*at, key), place)

    def count(self, characters: int, place: declarations.Place) -> None:
        """Count a value with this number of characters; `problems.InvalidSpecError` if there are too many."""
        self.check(characters, place)
        self._values += 1
        self._characters += characters
        if self._values > VALUE_LIMIT:
            raise _too_much(f"more than {VALUE_LIMIT} values", place)

    def check(self, characters: int, place: declarations.Place) -> None:
        """Raise `problems.InvalidSpecError` if this number of additional characters is too large."""
        if self._characters + characters > TEXT_LIMIT:
            raise _too_much(f"more than {TEXT_LIMIT} characters", place)


def _too_much(what: str, place: declarations.Place) -> problems.InvalidSpecError:
    hint = "make the variables smaller, or use fewer references"
    return problems.InvalidSpecError([problems.Problem(place=place, message=what, hint=hint)])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The variables that a section declares: for each, the paths of its values, the one in the environment first."""

    document: values.Document
    paths: Mapping[str, tuple[values.Path, ...]]  # in the environment
    elsewhere: Mapping[str, values.Path]  # variables that only other environments declare

    def place(self, name: str) -> declarations.Place:
        """Return the position of a variable's declaration."""
        return self.document.keys[(*self.paths.get(name, ()), self.elsewhere.get(name, ()))[0]]


def declared(document: values.Document, environment: str | None) -> Declared:
    """Return the variables that a section declares, as seen in one of its environments."""
    own: values.Path = (*rules.ENVIRONMENTS, environment or "", rules.VARIABLES)
    paths: dict[str, tuple[values.Path, ...]] = {}
    for layer in (own, (*rules.SECTION, rules.VARIABLES)):
        for name in _keys(document, layer):
            paths[name] = (*paths.get(name, ()), (*layer, name))
    others: dict[str, values.Path] = {}
    for other in _keys(document, rules.ENVIRONMENTS):
        for name in _keys(document, (*rules.ENVIRONMENTS, other, rules.VARIABLES)):
            others.setdefault(name, (*rules.ENVIRONMENTS, other, rules.VARIABLES, name))
    return Declared(
        document=document, paths=paths, elsewhere={name: at for name, at in others.items() if name not in paths}
    )


def _keys(document: values.Document, at: values.Path) -> Sequence[str]:
    value = rules.value_at(document, at)
    return list(value) if isinstance(value, dict) else []


_CHOOSE = "choose one with --environment, or all of them with --environment '*'"


class Variables:
    """Expands the strings of a section in one environment; errors are recorded in `problems`.

    `outside` has the values passed from outside the spec, by name. A missing environment is a problem only if `strict`.
    """

    def __init__(
        self,
        known: Declared,
        environment: str | None,
        outside: Mapping[str, declarations.Variable],
        budget: Budget,
        *,
        strict: bool,
    ) -> None:
        self.problems: list[problems.Problem] = []
        self._known = known
        self._environment = environment
        self._outside = outside
        self._budget = budget
        self._strict = strict
        self._values: dict[str, values.Value | UnsetError] = {}
        self._open: list[str] = []

    def outside(self) -> dict[str, str]:
        """Return the values passed from outside the spec for declared variables, as JSON."""
        found: dict[str, str] = {}
        for name in self._outside:
            if name in self._known.paths:
                try:
                    found[name] = json.dumps(self._value(name, 0), sort_keys=True)
                except UnsetError:
                    continue  # its problem has been recorded
        return found

    def check(self) -> None:
        """Record the problems with all variables, used or not."""
        for name in self._known.paths:
            try:
                self._value(name, 0)
            except UnsetError:
                continue  # a missing value matters only if it is used

    def missing(self, name: str) -> problems.Problem:
        """Return the problem for a variable without a value."""
        where = f" in environment {self._environment!r}" if self._environment else ""
        hint = f"pass --var {name}=VALUE, set RECONCILER_VAR_{name}, or declare a value"
        if name in self._known.elsewhere and not where:
            where, hint = " without an environment", f"{hint}; or {_CHOOSE}"
        return problems.Problem(
            place=self._known.place(name), message=f"variable {name!r} has no value{where}", hint=hint
        )

    def expanded(self, text: str, at: values.Path, scope: Scope, depth: int = 0) -> Expanded:
        """Return the expanded text, or its parts if the result differs between charters.

        If the entire string is one reference, return the value that it refers to, of any type. `depth` is the nesting
        depth of the variables that led here. Raises `UnsetError` for a string without a value.
        """
        try:
            parts = references.parse(text)
        except references.MalformedError as error:
            hint = f"write '${{name}}', where the name consists of letters, digits, and _; {references.HINT}"
            raise self._wrong(at, error.offset, str(error), hint) from None
        if len(parts) == 1 and isinstance(parts[0], references.Reference):
            found = self._found(parts[0], at, scope, depth)
            return (found,) if isinstance(found, values.Own) else found
        inserted = [each if isinstance(each, str) else self._inserted(each, at, scope, depth) for each in parts]
        self._budget.check(sum(len(each) for each in inserted if isinstance(each, str)), self._place(at))
        if any(isinstance(each, values.Own) for each in inserted):
            return tuple(inserted)
        return "".join(each for each in inserted if isinstance(each, str))

    def _inserted(self, reference: references.Reference, at: values.Path, scope: Scope, depth: int) -> str | values.Own:
        """Return the text of a reference that is part of a string."""
        match self._found(reference, at, scope, depth):
            case str() | values.Own() as found:
                return found
            case None | list() | dict() as found:
                message = f"variable {reference.name!r} is {_kind(found)}, which cannot be part of a longer string"
                raise self._wrong(at, reference.offset, message, "use the reference as the entire value")
            case found:
                return json.dumps(found)

    def _found(
        self, reference: references.Reference, at: values.Path, scope: Scope, depth: int
    ) -> values.Value | values.Own:
        name = reference.name
        if name in BUILT_IN:
            return self._built_in(reference, at, scope)
        if name in self._known.elsewhere:
            raise UnsetError(frozenset([name]))
        if name not in self._known.paths:
            near = spelling.nearest(name, [*self._known.paths, *self._known.elsewhere, *BUILT_IN])
            hint = f"did you mean {near!r}?" if near else f"declare it in {rules.VARIABLES};"
            raise self._wrong(at, reference.offset, f"unknown variable {name!r}", f"{hint} {references.HINT}")
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            message = f"variables refer to each other in a cycle: {circle}"
            raise self._wrong(at, reference.offset, message, "give one of them a value without a reference")
        if depth + len(self._open) > nodes.DEPTH_LIMIT:
            message = f"variables refer to each other more than {nodes.DEPTH_LIMIT} levels deep"
            raise self._wrong(at, reference.offset, message, "use fewer levels of references")
        return self._value(name, depth)

    def _built_in(self, reference: references.Reference, at: values.Path, scope: Scope) -> str | values.Own:
        shown = f"'${{{reference.name}}}'"
        if reference.name != ENVIRONMENT:
            own = values.Own(reference.name)
            if own in scope:
                return scope[own]
            hint = "use it in the keys of charters and defaults"
            raise self._wrong(at, reference.offset, f"{shown} has no value here", hint)
        if self._environment:
            return self._environment
        if not self._strict:
            raise UnsetError
        hint = _CHOOSE
        raise self._wrong(at, reference.offset, f"{shown} has no value without an environment", hint)

    def _value(self, name: str, depth: int) -> values.Value:
        """Return a variable's value; `UnsetError` if it has none."""
        if name not in self._values:
            self._open.append(name)
            try:
                self._values[name] = self._evaluated(name, depth)
            except UnsetError as error:
                self._values[name] = error
            finally:
                self._open.pop()
        value = self._values[name]
        if isinstance(value, UnsetError):
            raise UnsetError(value.missing)
        return value

    def _evaluated(self, name: str, depth: int) -> values.Value:
        """Return the value from outside, else the declared one; null declares a variable without a value."""
        paths = self._known.paths[name]
        raw = [rules.value_at(self._known.document, path) for path in paths]
        given = self._outside.get(name)
        if given is None and raw[0] is None:
            raise UnsetError(frozenset([name]))
        path = next((path for path, each in zip(paths, raw, strict=True) if each is not None), None)
        try:
            value = None if path is None else self._all(rules.value_at(self._known.document, path), path, depth)
        except UnsetError:
            if given is None:
                raise
            value = None  # without a declared value, any type is accepted
        if given is None:
            return value
        try:
            return _read(given.text, value)
        except ValueError as error:
            place = self._known.document.keys[paths[-1]]
            hint = "remove one" if isinstance(error, DuplicateKeyError) else "pass a value of the same type"
            raise self._refused(problems.Problem(place=place, message=f"{given.source} {error}", hint=hint)) from None

    def _all(self, value: values.Value, at: values.Path, depth: int) -> values.Value:
        """Expand every string in a variable's value."""
        unset: list[UnsetError] = []

        def leaf(text: str, path: values.Path) -> values.Value:
            try:
                found: Any = self.expanded(text, path, {}, depth + len(path) - len(at) + 1)
            except UnsetError as error:
                unset.append(error)
                return None
            for _ in self._budget.add(found, path, self._place(path)):
                pass
            return found  # type: ignore[no-any-return]

        expanded = walked(value, at, leaf)
        if unset:
            raise UnsetError(frozenset().union(*(each.missing for each in unset)))
        return expanded

    def _wrong(self, at: values.Path, offset: int, message: str, hint: str) -> UnsetError:
        return self._refused(problems.Problem(place=self._place(at, offset), message=message, hint=hint))

    def _refused(self, problem: problems.Problem) -> UnsetError:
        self.problems.append(problem)
        return UnsetError()

    def _place(self, at: values.Path, offset: int = 0) -> declarations.Place:
        return rules.inside(self._known.document, at, offset)


def walked(value: values.Value, at: values.Path, leaf: Callable[[str, values.Path], values.Value]) -> values.Value:
    """Return a value in which each string with a reference or an escape is expanded; keys are unchanged."""
    match value:
        case str():
            return leaf(value, at) if references.MARK in value else value
        case list():
            return [walked(inner, (*at, index), leaf) for index, inner in enumerate(value)]
        case dict():
            return {key: walked(inner, (*at, key), leaf) for key, inner in value.items()}
        case _:
            return value


def _read(text: str, declared: values.Value) -> values.Value:
    """Return a value from outside: a string if the declared one is a string, else JSON.

    For a variable without a declared value, text that is not JSON is a string, and so is a number that JSON writes
    differently, such as 1.10. Raises ValueError if the type differs from that of the declared value.
    """
    if isinstance(declared, str):
        return text
    try:
        value = _json(text)
    except DuplicateKeyError:
        raise
    except ValueError:
        if declared is None:
            return text
        raise ValueError(f"is not {_kind(declared)}, unlike the declared value") from None
    if declared is None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return text if is_number and json.dumps(value) != text else value
    if _kind(value) != _kind(declared):
        raise ValueError(f"is {_kind(value)}, but the declared value is {_kind(declared)}")
    return value


def _json(text: str) -> values.Value:
    """Return the value of a JSON text; ValueError if it is not JSON, or more than a spec can contain."""

    def refused(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise DuplicateKeyError("contains an object with a duplicate key")
        return found

    if len(text) > TEXT_LIMIT:
        raise ValueError("too long")
    try:
        value: Any = json_values.canonical(json.loads(text, parse_constant=refused, object_pairs_hook=unique))
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if any(isinstance(each, int) and not values.LEAST_WHOLE <= each < values.WHOLE_LIMIT for each in _scalars(value)):
        raise ValueError("a number is too large")
    return value  # type: ignore[no-any-return]


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _scalars(inner)
    else:
        yield value


def _kind(value: values.Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
