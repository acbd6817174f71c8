"""JSON for people and terminals: readable, and without raw characters that are invisible or reorder text."""

from __future__ import annotations

import json
import re
from typing import Any

_SUSPECTS = re.compile(r"[^\n\x20-\x7e]")


def document(value: Any) -> str:
    """Return the value as an indented JSON document that ends with a newline."""
    return f"{escaped(json.dumps(value, indent=2, ensure_ascii=False))}\n"


def escaped(text: str) -> str:
    r"""Escape control, bidirectional, and invisible characters and lone surrogates in JSON text as \uXXXX."""
    return _SUSPECTS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]
