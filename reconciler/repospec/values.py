"""Convert nodes to JSON values according to YAML 1.2's core schema, with the position of every key and value."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from reconciler import json_values
from reconciler.repospec import dialects, locations, nodes, problems
from reconciler.schedule import declarations

VALUE_LIMIT = 1_000_000  # values in our section, with aliases expanded
TEXT_LIMIT = 16 * 1024 * 1024  # total characters in all values, with aliases expanded

Path: TypeAlias = locations.Path
Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FIRST = {each[:1] for each in (*_NULL, *_BOOLEANS)} | set("+-.0123456789")  # of plain scalars that are not strings
_TAG_PREFIX = "tag:yaml.org,2002:"
LEAST_WHOLE, WHOLE_LIMIT = -(2**63), 2**64  # the 64-bit range, signed or unsigned


class Own(enum.Enum):
    """Values that differ for each charter, with the names by which strings refer to them."""

    CHARTER = "charter"
    ID = "id"


Identity: TypeAlias = Mapping[Own, str]
Template: TypeAlias = tuple[str | Own, ...]  # a string that differs between charters, split into parts


@dataclasses.dataclass(slots=True)
class Document:
    """A value, with the position of each part and the style of its scalars, by path.

    `templates` are inherited strings that differ between charters; `value` has those of the first charter.
    `identities` are the charters that inherit them, by index. `dialect` is the spelling in its file. `inclusions` are
    the files that it includes, and `firsts` the index of each one's first charter. `tree` is its source, None for a
    value that was not read from text; `count` is its number of values, and `characters` their total length.
    """

    value: Value
    places: locations.Locations[declarations.Place]
    keys: locations.Locations[declarations.Place]
    scalars: locations.Locations[nodes.Scalar]
    problems: list[problems.Problem]
    tree: locations.Tree | None = None
    count: int = 0
    characters: int = 0
    dialect: dialects.Dialect = dialects.GOVERNANCE
    templates: Mapping[Path, Template] = dataclasses.field(default_factory=dict)
    identities: Mapping[int, Identity] = dataclasses.field(default_factory=dict)
    inclusions: tuple[declarations.Inclusion, ...] = ()
    firsts: list[int] = dataclasses.field(default_factory=list)

    def places_in(self, at: Path, keys: Iterable[str]) -> dict[str, declarations.Place]:
        """Return the positions of the values of an object's keys."""
        held = self.tree.values(at) if self.tree else {}
        return {key: self.places.noted.get((*at, key)) or held[key].place for key in keys}

    def ordinal(self, index: int) -> int:
        """Return the position of a charter in its own file, starting at 1."""
        return index + 1 - max((first for first in self.firsts if first <= index), default=0)


def of_charter(document: Document, index: int) -> Document:
    """Return the document with its templates filled in for a charter."""
    identity = document.identities.get(index)
    return document if identity is None else inherited_by(document, identity)


def inherited_by(document: Document, identity: Identity) -> Document:
    """Return the document with its templates filled in for a charter with that name and id."""
    if not document.templates:
        return document
    value = document.value
    for path, template in document.templates.items():
        value = _with(value, path, text_for(template, identity))
    return dataclasses.replace(document, value=value, templates={}, identities={})


def text_for(template: Template, identity: Identity) -> str:
    """Return the string that a charter with that name and id inherits."""
    return "".join(identity[part] if isinstance(part, Own) else part for part in template)


def _with(value: Value, path: Path, text: str) -> Value:
    """Return a value with the string at a path replaced; everything else is shared."""
    match value, path:
        case _, ():
            return text
        case dict(), (str() as key, *inside):
            return {**value, key: _with(value[key], tuple(inside), text)}
        case list(), (int() as index, *inside):
            return [*value[:index], _with(value[index], tuple(inside), text), *value[index + 1 :]]
        case _:
            raise KeyError(path)


def children(at: Path, node: nodes.Mapping) -> dict[str, locations.Pair]:
    """Return the keys and values of an object by name, whatever its path."""
    del at
    return {name: (key, value) for name, key, value in pairs(node, [])}


def evaluate(node: nodes.Node, at: Path = ()) -> Document:
    """Return the value of a node; the problems in it are in the document's `problems`."""
    tree = locations.Tree(node, at, children)

    def scalar(path: Path) -> nodes.Scalar | None:
        found = tree.value(path)
        return found if isinstance(found, nodes.Scalar) else None

    evaluator = _Evaluator()
    return Document(
        value=evaluator.value(node, len(at)),
        places=locations.Locations(lambda path: _place(tree.value(path))),
        keys=locations.Locations(lambda path: _place(tree.key(path))),
        scalars=locations.Locations(scalar),
        problems=evaluator.problems,
        tree=tree,
        count=evaluator.count,
        characters=evaluator.characters,
    )


def _place(node: nodes.Node | None) -> declarations.Place | None:
    return None if node is None else node.place


def pairs(node: nodes.Mapping, found: list[problems.Problem]) -> Iterator[tuple[str, nodes.Node, nodes.Node]]:
    """Yield each string key with its node and value; keys that are not strings or are duplicates become problems."""
    first: dict[str, nodes.Node] = {}
    for key, value in node.pairs:
        name = _key(key, found)
        if name is None:
            continue
        if name in first:
            found.append(
                problems.Problem(
                    place=key.place,
                    message=f"duplicate key {name!r} (first defined on line {first[name].place.line})",
                    hint="remove one of them",
                )
            )
            continue
        first[name] = key
        yield name, key, value


def _key(key: nodes.Node, found: list[problems.Problem]) -> str | None:
    if isinstance(key, nodes.Scalar):
        if key.plain and key.text == "<<":
            hint = "YAML 1.2 has no merge keys: put shared keys under defaults"
            found.append(problems.Problem(place=key.place, message="merge key '<<' is not supported", hint=hint))
            return None
        value = _scalar(key, found)
        if isinstance(value, str):
            return value
    shown = key.text if isinstance(key, nodes.Scalar) else "a list or an object"
    found.append(problems.Problem(place=key.place, message=f"key is not a string: {shown}", hint="quote it"))
    return None


class _Evaluator:
    def __init__(self) -> None:
        self.problems: list[problems.Problem] = []
        self.count = 0
        self.characters = 0

    def value(self, node: nodes.Node, depth: int) -> Value:
        self.count += 1
        if isinstance(node, nodes.Scalar):
            self.characters += len(node.text)
            self._weigh(node, depth)
            return _scalar(node, self.problems)
        self._weigh(node, depth)
        if node.tag is not None:
            _check_tag(node, self.problems)
        if isinstance(node, nodes.Sequence):
            return [self.value(item, depth + 1) for item in node.items]
        return {name: self.value(value, depth + 1) for name, _, value in pairs(node, self.problems)}

    def _weigh(self, node: nodes.Node, depth: int) -> None:
        """Reject values that aliases multiply beyond the limits on count, size, and depth."""
        if self.count <= VALUE_LIMIT and self.characters <= TEXT_LIMIT and depth <= nodes.DEPTH_LIMIT:
            return
        what = f"nested deeper than {nodes.DEPTH_LIMIT} levels"
        if self.count > VALUE_LIMIT:
            what = f"more than {VALUE_LIMIT} values"
        elif self.characters > TEXT_LIMIT:
            what = f"more than {TEXT_LIMIT} characters"
        hint = "write the values out instead of using aliases"
        raise problems.InvalidSpecError([problems.Problem(place=node.place, message=what, hint=hint)])


def _check_tag(node: nodes.Sequence | nodes.Mapping, found: list[problems.Problem]) -> None:
    usual = "seq" if isinstance(node, nodes.Sequence) else "map"
    if node.tag not in {None, "!", _TAG_PREFIX + usual}:
        found.append(_unknown_tag(node.place))


def _unknown_tag(place: declarations.Place) -> problems.Problem:
    return problems.Problem(place=place, message="YAML tags are not supported here", hint="write a plain value")


def _scalar(node: nodes.Scalar, found: list[problems.Problem]) -> Value:
    """Return the value of a scalar: `no` and `on` are strings; `true`, `1`, and `null` are not."""
    if node.tag is None and (not node.plain or node.text[:1] not in _FIRST):  # the usual case
        return node.text
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
        number = int(text) if len(text) <= 21 else WHOLE_LIMIT
    elif _BASED.fullmatch(text):
        number = int(text, 0) if len(text) <= 24 else WHOLE_LIMIT
    elif _FLOAT.fullmatch(text):
        number = float(text)
    if number is None:
        return text
    if isinstance(number, float) and math.isfinite(number):
        return json_values.number(number)
    if isinstance(number, float) or not LEAST_WHOLE <= number < WHOLE_LIMIT:
        hint = "quote it to make it text"
        found.append(problems.Problem(place=node.place, message="the number is too large", hint=hint))
        return 0
    return number
