"""Plans and their outcomes as frozen data."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping

from reconciler import errors, json_values
from reconciler.schedule import declarations, model, observed


class Verb(enum.Enum):
    """What a change does; the value is the symbol that people see."""

    CREATE = "+"
    RENAME = "→"
    UPDATE = "~"
    RESUME = "▶"
    PAUSE = "‖"
    DELETE = "-"
    KEEP = "="

    @property
    def word(self) -> str:
        """Return the verb in lower case, as documents write it."""
        return self.name.lower()

    @property
    def is_last(self) -> bool:
        """Return whether the step waits until all others have succeeded: it leaves fewer schedules running."""
        return self in (Verb.PAUSE, Verb.DELETE)


class Reason(enum.Enum):
    """Why a change is planned, or why a schedule is kept; the value is shown in parentheses after what will happen."""

    NEW = "new"
    RENAMED = "charter was renamed"
    DIFFERENT = "differs from the spec"
    RETURNED = "charter is back in the spec"
    UNDECLARED_PAUSED = "no longer declared paused"
    PAUSED_OUTSIDE = "paused outside the spec"
    PAUSED_ON_FAILURE = "paused by the server because a run failed"
    DECLARED_PAUSED = "declared paused"
    REMOVED = "charter is not in the spec"
    ALREADY_PAUSED = "charter is not in the spec; already paused"
    SAME = "matches the spec"
    LISTED = "matches the spec (compared by listing only)"
    PRUNED = "paused because its charter was removed"
    STAYS = "kept: reconciler did not pause it after its charter was removed"
    UNPROVEN = "kept: no record of its pause, so it may have changed since then"
    CHANGED = "kept: changed since it was paused"
    RAN = "kept: triggered or backfilled since it was paused"
    MANUAL_PAUSE = "paused outside the spec; left paused"
    OWNED = "belongs to another owner"
    ORPHANED = "has no row in the database"
    DELETED = "deleted by its owner"
    SWITCHED_OFF = "the environment is disabled"


class State(enum.Enum):
    """The current state of a schedule, in one word."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXHAUSTED = "exhausted"  # no actions remain
    MISSING = "missing"


class Absent(enum.Enum):
    """Stands for the value of a field on the side that does not have it."""

    ABSENT = "(none)"


ABSENT = Absent.ABSENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs, in the spec's words (`cron`, `input.model`); secrets are already redacted."""

    path: str
    old: json_values.Json | Absent
    new: json_values.Json | Absent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One schedule's step: `live` is the schedule before it (None if it did not exist), and `after` is the result.

    `ignored` are differences at `ignore` paths, which are kept; `unchangeable` are those that the server cannot change.
    `overrides` is where an environment overrides keys. `renamed_from` is the id of a schedule that differs only in name
    and that the same plan leaves paused; `origin_pause` is that schedule's earlier pause, None if it was not paused. A
    rename creates a schedule with the state of the old one, and then pauses the old one: `origin` is the change to the
    old one.
    """

    verb: Verb
    reason: Reason
    after: model.Schedule
    live: observed.Live | None
    charter: str | None
    place: declarations.Place | None
    fields: tuple[FieldChange, ...] = ()
    ignored: tuple[FieldChange, ...] = ()
    unchangeable: tuple[FieldChange, ...] = ()
    overrides: Mapping[str, declarations.Place] = dataclasses.field(default_factory=dict, compare=False)
    renamed_from: str | None = None
    origin_pause: observed.Pause | None = None
    origin: Change | None = None

    @property
    def id(self) -> str:
        """Return the schedule's id, which is the change's identity within a plan."""
        return self.after.id

    @property
    def before(self) -> observed.Live | None:
        """Return the live schedule that did the work until now: after a rename, the one with the former name."""
        return self.origin.live if self.origin else self.live

    @property
    def is_blocked(self) -> bool:
        """Return whether the spec declares a schedule that belongs to another owner."""
        return self.reason is Reason.OWNED

    @property
    def state(self) -> State:
        """Return the state of the live schedule."""
        if self.live is None:
            return State.MISSING
        if self.live.schedule.paused:
            return State.PAUSED
        return State.EXHAUSTED if self.live.schedule.remaining_actions == 0 else State.ACTIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every change in order of execution, and the digest of what they mean (`sha256:…`).

    `as_of` is when the server was read, if that was earlier; `found` counts the schedules that it had then. `unpolled`
    are the queues without workers to which the plan moves schedules from queues with workers; `unregistered` are the
    pairs of task queue and workflow to which it moves schedules although no worker there registers the workflow.
    Each pair in `doubled` is the id of a schedule that the plan starts and the id of a running one, under another
    prefix, that already does the same work. `adopts` allows the plan to take over schedules of other owners, or without
    a mark, and to change what they run. `only` names the charters that it is limited to, if any. `refresh` is how much
    of the server was read, None for all. `salt` is the key for the digests, including those in `variables`, which cover
    values from outside the spec. `disabled` is the reason if the environment is disabled: then the server is not read,
    and the plan has no changes.
    """

    target: observed.Target
    spec_path: str
    governed: bool
    changes: tuple[Change, ...]
    digest: str
    environment: str | None = None
    as_of: datetime.datetime | None = None
    found: observed.Left = dataclasses.field(default_factory=observed.Left)
    unpolled: frozenset[str] = frozenset()
    unregistered: frozenset[tuple[str, str]] = frozenset()
    doubled: tuple[tuple[str, str], ...] = ()
    adopts: bool = False
    only: tuple[str, ...] = ()
    refresh: declarations.Refresh | None = None
    salt: bytes = dataclasses.field(default=b"", repr=False)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    disabled: str = ""

    @property
    def steps(self) -> tuple[Change, ...]:
        """Return the changes that require a write; empty means that there is nothing to do."""
        return tuple(change for change in self.changes if change.verb is not Verb.KEEP)

    @property
    def schedules(self) -> tuple[Change, ...]:
        """Return the change for every schedule, including those with a former name."""
        return tuple(each for change in self.changes for each in (change, change.origin) if each is not None)

    @property
    def blocked(self) -> tuple[Change, ...]:
        """Return the changes to schedules that belong to another owner; a plan that has any is refused."""
        return tuple(change for change in self.changes if change.is_blocked)

    @property
    def assumed(self) -> tuple[Change, ...]:
        """Return the changes to schedules that were listed but not described."""
        return tuple(change for change in self.changes if change.live is not None and change.live.assumed)

    @property
    def differs(self) -> bool:
        """Return whether the server differs from the spec."""
        return bool(self.steps or self.blocked)

    def count(self, verb: Verb) -> int:
        """Return how many changes have this verb, not counting blocked ones."""
        return sum(change.verb is verb and not change.is_blocked for change in self.changes)


class Status(enum.Enum):
    """How a change ended. STALE: the live schedule had changed, so nothing was written."""

    DONE = "done"
    FAILED = "failed"
    STALE = "stale"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one change; `detail` is why it is not DONE."""

    change: Change
    status: Status
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The outcomes of a plan, one for each step; `interrupted` is set if the apply was asked to end early."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool = False


def interrupted(plan: Plan) -> Applied:
    """Return the outcomes of a plan that was interrupted before its first step."""
    detail = f"not started ({errors.INTERRUPTED})"
    outcomes = (Outcome(change=change, status=Status.SKIPPED, detail=detail) for change in plan.steps)
    return Applied(outcomes=tuple(outcomes), interrupted=True)
