"""JSON for people and terminals: readable as it is, and without a raw character that is invisible or reorders text."""

from __future__ import annotations

import json
import re
from typing import Any

_SUSPECTS = re.compile(r"[^\n\x20-\x7e]")


def document(value: Any) -> str:
    """Return an indented document with a newline at its end."""
    return f"{escaped(json.dumps(value, indent=2, ensure_ascii=False))}\n"


def escaped(text: str) -> str:
    r"""Return the JSON text with its control, bidirectional and invisible characters and half surrogates as \uXXXX."""
    return _SUSPECTS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]
