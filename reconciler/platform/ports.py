"""What the platform needs from the outside world, as Protocols; `platform.postgres` implements most of them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from typing import Protocol

from reconciler.platform import executions


class Rows(Protocol):
    """The rows of users' schedules, which declare what Temporal should have.

    All methods here and in the Protocols below raise `errors.StoreError` if the database does not respond.
    """

    async def owner(self) -> str:
        """Return the owner mark of this database's schedules, which is unique to the database."""
        ...

    async def outlines(self) -> tuple[executions.Outline, ...]:
        """Return an outline of every row that is not deleted or whose latest revision Temporal may not have."""
        ...

    async def some(self, ids: Iterable[uuid.UUID]) -> tuple[executions.UserSchedule, ...]:
        """Return the current rows with these IDs, including deleted ones; IDs without a row are omitted."""
        ...

    async def find(self, schedule_id: uuid.UUID) -> executions.UserSchedule | None:
        """Return the current row, deleted or not; None if there is none."""
        ...

    async def synced(self, revisions: Mapping[uuid.UUID, int]) -> None:
        """Record the row revisions that Temporal has; a recorded revision never decreases."""
        ...


class Runs(Protocol):
    """The runs of users' schedules, and whether they are permitted."""

    async def why_refused(self, schedule_id: uuid.UUID, workflow: str) -> str:
        """Return why the schedule's owner may not run the workflow now; empty if a grant covers it.

        The current time is read from the clock that set the grants' times.
        """
        ...

    async def begin(self, run: executions.ScheduleRun, next_run_at: datetime.datetime | None) -> None:
        """Record a firing; if one already exists for the same schedule and time, it keeps the higher attempt number.

        A run that has ended is left unchanged. Raises `errors.StoreError` for an unknown schedule.
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
        """Record how a run ended; the first recorded end is kept, unless its state is `RunState.GONE`."""
        ...

    async def open(
        self, age: datetime.timedelta, *, limit: int, after: executions.ScheduleRun | None = None
    ) -> tuple[executions.ScheduleRun, ...]:
        """Return the open runs that started at least `age` ago, oldest first, continuing after `after`.

        Runs whose workflow is unknown are omitted.
        """
        ...

    async def close(self, run: executions.ScheduleRun, ending: executions.Ending) -> bool:
        """Record how an open run ended, and return whether its end was recorded.

        It is not recorded if the run has since ended, another attempt has started, or its row is locked.
        """
        ...


class Endings(Protocol):
    """How the workflows of runs ended, according to Temporal."""

    async def of(self, run: executions.WorkflowRun) -> executions.Ending | None:
        """Return how a run ended; None while it, or another run with its workflow ID, is running.

        The state is `RunState.GONE` if Temporal does not have the run. Raises `errors.ServerError` if the run
        cannot be read.
        """
        ...


class Executor(Protocol):
    """Runs what a firing requests, once for each idempotency key."""

    async def execute(self, execution: executions.Execution) -> executions.ExecutionRequest:
        """Start the execution and return its outcome, or the recorded outcome if it was requested before.

        Raises `errors.ExecutionRefusedError` if a retry cannot succeed (for example, if another request used the key),
        and `errors.ExecutorError` if the request may be retried.
        """
        ...
