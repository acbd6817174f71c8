"""Convert nodes to JSON values by YAML 1.2's core schema, with the position of every key and value."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconciler import json_values
from reconciler.repospec import dialects, nodes, problems
from reconciler.schedule import declarations

VALUE_LIMIT = 300_000  # values in our section, with aliases expanded
TEXT_LIMIT = 4 * 1024 * 1024  # characters of all values, with aliases expanded; no server accepts a larger schedule

Path: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAG_PREFIX = "tag:yaml.org,2002:"
_INTEGER_LIMIT = 2**63


class Own(enum.Enum):
    """What each charter has of its own, by the name with which a text refers to it."""

    CHARTER = "charter"
    ID = "id"


Identity: TypeAlias = Mapping[Own, str]
Template: TypeAlias = tuple[str | Own, ...]  # a text that differs between charters, in parts


@dataclasses.dataclass(slots=True)
class Document:
    """A value, with the position of each of its parts and how scalars are written, by path.

    `templates` are inherited texts that differ between charters; in `value` they are those of the first charter.
    `identities` are the charters that inherit them, by index. `dialect` is the spelling of the file that it is from.
    `inclusions` are the files that it includes, and `firsts` the index of each one's first charter.
    """

    value: Value
    places: dict[Path, declarations.Place]
    keys: dict[Path, declarations.Place]
    scalars: dict[Path, nodes.Scalar]
    problems: list[problems.Problem]
    dialect: dialects.Dialect = dialects.GOVERNANCE
    templates: Mapping[Path, Template] = dataclasses.field(default_factory=dict)
    identities: Mapping[int, Identity] = dataclasses.field(default_factory=dict)
    inclusions: tuple[declarations.Inclusion, ...] = ()
    firsts: list[int] = dataclasses.field(default_factory=list)

    def ordinal(self, index: int) -> int:
        """Return the position of a charter in its own file, from 1."""
        return index + 1 - max((first for first in self.firsts if first <= index), default=0)


def of_charter(document: Document, index: int) -> Document:
    """Return the document as a charter inherits it."""
    identity = document.identities.get(index)
    return document if identity is None else inherited_by(document, identity)


def inherited_by(document: Document, identity: Identity) -> Document:
    """Return the document as a charter of that name and id inherits it."""
    if not document.templates:
        return document
    value = document.value
    for path, template in document.templates.items():
        value = _with(value, path, text_for(template, identity))
    return dataclasses.replace(document, value=value, templates={}, identities={})


def text_for(template: Template, identity: Identity) -> str:
    """Return the text that a charter of that name and id inherits."""
    return "".join(identity[part] if isinstance(part, Own) else part for part in template)


def _with(value: Value, path: Path, text: str) -> Value:
    """Return a value with a text at a path; everything else is shared."""
    match value, path:
        case _, ():
            return text
        case dict(), (str() as key, *inside):
            return {**value, key: _with(value[key], tuple(inside), text)}
        case list(), (int() as index, *inside):
            return [*value[:index], _with(value[index], tuple(inside), text), *value[index + 1 :]]
        case _:
            raise KeyError(path)


def evaluate(node: nodes.Node, at: Path = ()) -> Document:
    """Return the value of a node; the problems in it are in the document's `problems`."""
    document = Document(value=None, places={}, keys={}, scalars={}, problems=[])
    evaluator = _Evaluator(document)
    document.value = evaluator.value(node, at)
    return document


def pairs(node: nodes.Mapping, found: list[problems.Problem]) -> Iterator[tuple[str, nodes.Node, nodes.Node]]:
    """Yield each text key with its node and value; keys that are not text or are duplicates become problems."""
    first: dict[str, declarations.Place] = {}
    for key, value in node.pairs:
        name = _key(key, found)
        if name is None:
            continue
        if name in first:
            found.append(
                problems.Problem(
                    place=key.place,
                    message=f"duplicate key {name!r} (first defined on line {first[name].line})",
                    hint="remove one of them",
                )
            )
            continue
        first[name] = key.place
        yield name, key, value


def _key(key: nodes.Node, found: list[problems.Problem]) -> str | None:
    if isinstance(key, nodes.Scalar):
        if key.plain and key.text == "<<":
            hint = "YAML 1.2 has no merge keys: put what charters share under defaults"
            found.append(problems.Problem(place=key.place, message="a merge key '<<'", hint=hint))
            return None
        value = _scalar(key, found)
        if isinstance(value, str):
            return value
    shown = key.text if isinstance(key, nodes.Scalar) else "a list or an object"
    found.append(problems.Problem(place=key.place, message=f"a key that is not text: {shown}", hint="quote it"))
    return None


class _Evaluator:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._characters = 0

    def value(self, node: nodes.Node, at: Path) -> Value:
        self._weigh(node, at)
        self._document.places[at] = node.place
        found = self._document.problems
        if isinstance(node, nodes.Scalar):
            self._document.scalars[at] = node
            return _scalar(node, found)
        _check_tag(node, found)
        if isinstance(node, nodes.Sequence):
            return [self.value(item, (*at, index)) for index, item in enumerate(node.items)]
        return {name: self._entry(key, value, (*at, name)) for name, key, value in pairs(node, found)}

    def _weigh(self, node: nodes.Node, at: Path) -> None:
        """Refuse values that aliases multiply beyond the limits of count, size and depth."""
        self._count += 1
        self._characters += len(node.text) if isinstance(node, nodes.Scalar) else 0
        for weight, limit, what in (
            (self._count, VALUE_LIMIT, f"more than {VALUE_LIMIT} values"),
            (self._characters, TEXT_LIMIT, f"more than {TEXT_LIMIT} characters"),
            (len(at), nodes.DEPTH_LIMIT, f"nested deeper than {nodes.DEPTH_LIMIT} levels"),
        ):
            if weight > limit:
                hint = "aliases multiply: write the values out"
                raise problems.InvalidSpecError([problems.Problem(place=node.place, message=what, hint=hint)])

    def _entry(self, key: nodes.Node, value: nodes.Node, at: Path) -> Value:
        self._document.keys[at] = key.place
        return self.value(value, at)


def _check_tag(node: nodes.Sequence | nodes.Mapping, found: list[problems.Problem]) -> None:
    usual = "seq" if isinstance(node, nodes.Sequence) else "map"
    if node.tag not in {None, "!", _TAG_PREFIX + usual}:
        found.append(_unknown_tag(node.place))


def _unknown_tag(place: declarations.Place) -> problems.Problem:
    return problems.Problem(place=place, message="YAML tags are not supported here", hint="write a plain value")


def _scalar(node: nodes.Scalar, found: list[problems.Problem]) -> Value:
    """Return the value of a scalar: `no` and `on` are text, `true`, `1` and `null` are not."""
    kind = (node.tag or "").removeprefix(_TAG_PREFIX)
    if node.tag == "!" or kind == "str" or (not kind and not node.plain):
        return node.text
    if kind not in {"", "null", "bool", "int", "float"}:
        found.append(_unknown_tag(node.place))
        return node.text
    if node.text in _NULL:
        return None
    if node.text in _BOOLEANS:
        return _BOOLEANS[node.text]
    return _number(node, found)


def _number(node: nodes.Scalar, found: list[problems.Problem]) -> Value:
    text = node.text
    if _NOT_FINITE.fullmatch(text):
        hint = "write a number, or quote it to make it text"
        found.append(problems.Problem(place=node.place, message=f"{text} is not a JSON number", hint=hint))
        return 0
    number: int | float | None = None
    if _INTEGER.fullmatch(text):
        number = int(text) if len(text) <= 20 else _INTEGER_LIMIT
    elif _BASED.fullmatch(text):
        number = int(text, 0) if len(text) <= 24 else _INTEGER_LIMIT
    elif _FLOAT.fullmatch(text):
        number = float(text)
    if number is None:
        return text
    if isinstance(number, float) and math.isfinite(number):
        return json_values.number(number)
    if isinstance(number, float) or not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        hint = "quote it to make it text"
        found.append(problems.Problem(place=node.place, message="the number is too large", hint=hint))
        return 0
    return number
