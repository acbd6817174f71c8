"""Revisions as entity tags, and the condition that a write may name."""

from __future__ import annotations

import dataclasses
import re

from reconciler.platform import executions
from reconciler.platform.api import problems

_TAG = re.compile(r'(W/)?("[^"]*")')


def of(row: executions.UserSchedule) -> str:
    """Return the entity tag of a row: its revision, which identifies what was written, not what Temporal has."""
    return tag(row.revision)


def tag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A request's If-Match, None without one."""

    given: str | None
    required: bool = dataclasses.field(default=False, kw_only=True)

    def revision(self, row: executions.UserSchedule) -> int | None:
        """Return the revision that is wanted to be changed, None for any.

        It is 428 where one is required and there is none, and 412 where it is another than the row's.
        """
        if self.given is None:
            if self.required:
                raise problems.Problem(
                    428,
                    "",
                    "If-Match is required",
                    hint="send the ETag of the schedule as it was read",
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
                hint="read it again, and try again",
                revision=row.revision,
            )
        return row.revision
