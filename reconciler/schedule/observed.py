"""A server's schedules as described and listed, with their history, pauses, and runs."""

from __future__ import annotations

import dataclasses
import datetime
import enum

from reconciler.schedule import model, ownership
from reconciler.timing import timings


class RunStatus(enum.Enum):
    """The state of a run; UNKNOWN if the server no longer has it."""

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
    """A workflow run that a firing started, and when it was due."""

    workflow_id: str
    run_id: str
    due_at: datetime.datetime | None
    started_at: datetime.datetime | None
    status: RunStatus


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a schedule has done and will do, as far as the server has recorded it.

    The counts cover the schedule's whole lifetime: firings `taken`, `missed` (late by more than the catch-up window),
    `skipped` (the previous run was still in progress), and `dropped` (the buffer was full); `buffered` ones are waiting
    now. `recent` runs are oldest first. `next_time` is set even while the schedule is paused.
    """

    updated_at: datetime.datetime | None = None
    taken: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0
    buffered: int = 0
    running: tuple[str, ...] = ()
    recent: tuple[Run, ...] = ()
    next_time: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who paused a schedule and when; empty and None if the server does not report it."""

    by: str = ""
    at: datetime.datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Return whether this tool is known to have paused it; with a different --identity, this is unknown."""
        return self.by.partition(":")[0] == ownership.IDENTITY


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """How many due times passed without a run, since when, and why, if the server reports a reason."""

    count: int
    since: datetime.datetime
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A schedule as listed: eventually consistent, and without arguments, task queue, and policies."""

    workflow: str
    timing: timings.Timing
    paused: bool
    note: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A schedule as the server described it.

    `token` is the conflict token of that description. It starts at 1 again if a schedule is recreated, so `created_at`
    (nanoseconds since the epoch) distinguishes old from new. `described` is the adapter's own record, opaque here; an
    update edits it, so that fields unknown to this model are preserved. `own` is the record for the schedule's own memo
    and attributes, and `unexpressed` has sentences that describe unknown fields. `pause` is None if it was not read.
    `coded` means that some payloads were encrypted or compressed by a codec, and only the codec can read them.
    `memo_is_fixed` means that the server does not change the schedule's own memo after the schedule is created.
    `assumed` means that it was listed, not described: what a listing does not contain is copied from the spec.
    """

    schedule: model.Schedule
    token: bytes
    created_at: int = 0
    described: bytes = dataclasses.field(default=b"", repr=False)
    history: History = History()
    pause: Pause | None = None
    overdue: Overdue | None = None
    unexpressed: tuple[str, ...] = ()
    coded: bool = False
    own: bytes = dataclasses.field(default=b"", repr=False)
    memo_is_fixed: bool = False
    assumed: bool = False

    @property
    def next_seal(self) -> str | None:
        """Return the seal of the version after one write with this token; None if the token has another format."""
        return self._seal(1)

    @property
    def is_sealed(self) -> bool:
        """Return whether the last write is provably the pause that sealed it; any later write breaks the seal."""
        return self.schedule.seal is not None and self.schedule.seal == self._seal(0)

    def _seal(self, writes: int) -> str | None:
        """Return the seal after that many writes: a token is an 8-byte counter that each write increments.

        V1 sends it big-endian, V2 little-endian; counts are small, so the smaller of the two values is the right one.
        """
        if len(self.token) != _TOKEN_BYTES:
            return None
        version = min(int.from_bytes(self.token, "big"), int.from_bytes(self.token, "little"))
        return f"{self.created_at}/{version + writes}"


_TOKEN_BYTES = 8


def is_of_v1(token: bytes) -> bool:
    """Return whether a conflict token is from the V1 backend, whose counter is big-endian; see `Live.next_seal`."""
    return len(token) == _TOKEN_BYTES and int.from_bytes(token, "big") < int.from_bytes(token, "little")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which schedules on which server: address, namespace, the prefixes of the managed ids, and the owner.

    `of_users` means users' schedules: no prefix covers their ids, and only their mark shows who owns them.
    """

    address: str
    namespace: str
    prefixes: ownership.Prefixes = ownership.DEFAULT_PREFIXES
    owner: str = ""
    of_users: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many schedules a server has: the managed ones, and all whose ids have a managed prefix, whoever owns them."""

    managed: int = 0
    present: int = 0
