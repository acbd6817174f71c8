"""Make text safe to print, and turn hints into sentences. Imports nothing, because every command needs it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with control and invisible characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def capitalized(text: str) -> str:
    """Return the text with its first letter in upper case and the rest unchanged."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """Return a hint as a sentence; a question keeps its question mark."""
    return capitalized(text) if text.endswith("?") else f"{capitalized(text)}."
