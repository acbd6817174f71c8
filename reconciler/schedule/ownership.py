"""The prefixes, marks, notes, and identity by which this tool recognizes its own schedules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Prefixes: TypeAlias = tuple[str, ...]  # at least one; with the empty prefix (""), only the owner's mark matters

GOVERNANCE_PREFIX = "governance:"
DEFAULT_PREFIXES: Prefixes = (GOVERNANCE_PREFIX,)
MOST_PREFIXES = 20  # in a spec; an apply may hold a lease for each
LONGEST_PREFIX = 200  # characters
_MOST_SHOWN = 4  # prefixes that a message lists
MEMO_PREFIX = "reconciler."  # of memo names that are reserved for this tool
PAUSED_BY_US = "paused by reconciler: "
PAUSED_ON_FAILURE = ("paused due to workflow ", "paused, workflow ")  # what V1 and V2 write after a failed run
SERVER_ATTRIBUTES = "Temporal"  # the beginning of the search attribute names that the server sets
IDENTITY = "reconciler"  # the beginning of the identity in our calls, unless --identity is given
MANAGED_BY_US = "managed by reconciler: "
OWNER_MARK = f"{MEMO_PREFIX}owner"
SEAL_MARK = f"{MEMO_PREFIX}paused"


def prefixes(values: Iterable[str]) -> Prefixes:
    """Return the prefixes without duplicates, in their original order; if there are none, return the empty prefix."""
    return tuple(dict.fromkeys(values)) or ("",)


def declared(value: object) -> Prefixes:
    """Return the prefixes that a spec declares as a string or a list; for any other value, the default prefixes."""
    if isinstance(value, list):
        return prefixes(each for each in value if isinstance(each, str))
    return (value,) if isinstance(value, str) else DEFAULT_PREFIXES


def covers(prefixes: Prefixes, schedule_id: str) -> bool:
    """Return whether an id starts with any of the prefixes; every id starts with the empty one."""
    return schedule_id.startswith(prefixes)


def claims(prefixes: Prefixes, schedule_id: str) -> bool:
    """Return whether an id starts with a nonempty prefix, in which case a schedule without a mark is ours."""
    return schedule_id.startswith(tuple(filter(None, prefixes)))


def shared(first: Prefixes, second: Prefixes, *, is_one_owner: bool) -> tuple[str, str] | None:
    """Return one prefix from each side such that both sides could manage the same schedule; None if they cannot.

    The owner's mark keeps two owners' schedules apart. Schedules without a mark belong to the owner of their prefix,
    unless the prefix is empty.
    """
    for one, other in itertools.product(first, second):
        if (one.startswith(other) or other.startswith(one)) and (is_one_owner or (one and other)):
            return one, other
    return None


def is_ours(prefixes: Prefixes, owner: str, schedule_id: str, mark: str | None) -> bool:
    """Return whether a schedule with this id and owner's mark (None if it has no mark) is managed."""
    return claims(prefixes, schedule_id) if mark is None else mark == owner and covers(prefixes, schedule_id)


def default_id(prefix: str, name: str) -> str:
    """Return the default id of a charter: the first prefix followed by the name in lower case."""
    return prefix + name.lower()


def name(prefixes: Prefixes, schedule_id: str) -> str:
    """Return the id without the first prefix, which charters use, or else without the longest one it starts with.

    An id that is itself a prefix, or starts with none of them, is returned unchanged.
    """
    first, *others = prefixes
    for prefix in (first, *sorted(others, key=len, reverse=True)):
        if schedule_id.startswith(prefix) and schedule_id != prefix:
            return schedule_id[len(prefix) :]
    return schedule_id


def prefix_for(schedule_id: str) -> str:
    """Return the prefix that a person would expect for an id: the part up to its last colon, or else all of it."""
    before, colon, _ = schedule_id.rpartition(":")
    return before + colon if before else schedule_id


def shown(prefixes: Sequence[str]) -> str:
    """Describe the schedules with the prefixes: `governance:*`, `a:* and b:*`, `schedules with the owner's mark`."""
    listed = [f"{prefix}*" for prefix in prefixes if prefix]
    if len(listed) > _MOST_SHOWN:
        listed = [*listed[:_MOST_SHOWN], f"{len(listed) - _MOST_SHOWN} more prefixes"]
    if "" in prefixes:
        listed.append("others with the owner's mark" if listed else "schedules with the owner's mark")
    return " and ".join(listed) if len(listed) < 3 else f"{', '.join(listed[:-1])}, and {listed[-1]}"


def key(prefixes: Prefixes) -> str:
    """Return the prefixes as one string, separated by line breaks, which prefixes cannot contain."""
    return "\n".join(prefixes)


def from_key(text: str) -> Prefixes:
    """Return the prefixes from the string that `key` returned."""
    return tuple(text.split("\n"))
