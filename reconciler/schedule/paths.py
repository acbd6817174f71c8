"""Paths of values in a schedule as plans write them: `input.scopeKey`, `cron[2]`, `memo["odd name"]`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_STEP = re.compile(r'\.?([^.\[\]"\s]+)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]')


def render(path: Iterable[str | int], *, within: str = "") -> str:
    """Return the path as a string, appended to `within`; a name that is not a word is quoted."""
    text = within
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() or ("-" in step and step.replace("-", "_").isidentifier()):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


def parse(text: str) -> Path:
    """Return the path that a string denotes; ValueError if it is not a path."""
    steps: list[str | int] = []
    end = 0
    for found in _STEP.finditer(text):
        has_dot = found[0].startswith(".")
        if found.start() != end or (found[1] is not None and has_dot != bool(steps)):
            break
        end = found.end()
        steps.append(found[1] if found[1] is not None else int(found[2]) if found[2] else str(json.loads(found[3])))
    if not text or end != len(text):
        raise ValueError(f"{text!r} is not the path of a field")
    return tuple(steps)
