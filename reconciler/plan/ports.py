"""What the core asks of the outside world, as Protocols; `temporal` and `store` have the real ones."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from reconciler.plan import pollers
from reconciler.schedule import model, observed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: a person or a job (`who`), which run of it, and since when, where that is known."""

    who: str
    run: str = ""
    since: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An apply or a prune that was started: by whom, from which commit and run, for what, and of which plan."""

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
        """Return the same schedules, their recent runs with their current results."""
        ...

    async def create(self, schedule: model.Schedule) -> None:
        """Create a schedule, once however often the call is retried.

        Raises `errors.ConflictError` when the id is taken.
        """
        ...

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        """Make the schedule equal to `after` in one write, under the conflict token of `live`.

        What the model does not know keeps its value. A stale token raises `errors.ConflictError` on servers that
        report it; others drop the write silently, so the caller must read back.
        """
        ...

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; one that is gone already is not an error."""
        ...


class Listing(Schedules, Protocol):
    """The schedules of one namespace, and what its listing shows of them."""

    async def listed(self, is_wanted: Callable[[str], bool]) -> Mapping[str, observed.Listed]:
        """Return what the listing shows of every schedule whose id is wanted; lags behind as `ids` does."""
        ...


class Pollers(Protocol):
    """The workers of a namespace, as the server sees them."""

    async def of(self, task_queue: str) -> pollers.Queue:
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
