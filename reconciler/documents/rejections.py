"""Why a JSON document is not the expected one: it is of another kind, or a part of it is invalid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler import errors, published

PLAN = "a plan"
SNAPSHOT = "a snapshot"
_KINDS = (  # names, the keys that only such a document has, and where it can be used; the first match is its kind
    ("the outcome of a command", ("command", "exit_code"), ""),
    ("a preflight report", ("queues", "findings"), ""),
    ("a history", ("records",), ""),
    ("a status", ("schedules", "spec"), ""),
    (SNAPSHOT, ("schedules", "taken_at"), "plan --live"),
    (PLAN, ("changes",), "show or apply"),
    (PLAN, ("environments",), "show or apply"),
)


def check_kind(document: Mapping[str, Any], expected: str, path: str, *, hint: str) -> None:
    """Raise `errors.DocumentError` for a document of a known kind that is not the expected one.

    `hint` is how to create a document of the expected kind.
    """
    for kind, keys, use in _KINDS:
        if all(key in document for key in keys):
            if kind != expected:
                advice = f"use it with {use}, or {hint}" if use else hint
                raise errors.DocumentError(f"{path} is {kind}, not {expected}", hint=advice)
            return


def fault(violation: published.Violation) -> str:
    """Return which key is missing, or which part does not match the schema."""
    where = ".".join(map(str, violation.path))
    if violation.keyword == "required":
        missing = next(key for key in violation.wanted if key not in violation.got)
        return f"{where or 'it'} has no {missing!r}"
    return f"{where or 'the document'} does not match the schema"
