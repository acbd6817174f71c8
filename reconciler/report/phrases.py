"""Text as it may be shown: without control characters, and as sentences. Imports nothing, as every command needs it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with control and invisible characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def capitalized(text: str) -> str:
    """Return the text with a capital in front, and the rest as it is."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """Return a hint as a sentence."""
    return f"{capitalized(text)}."
