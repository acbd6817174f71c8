"""The grammar of references: `${name}` stands for a variable, `$${` for a literal `${`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

MARK = "${"
NAME = "[A-Za-z_][A-Za-z0-9_]*"
HINT = "for a literal '${', write '$${'"

_ESCAPE = "$${"
_SPECIAL = re.compile(rf"\$\$\{{|\$\{{(?:({NAME})\}})?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A reference in a string; `offset` is its start."""

    name: str
    offset: int


Part: TypeAlias = str | Reference


class MalformedError(ValueError):
    """A `${` that does not begin a reference; `offset` is its position."""

    def __init__(self, offset: int) -> None:
        super().__init__("a '${' that does not begin a reference")
        self.offset = offset


def parse(text: str) -> tuple[Part, ...]:
    """Return the parts of a string, in order, with escapes resolved; never two strings in a row or an empty string.

    Raises `MalformedError` for a `${` that is not followed by a name and `}`.
    """
    parts: list[Part] = []
    literal, end = "", 0
    for found in _SPECIAL.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found[0] == _ESCAPE:
            literal += MARK
            continue
        if found[1] is None:
            raise MalformedError(found.start())
        parts += [literal] if literal else []
        parts.append(Reference(name=found[1], offset=found.start()))
        literal = ""
    literal += text[end:]
    return (*parts, literal) if literal or not parts else tuple(parts)


def escaped(value: Any) -> Any:
    """Return a value with its strings escaped, so that they are read literally; object keys are never expanded."""
    match value:
        case str():
            return value.replace(MARK, _ESCAPE)
        case Mapping():
            return {key: escaped(inner) for key, inner in value.items()}
        case list() | tuple():
            return [escaped(inner) for inner in value]
        case _:
            return value


def texts(value: Any) -> Iterator[str]:
    """Yield the strings in a value that contain a reference or an escape."""
    match value:
        case str():
            if MARK in value:
                yield value
        case Mapping():
            for inner in value.values():
                yield from texts(inner)
        case list() | tuple():
            for inner in value:
                yield from texts(inner)


def names(value: Any) -> Iterator[str]:
    """Yield the name of each reference in a value; a malformed string has none."""
    for text in texts(value):
        try:
            parts = parse(text)
        except MalformedError:
            continue
        yield from (part.name for part in parts if isinstance(part, Reference))
