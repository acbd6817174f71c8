"""What the core asks of the outside world, as Protocols; `temporal` and `store` have the real ones."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from reconciler import executions, polling
from reconciler.schedule import model, observed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: a person or a job (`who`), which run of it, and since when, where that is known."""

    who: str
    run: str = ""
    since: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An apply or a prune that was begun: by whom, from which commit and run, for what, and of which plan."""

    command: str
    who: str
    run: str
    commit: str
    started_at: datetime.datetime
    target: observed.Target
    spec_path: str
    environment: str | None
    digest: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the audit keeps of an outcome: words, no values."""

    id: str
    verb: str
    status: str
    detail: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An attempt as the audit has it; `ended_at` is None while it runs, and for one that was killed.

    `managed` is how many managed schedules it left on the server, None where that is not known: it was refused.
    """

    number: int
    attempt: Attempt
    ended_at: datetime.datetime | None
    steps: tuple[Step, ...]
    managed: int | None
    error: str


class Schedules(Protocol):
    """The schedules of one namespace.

    Every method raises `errors.UnreachableError` when the server gives no answer and `errors.ServerError` when it
    answers with a failure.
    """

    async def ids(self) -> frozenset[str]:
        """Return the id of every schedule in the namespace; eventually consistent, may name deleted ones."""
        ...

    async def describe(self, schedule_id: str) -> observed.Live | None:
        """Return what the server has under this id now (strongly consistent), None when there is nothing."""
        ...

    async def describe_all(self, schedule_ids: Iterable[str]) -> Mapping[str, observed.Live]:
        """Describe many at once; ids that do not exist are left out."""
        ...

    async def explained(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        """Return the same schedules: paused ones with who paused them, active ones with due times that did not run."""
        ...

    async def followed(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        """Return the same schedules, their recent runs with the results they have by now."""
        ...

    async def create(self, schedule: model.Schedule) -> None:
        """Create a schedule, once however often the call is retried.

        Raises `errors.ConflictError` when the id is taken.
        """
        ...

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        """Make the schedule equal to `after` in one write, under the conflict token of `live`.

        What the model does not know keeps its value. A stale token raises `errors.ConflictError` on servers that
        say so; others drop the write in silence, so the caller must read back.
        """
        ...

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; one that is gone already is no error."""
        ...


class Listing(Schedules, Protocol):
    """The schedules of one namespace, and what its listing shows of them."""

    async def listed(self, is_wanted: Callable[[str], bool]) -> Mapping[str, observed.Listed]:
        """Return what the listing shows of every schedule whose id is wanted; lags behind as `ids` does."""
        ...


class Pollers(Protocol):
    """The workers of a namespace, as the server sees them."""

    async def of(self, task_queue: str) -> polling.Queue:
        """Return who asks for workflow tasks on a queue, or did within the last minutes; raises as `Schedules` does."""
        ...


class Lease(Protocol):
    """A lock that is held."""

    async def lost(self) -> str:
        """Return why the lock is held no longer, empty while it is; nothing may be written once it is lost.

        Asked before each write: it waits where it has not been known for a while whether the lock is held.
        """
        ...

    def doubt(self) -> None:
        """Let nothing count that was known before now: `lost` looks again."""
        ...

    async def release(self) -> None:
        """Let go; without effect once it is lost."""
        ...


class Lock(Protocol):
    """Keeps two applies to the same schedules apart."""

    async def acquire(self, holder: Holder) -> Lease:
        """Take the lock, without waiting; `errors.LockedError` names who has it."""
        ...

    async def holder(self) -> Holder | None:
        """Return who has the lock, None when it is free."""
        ...

    async def free(self) -> Holder | None:
        """Take the lock away from whoever has it, and return who that was; None when it was free."""
        ...


class Audit(Protocol):
    """Keeps who applied what, when and with which outcomes."""

    async def begin(self, attempt: Attempt) -> int:
        """Record that an attempt begins, before anything is written; return its number."""
        ...

    async def end(self, number: int, steps: Iterable[Step], *, left: observed.Left | None, error: str = "") -> None:
        """Record how it ended; `left` is None for one that was refused, whose reason is the error."""
        ...

    async def latest(self, count: int) -> tuple[Record, ...]:
        """Return the latest attempts, the newest first."""
        ...

    async def present(self, target: observed.Target) -> int:
        """Return how many schedules with the prefix the last apply or prune left; 0 when there was none.

        Neither owner nor address count: a namespace may be shared by several, and reached by several.
        """
        ...

    async def commit(self, target: observed.Target) -> str:
        """Return the commit of the owner's last apply that may have written; empty when none is recorded."""
        ...


class Rows(Protocol):
    """The rows of users' schedules, which say what Temporal shall have of them.

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
        """Record the end of a run that has none, and return whether it was recorded.

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
        """Start it and return what became of it; of one that was asked for before, the recorded outcome.

        Raises `errors.ExecutionRefusedError` for what will not be done however often it is asked for (also a key that
        is taken by another request), and `errors.ExecutorError` for what may be tried again.
        """
        ...
