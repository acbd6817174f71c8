"""What the core needs from the outside world, as Protocols; `temporal` and `postgres` implement them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from reconciler.plan import pollers
from reconciler.schedule import model, observed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: a person or a job (`who`), which run of it, and since when, if known."""

    who: str
    run: str = ""
    since: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An apply or a prune that was started: who started it, in which run, from which commit, and its plan."""

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
    """What the audit records about an outcome; it contains no field values."""

    id: str
    verb: str
    status: str
    detail: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An attempt as recorded in the audit; `ended_at` is None while it is running or if it was killed.

    `managed` is how many managed schedules it left on the server, None if it was refused.
    """

    number: int
    attempt: Attempt
    ended_at: datetime.datetime | None
    steps: tuple[Step, ...]
    managed: int | None
    error: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """When an apply read a schedule that matched its charter; `charter` is the charter's digest, keyed with `salt`."""

    charter: str
    salt: bytes
    read_at: datetime.datetime


class Schedules(Protocol):
    """The schedules of one namespace.

    Every method raises `errors.UnreachableError` when the server does not respond, and `errors.ServerError` when it
    reports a failure.
    """

    async def ids(self) -> frozenset[str]:
        """Return the id of every schedule in the namespace; eventually consistent, may include deleted ones."""
        ...

    async def listed(self, is_wanted: Callable[[str], bool]) -> Mapping[str, observed.Listed]:
        """Return the listing's view of every schedule whose id is wanted; eventually consistent, like `ids`."""
        ...

    async def describe(self, schedule_id: str) -> observed.Live | None:
        """Return the current schedule with this id (strongly consistent), None if it does not exist."""
        ...

    async def is_current(self, live: observed.Live) -> bool:
        """Return whether the schedule is unchanged since it was described, and was not recreated; takes one call."""
        ...

    async def describe_all(self, schedule_ids: Iterable[str]) -> Mapping[str, observed.Live]:
        """Describe many at once; ids that do not exist are omitted."""
        ...

    async def describe_marked(self, schedule_ids: Iterable[str], owner: str) -> Mapping[str, observed.Live]:
        """Describe many at once, and return those with the owner's mark; the others are not even decoded."""
        ...

    async def explained(self, live: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        """Return the same schedules: paused ones with who paused them, active ones with due times that had no run."""
        ...

    async def followed(self, live: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        """Return the same schedules, with the current results of their recent runs."""
        ...

    def guarded(self, permit: Callable[[], Awaitable[None]]) -> Schedules:
        """Return the same schedules; each write to them awaits `permit` right before it is sent or resent.

        An exception from `permit` prevents the write and is raised to its caller.
        """
        ...

    async def create(self, schedule: model.Schedule) -> None:
        """Create a schedule; retries of the call do not create it twice.

        Raises `errors.ConflictError` if the id is already in use.
        """
        ...

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        """Make the schedule equal to `after` in one write, under the conflict token of `live`.

        Fields that the model does not know are kept. A stale token raises `errors.ConflictError` on servers that
        report it; others drop the write silently, so the caller must read back.
        """
        ...

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; it is not an error if it no longer exists."""
        ...


class Pollers(Protocol):
    """The workers of a namespace, as the server sees them."""

    async def of(self, task_queue: str, patience: datetime.timedelta | None = None) -> pollers.Queue:
        """Return who polls a queue for workflow tasks, or did in the last few minutes; raises what `Schedules` raises.

        Waits up to `patience` for a response, not counting time spent waiting for the rate limit.
        """
        ...


class Progress(Protocol):
    """Shows the progress of long-running work, one task at a time."""

    def work(
        self, verb: str, noun: str, total: int, *, calls: int
    ) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """Show progress while the context is open; the function that it yields is called after each of `total` items.

        `verb` and `noun` are words such as `reading` and `schedules`. The work takes about `calls` calls to the server;
        0 if that is not known.
        """
        ...


class Lease(Protocol):
    """A lock that is held."""

    async def lost(self) -> str:
        """Return why the lock was lost, or an empty string while it is held; nothing may be written once it is lost.

        Called before each write; it waits for a new check if the last one is old.
        """
        ...

    def doubt(self) -> None:
        """Discard what is known so far, so that `lost` checks again."""
        ...

    async def release(self) -> None:
        """Release the lock; has no effect once it is lost."""
        ...


class Lock(Protocol):
    """Prevents concurrent applies to the same schedules."""

    async def acquire(self, holder: Holder) -> Lease:
        """Take the lock without waiting; `errors.LockedError` names its holder."""
        ...

    async def holder(self) -> Holder | None:
        """Return who holds the lock, None if it is free."""
        ...

    async def free(self) -> Holder | None:
        """Forcibly release the lock, and return its former holder; None if it was free."""
        ...


class Audit(Protocol):
    """Records who applied what, when, and with which outcomes."""

    async def begin(
        self, attempt: Attempt, *, doubtful: Collection[str] = (), declared: Collection[str] | None = None
    ) -> int:
        """Record the start of an attempt, before anything is written; return its number.

        The readings of `doubtful` schedules are dropped. Unless `declared` is None (the attempt does not cover all
        charters), the readings of undeclared schedules under its owner and prefixes are dropped too.
        """
        ...

    async def end(
        self,
        number: int,
        steps: Iterable[Step],
        *,
        left: observed.Left | None,
        error: str = "",
        readings: Mapping[str, Reading] = MappingProxyType({}),
    ) -> None:
        """Record how an attempt ended, and a reading, by id, of each schedule that matched the spec before or after it.

        `left` is None if it was refused, and `error` is why.
        """
        ...

    async def latest(self, count: int) -> tuple[Record, ...]:
        """Return the latest attempts, newest first."""
        ...

    async def present(self, target: observed.Target) -> int:
        """Return the number of schedules after the last apply or prune with any of the prefixes; 0 if there was none.

        Also 0 if that apply or prune had a prefix that `target` lacks. The address is ignored, because a namespace may
        have several. So is the owner, because several owners may share a prefix; only with an empty prefix does each
        owner have its own schedules.
        """
        ...

    async def commit(self, target: observed.Target) -> str:
        """Return the commit of the owner's last apply that may have written to any of the prefixes; empty if none."""
        ...
