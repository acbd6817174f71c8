"""The patterns under `include`: paths with `*`, `?`, `[…]` within a name, and `**` for any number of directories."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from typing import TypeAlias

from reconciler.schedule import faults

Parts: TypeAlias = tuple[str, ...]
States: TypeAlias = frozenset[Parts]
"""The possible continuations: the remaining parts of a pattern for each way in which it matches so far."""

END: Parts = ()
ANY_DEPTH = "**"
_MAGIC = re.compile(r"[*?\[]")
_DRIVE = re.compile(r"[A-Za-z]:")


def fault(pattern: str) -> faults.Fault | None:
    """Return what is wrong with a pattern; None if nothing is."""
    if not pattern.isprintable():
        return faults.Fault(message="include: a path contains a control or invisible character", hint="remove it")
    if "\\" in pattern:
        return faults.Fault(message=f"include: {pattern!r} contains a backslash", hint="separate directories with /")
    if pattern.startswith("/") or _DRIVE.match(pattern):
        return faults.Fault(
            message=f"include: {pattern!r} is an absolute path", hint="write a path relative to the spec's directory"
        )
    if ".." in pattern.split("/"):
        shorter = posixpath.normpath(pattern)
        if shorter.startswith(".."):
            return faults.Fault(
                message=f"include: {pattern!r} points outside the spec's directory",
                hint="include only files in or below that directory",
            )
        return faults.Fault(message=f"include: {pattern!r} contains '..'", hint=f"write {shorter!r}")
    if not parts(pattern):
        return faults.Fault(message=f"include: {pattern!r} is not a file path", hint="for example schedules/*.yaml")
    return None


def parts(pattern: str) -> Parts:
    """Return the parts of a pattern, which are separated by slashes."""
    return tuple(part for part in pattern.split("/") if part not in ("", "."))


def is_plain(pattern: str) -> bool:
    """Return whether a pattern can match a single path only."""
    return not _MAGIC.search(pattern)


def start(pattern: str) -> States:
    """Return the states before the first name of a path."""
    return _closed(parts(pattern))


def step(states: States, name: str) -> States:
    """Return the states after one more name in a path; empty if the pattern cannot match any such path.

    As in a shell, wildcards do not match a dot at the beginning of a name.
    """
    following: set[Parts] = set()
    for state in states:
        if not state:
            continue
        head, *rest = state
        if name.startswith(".") and not head.startswith("."):
            continue
        if head == ANY_DEPTH:
            following |= _closed(state)
        elif fnmatch.fnmatchcase(name, head):
            following |= _closed(tuple(rest))
    return frozenset(following)


def named(states: States) -> States:
    """Return the states that may enter a symlinked directory: `**` does not, because symlinks can form loops."""
    return frozenset(state for state in states if state[:1] != (ANY_DEPTH,))


def matches(pattern: str, path: str) -> bool:
    """Return whether a path relative to the spec's directory matches."""
    states = start(pattern)
    for name in path.split("/"):
        states = step(states, name)
    return END in states


def _closed(state: Parts) -> States:
    """Return the state itself, and each state reached from it when `**` matches no directory."""
    states = {state}
    while state and state[0] == ANY_DEPTH:
        state = state[1:]
        states.add(state)
    return frozenset(states)
