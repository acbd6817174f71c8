"""Format versions, MAJOR.MINOR: a minor version is additive, and a major version is a breaking change."""

from __future__ import annotations

import re

_VERSION = re.compile(r"([0-9]{1,6})(\.[0-9]{1,6})?", re.ASCII)


def newer(version: object, known: str) -> str:
    """Return a phrase about a document whose major version is later than the known one; empty for other versions."""
    match = _VERSION.fullmatch(str(version))
    if match is None or int(match[1]) <= int(known.partition(".")[0]):
        return ""
    return f"in format {version}; this version supports up to {known}"
