"""What the platform needs of the outside world, as Protocols; `platform.postgres` has most of the real ones."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from typing import Protocol

from reconciler.platform import executions


class Rows(Protocol):
    """The rows of users' schedules, which declare what Temporal should have.

    Every method raises `errors.StoreError` when the database does not answer, as those of the Protocols below do.
    """

    async def owner(self) -> str:
        """Return the mark of this database's schedules, which no other database has."""
        ...

    async def outlines(self) -> tuple[executions.Outline, ...]:
        """Return an outline of every row that is not deleted, or whose latest revision Temporal may not have."""
        ...

    async def some(self, ids: Iterable[uuid.UUID]) -> tuple[executions.UserSchedule, ...]:
        """Return the rows with these ids as they are now, deleted ones too; an id without a row is left out."""
        ...

    async def find(self, schedule_id: uuid.UUID) -> executions.UserSchedule | None:
        """Return a row as it is now, deleted or not; None when there is none."""
        ...

    async def synced(self, revisions: Mapping[uuid.UUID, int]) -> None:
        """Note up to which revision Temporal has a row; never less than what was noted before."""
        ...


class Runs(Protocol):
    """The runs of users' schedules, and whether they may be."""

    async def why_refused(self, schedule_id: uuid.UUID, workflow: str) -> str:
        """Return why the schedule's owner may not run the workflow now; empty when a grant covers it.

        Now is by the clock that grants were made by.
        """
        ...

    async def begin(self, run: executions.ScheduleRun, next_run_at: datetime.datetime | None) -> None:
        """Record a firing; one that is there already, for the same schedule and time, takes the higher attempt.

        One that has ended is left as it is. A row for an unknown schedule is none: `errors.StoreError`.
        """
        ...

    async def end(
        self,
        schedule_id: uuid.UUID,
        scheduled_for: datetime.datetime,
        state: executions.RunState,
        ended_at: datetime.datetime,
        error: str = "",
    ) -> None:
        """Record how it ended; the first end counts, unless that was only that Temporal no longer had the run."""
        ...

    async def open(
        self, age: datetime.timedelta, *, limit: int, after: executions.ScheduleRun | None = None
    ) -> tuple[executions.ScheduleRun, ...]:
        """Return runs that started at least so long ago and have no end, the oldest first, from `after` on.

        Those whose workflow is unknown are left out.
        """
        ...

    async def close(self, run: executions.ScheduleRun, ending: executions.Ending) -> bool:
        """Record the end of a run without one, and return whether it was recorded.

        It is not recorded if the run has ended meanwhile, another attempt has started, or its row is locked.
        """
        ...


class Endings(Protocol):
    """How the workflows of runs ended, according to Temporal."""

    async def of(self, run: executions.WorkflowRun) -> executions.Ending | None:
        """Return how a run ended; None while it, or another run of its workflow id, is running.

        One that Temporal does not have is `RunState.GONE`. Raises `errors.ServerError` when that cannot be read.
        """
        ...


class Executor(Protocol):
    """Whoever runs what a firing asks for, once for each idempotency key."""

    async def execute(self, execution: executions.Execution) -> executions.ExecutionRequest:
        """Start it and return its outcome; of one that was requested before, the recorded outcome.

        Raises `errors.ExecutionRefusedError` for what will not be done however often it is asked for (also a key that
        is taken by another request), and `errors.ExecutorError` for what may be tried again.
        """
        ...
