"""Revisions as entity tags, and the If-Match condition of a write."""

from __future__ import annotations

import dataclasses
import re

from reconciler.platform import executions
from reconciler.platform.api import problems

_TAG = re.compile(r'(W/)?("[^"]*")')


def of(row: executions.UserSchedule) -> str:
    """Return the entity tag of a row: its revision, which identifies the row's contents, not Temporal's state."""
    return tag(row.revision)


def tag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A request's If-Match header; None if it has none."""

    given: str | None
    required: bool = dataclasses.field(default=False, kw_only=True)

    def revision(self, row: executions.UserSchedule) -> int | None:
        """Return the revision that the request expects; None for any.

        Raises a 428 if one is required but missing, and a 412 if it is not the row's revision.
        """
        if self.given is None:
            if self.required:
                raise problems.Problem(
                    428,
                    "",
                    "If-Match is required",
                    hint="read the schedule, then send its ETag",
                    revision=row.revision,
                )
            return None
        if self.given.strip() == "*":
            return None
        if of(row) not in [tag for weak, tag in _TAG.findall(self.given) if not weak]:
            raise problems.Problem(
                412,
                "revision",
                f"the schedule is at revision {row.revision}",
                hint="read the schedule again, then retry with its new ETag",
                revision=row.revision,
            )
        return row.revision
