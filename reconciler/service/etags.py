"""Revisions as entity tags, and the conditions that a request may name."""

from __future__ import annotations

import re

from reconciler import executions
from reconciler.service import problems

_TAG = re.compile(r'(W/)?("[^"]*")')


def of(row: executions.UserSchedule) -> str:
    """Return the entity tag of a row as it is; that Temporal has it by now makes it another."""
    return f'"{row.revision}"'


def matches(row: executions.UserSchedule, condition: str | None) -> bool:
    """Tell whether If-None-Match names what the row is."""
    return condition is not None and (condition.strip() == "*" or of(row) in [tag for _, tag in _tags(condition)])


def expected(row: executions.UserSchedule, condition: str | None, *, required: bool) -> int | None:
    """Return the revision that If-Match wants to be changed, None for any.

    It is 428 where one is required and there is none, and 412 where it is another than the row's.
    """
    if condition is None:
        if required:
            raise problems.Problem(
                428,
                "",
                "If-Match is needed",
                hint="send the ETag of the schedule as it was read",
                revision=row.revision,
            )
        return None
    if condition.strip() == "*":
        return None
    if of(row) not in [tag for weak, tag in _tags(condition) if not weak]:
        raise problems.Problem(
            412,
            "revision",
            f"the schedule is at revision {row.revision}",
            hint="read it again, and try again",
            revision=row.revision,
        )
    return row.revision


def _tags(condition: str) -> list[tuple[str, str]]:
    return _TAG.findall(condition)
