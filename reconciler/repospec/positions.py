"""Find a character of a value in its YAML text, which may be quoted, escaped, folded, or in a block."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|#[^\n]*\n)*)*")  # an anchor and a tag, before the value itself
_HEADER = re.compile(r"[|>][^\n\r]*(?:\r\n|[\n\r])?")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPE = re.compile(r"\\(?:x.{2}|u.{4}|U.{8}|.)", re.DOTALL)
_CONTINUED = re.compile("\\\\(?:\r\n|[\n\r])")  # an escaped line break


def begin(written: str) -> int:
    """Return the index at which the value begins, after its anchor and tag."""
    match = _PROPERTIES.match(written)
    return match.end() if match else 0


def line_ends(text: str) -> Iterator[int]:
    """Yield the end of each line of the text, after its line break."""
    return (match.end() for match in _BREAK.finditer(text))


def index(written: str, value: str, offset: int) -> int | None:
    """Return the index in `written` of the value's character at `offset`; None if that is unknown.

    The two differ only in white space and escapes, so all other characters can be matched one by one.
    """
    at = _first(written)
    quote = written[:1] if written[:1] in {"'", '"'} else ""
    for character in value[:offset]:
        at = _reach(written, at, character, quote)
        if at >= len(written):
            return None
        at = _after(written, at, character, quote)
    return _reach(written, at, value[offset], quote) if offset < len(value) else at


def _first(written: str) -> int:
    match = _HEADER.match(written)
    return match.end() if match else int(written[:1] in {"'", '"'})


def _reach(written: str, at: int, character: str, quote: str) -> int:
    """Return the index of `character`, which is the next one after any white space and escaped line breaks."""
    if character.isspace():
        return at
    while at < len(written):
        continued = _CONTINUED.match(written, at) if quote == '"' else None
        if continued:
            at = continued.end()
        elif written[at].isspace():
            at += 1
        else:
            break
    return at


def _after(written: str, at: int, character: str, quote: str) -> int:
    """Return the first index after the character."""
    escape = _ESCAPE.match(written, at) if quote == '"' else None
    if escape:
        return escape.end()
    if quote == "'" and character == "'":
        return at + 2
    return at + 1 if not character.isspace() or written[at].isspace() else at
