"""The words of this project as frozen data: schedules, changes, plans, outcomes.

A `Schedule` is the same type for what the spec declares and for what the server has, in one canonical form, so
that two schedules that mean the same are equal. How they are read, compared, shown or written is not here.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


def json_number(number: float) -> int | float:
    """Return a whole float as an int: JSON has one kind of number, and 2.0 and 2 mean the same in it."""
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number


def short_float(number: float) -> float:
    """Return the number with the six digits that survive the server's single precision."""
    return float(f"{number:.6g}")


GOVERNANCE_PREFIX = "governance:"
LEAST_CATCHUP = datetime.timedelta(seconds=10)  # the server acts on no shorter catch-up window
MEMO_PREFIX = "reconciler."  # of names in a workflow's memo that are not the charter's
PAUSED_BY_US = "paused by reconciler: "
MANAGED_BY_US = "managed by reconciler: "


class Overlap(enum.Enum):
    """What happens when a run is due while the one before it still runs; values as in Temporal's command line."""

    SKIP = "Skip"
    BUFFER_ONE = "BufferOne"
    BUFFER_ALL = "BufferAll"
    CANCEL_OTHER = "CancelOther"
    TERMINATE_OTHER = "TerminateOther"
    ALLOW_ALL = "AllowAll"
    UNKNOWN = "(unknown)"  # of a newer server; no spec can say it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The times whose every field is in the field's set; the server's structured calendar.

    Each set is a sorted tuple without repeats. An empty set matches nothing, but for `year`, where it matches
    every year. Days of the week count from Sunday, 0. `comment` is text for people: it does not take part in
    comparison.
    """

    second: tuple[int, ...]
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day_of_month: tuple[int, ...]
    month: tuple[int, ...]
    day_of_week: tuple[int, ...]
    year: tuple[int, ...] = ()
    comment: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Every `every` from the Unix epoch, shifted by `offset` (the server's phase, below `every`)."""

    every: datetime.timedelta
    offset: datetime.timedelta = datetime.timedelta(0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule fires: the union of calendars and intervals, without what `exclude` matches.

    The tuples are sorted and without repeats (`timing.canonical` makes them so). `timezone` is an IANA name,
    `UTC` where the server has none.
    """

    calendars: tuple[Calendar, ...] = ()
    intervals: tuple[Interval, ...] = ()
    exclude: tuple[Calendar, ...] = ()
    start_at: datetime.datetime | None = None
    end_at: datetime.datetime | None = None
    jitter: datetime.timedelta = datetime.timedelta(0)
    timezone: str = "UTC"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A workflow argument that is not plain JSON (binary, protobuf, encrypted), known by its bytes."""

    encoding: str
    sha256: str


Argument: TypeAlias = Json | Opaque


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a failed run is tried again. What is zero or empty is left to the server, which fills nothing in."""

    initial_interval: datetime.timedelta = datetime.timedelta(0)
    backoff_coefficient: float = 0.0
    maximum_interval: datetime.timedelta = datetime.timedelta(0)
    maximum_attempts: int = 0
    non_retryable_errors: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """A run's place among others on its task queue; zero and empty are the server's defaults."""

    key: int = 0
    fairness_key: str = ""
    fairness_weight: float = 0.0


class AttributeType(enum.Enum):
    """The type of a search attribute; values are the names in Temporal's command line."""

    TEXT = "Text"
    KEYWORD = "Keyword"
    INT = "Int"
    DOUBLE = "Double"
    BOOL = "Bool"
    DATETIME = "Datetime"
    KEYWORD_LIST = "KeywordList"


def attribute_type(value: Json | Opaque) -> AttributeType:
    """Return the type that a search attribute has when only its value is given."""
    match value:
        case bool():
            return AttributeType.BOOL
        case int():
            return AttributeType.INT
        case float():
            return AttributeType.DOUBLE
        case list() | tuple():
            return AttributeType.KEYWORD_LIST
        case _:
            return AttributeType.KEYWORD


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A search attribute of a run: a typed value."""

    type: AttributeType
    value: Argument


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The workflow that a firing starts. `arguments` are decoded values, in order; a timeout of zero is none.

    `memo` leaves out the names under `MEMO_PREFIX`, which are this tool's own. `summary` and `details` are None where
    there are none.
    """

    workflow: str
    task_queue: str
    workflow_id: str
    arguments: tuple[Argument, ...] = ()
    execution_timeout: datetime.timedelta = datetime.timedelta(0)
    run_timeout: datetime.timedelta = datetime.timedelta(0)
    task_timeout: datetime.timedelta = datetime.timedelta(0)
    retry_policy: RetryPolicy | None = None
    memo: Mapping[str, Argument] = dataclasses.field(default_factory=dict)
    search_attributes: Mapping[str, Attribute] = dataclasses.field(default_factory=dict)
    priority: Priority = Priority()
    summary: Argument = None
    details: Argument = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How firings behave. A catch-up window up to 10 s is one value, 10 s: the server acts on no less."""

    overlap: Overlap = Overlap.SKIP
    catchup_window: datetime.timedelta = LEAST_CATCHUP
    pause_on_failure: bool = False
    keep_original_workflow_id: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One Temporal schedule, desired or live.

    `remaining_actions` is how often it may still fire, None without a limit; a desired one is where the count starts,
    so a lower live one is no difference while `counted_from`, the start that the server remembers, is the same.
    `note` is what people see beside the state; None in a desired schedule leaves it to the plan, which says there what
    it did and why.
    """

    id: str
    timing: Timing
    action: Action
    policies: Policies = Policies()
    paused: bool = False
    remaining_actions: int | None = None
    counted_from: int | None = None
    note: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """One declared schedule: its name, where it stands and what it asks for.

    `places` says where each of its own keys stands, `overrides` where those do that an environment replaces.
    """

    name: str
    place: Place
    schedule: Schedule
    places: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)
    overrides: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """All that a spec declares, for one environment where one is chosen.

    `governed` is false when the spec has no governance section at all, `enabled` when the environment is switched off.
    """

    path: str
    charters: tuple[Charter, ...]
    governed: bool = True
    environment: str | None = None
    enabled: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A schedule as the server described it.

    `token` is the conflict token of that description; as it counts from 1 for every new schedule of an id, `created_at`
    (nanoseconds since the epoch) tells two of them apart. `described` is the adapter's own record of it, opaque
    here, which an update edits so that what this model does not know survives.
    """

    schedule: Schedule
    token: bytes
    created_at: int = 0
    described: bytes = dataclasses.field(default=b"", repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which schedules on which server: an address, a namespace and the prefix of the managed ids."""

    address: str
    namespace: str
    prefix: str = GOVERNANCE_PREFIX


class Verb(enum.Enum):
    """What a change does; the value is the symbol that people see."""

    CREATE = "+"
    UPDATE = "~"
    RESUME = "▶"
    PAUSE = "‖"
    KEEP = "="

    @property
    def word(self) -> str:
        """Return the verb in lower case, as documents write it."""
        return self.name.lower()


class Reason(enum.Enum):
    """Why a change is planned; the value completes a line about the schedule."""

    NEW = "not on the server"
    DIFFERENT = "differs from the spec"
    RETURNED = "charter is back in the spec"
    UNDECLARED_PAUSED = "no longer declared paused"
    PAUSED_OUTSIDE = "paused outside the spec"
    DECLARED_PAUSED = "declared paused"
    REMOVED = "charter is not in the spec"
    ALREADY_PAUSED = "charter is not in the spec, already paused"
    SAME = "as declared"


class Absent(enum.Enum):
    """The value of a field on the side that does not have it."""

    ABSENT = "(none)"


ABSENT = Absent.ABSENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs, in the spec's words (`cron`, `input.model`); secrets are already redacted."""

    path: str
    old: Json | Absent
    new: Json | Absent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One schedule's step: `after` is what it shall be, `live` what it was when planned (None: nothing).

    `overrides` says where the keys stand that an environment replaces.
    """

    verb: Verb
    reason: Reason
    after: Schedule
    live: Live | None
    charter: str | None
    place: Place | None
    fields: tuple[FieldChange, ...] = ()
    overrides: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        """Return the schedule's id, which is the change's identity within a plan."""
        return self.after.id


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every change in the order of its execution, and the digest of what they mean (`sha256:…`).

    `as_of` is when the server was read, where that was not now.
    """

    target: Target
    spec_path: str
    governed: bool
    changes: tuple[Change, ...]
    digest: str
    environment: str | None = None
    as_of: datetime.datetime | None = None

    @property
    def steps(self) -> tuple[Change, ...]:
        """Return the changes that write; empty means that there is nothing to do."""
        return tuple(change for change in self.changes if change.verb is not Verb.KEEP)

    def count(self, verb: Verb) -> int:
        """Return how many changes have this verb."""
        return sum(change.verb is verb for change in self.changes)


class Status(enum.Enum):
    """How a change ended. STALE: the live schedule moved, nothing of ours was written."""

    DONE = "done"
    FAILED = "failed"
    STALE = "stale"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one change; `detail` says why it is not DONE."""

    change: Change
    status: Status
    detail: str = ""
