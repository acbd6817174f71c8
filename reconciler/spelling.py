"""Spell words: the one that was probably intended, and nouns with a count."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the known name that was probably intended, or None if none is similar; a `likeness` of 1 means equal."""
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def counted(count: int, noun: str) -> str:
    """Return a number of things: `1 schedule`, `2 schedules`."""
    return f"{count} {noun}{'s'[: count != 1]}"
