"""The versions of formats: MAJOR.MINOR, a minor step adds, a major step breaks."""

from __future__ import annotations

import re

_VERSION = re.compile(r"([0-9]{1,6})(\.[0-9]{1,6})?", re.ASCII)


def newer(said: object, known: str) -> str:
    """Say that a document is of a later major version than is known; empty when it is not."""
    found = _VERSION.fullmatch(str(said))
    if found is None or int(found[1]) <= int(known.partition(".")[0]):
        return ""
    return f"in format {said}; this version supports up to {known}"
