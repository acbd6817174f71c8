"""What a server has: its schedules as described and listed, their history, pauses and runs."""

from __future__ import annotations

import dataclasses
import datetime
import enum

from reconciler.schedule import model, ownership
from reconciler.timing import timings


class RunStatus(enum.Enum):
    """The state of a run of a schedule's workflow; UNKNOWN when the server has forgotten it."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    TERMINATED = "terminated"
    CONTINUED_AS_NEW = "continued as new"
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A workflow that a firing started, and the time that it was due."""

    workflow_id: str
    run_id: str
    due_at: datetime.datetime | None
    started_at: datetime.datetime | None
    status: RunStatus


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a schedule has done and will do, as far as the server remembers.

    The counts are over the schedule's life: firings `taken`, `missed` (late by more than the catch-up window),
    `skipped` (the run before still ran) and `dropped` (the buffer was full); `buffered` ones wait now. `recent` runs
    come oldest first, `next_times` soonest first, also while the schedule is paused.
    """

    updated_at: datetime.datetime | None = None
    taken: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0
    buffered: int = 0
    running: tuple[str, ...] = ()
    recent: tuple[Run, ...] = ()
    next_times: tuple[datetime.datetime, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who paused a schedule and when, where the server reports it; empty and None where it does not."""

    by: str = ""
    at: datetime.datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Return whether this tool is known to have done it; under another --identity that is unknown."""
        return self.by.partition(":")[0] == ownership.IDENTITY


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """How many due times passed without a run, since which one, and why, where the server gives a reason."""

    count: int
    since: datetime.datetime
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a listing shows of a schedule; it lags behind, and has neither arguments, task queue nor policies."""

    workflow: str
    timing: timings.Timing
    paused: bool
    note: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A schedule as the server described it.

    `token` is the conflict token of that description; as it counts from 1 for every new schedule of an id, `created_at`
    (nanoseconds since the epoch) distinguishes two of them. `described` is the adapter's own record of it, opaque
    here, which an update edits so that what this model does not know survives; `unsaid` lists that in sentences.
    `pause` is None where it was not read. `coded` means that a codec made payloads of it, to encrypt or compress them:
    only the codec can read them.
    """

    schedule: model.Schedule
    token: bytes
    created_at: int = 0
    described: bytes = dataclasses.field(default=b"", repr=False)
    activity: Activity = Activity()
    pause: Pause | None = None
    overdue: Overdue | None = None
    unsaid: tuple[str, ...] = ()
    coded: bool = False

    @property
    def next_seal(self) -> str | None:
        """Return the seal of the version that one write under this token leaves; None for a token of another kind."""
        return self._seal(1)

    @property
    def is_sealed(self) -> bool:
        """Return whether the last write is provably the pause that sealed it: edits, pauses and resumes all count."""
        return self.schedule.seal is not None and self.schedule.seal == self._seal(0)

    def _seal(self, writes: int) -> str | None:
        """Return the version after that many writes: a token is a counter of 8 bytes, which each write advances by one.

        V1 sends it big-endian, V2 little-endian; as a count of writes is small, the smaller reading is the right one.
        """
        if len(self.token) != _TOKEN_BYTES:
            return None
        version = min(int.from_bytes(self.token, "big"), int.from_bytes(self.token, "little"))
        return f"{self.created_at}/{version + writes}"


_TOKEN_BYTES = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which schedules on which server: an address, a namespace, the prefix of the managed ids and whose they are."""

    address: str
    namespace: str
    prefix: str = ownership.GOVERNANCE_PREFIX
    owner: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many schedules a server has: the managed ones, and all with the prefix, whoever's they are."""

    managed: int = 0
    present: int = 0
