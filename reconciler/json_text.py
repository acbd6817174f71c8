"""JSON for people and terminals: readable, and without raw characters that are invisible or reorder text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_SUSPECTS = re.compile(r"[^\n\x20-\x7e]")


def document(value: Any) -> str:
    """Return the value as an indented JSON document that ends with a newline."""
    return f"{escaped(json.dumps(value, indent=2, ensure_ascii=False))}\n"


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def escaped(text: str, escape: Callable[[str], str] = _escape) -> str:
    r"""Escape control, bidirectional, and invisible characters and lone surrogates in JSON text as \uXXXX.

    A format whose escapes differ from JSON's has its own function that returns the escape for a character.
    """
    return _SUSPECTS.sub(lambda found: found[0] if found[0].isprintable() else escape(found[0]), text)
