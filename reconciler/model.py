"""The words of this project as frozen data: schedules, changes, plans, outcomes.

A `Schedule` is the same type for what the spec declares and for what the server has, in one canonical form, so
that two schedules that mean the same are equal. How they are read, compared, shown or written is not here.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

_WHOLE_LIMIT = 2**63

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


def json_number(number: int | float) -> int | float:
    """Return the number in the one form that is compared: JSON has a single kind, in which 2.0 and 2 are the same.

    A whole number below 2**63 is an int, and a larger one a float where that loses nothing. A float becomes an int by
    its shortest digits, as PostgreSQL and JavaScript write it, so that either spelling reads back as this form.
    """
    if isinstance(number, float):
        return _digits(number) if number.is_integer() and abs(number) < _WHOLE_LIMIT else number
    if abs(number) < _WHOLE_LIMIT:
        return number
    try:
        near = float(number)
    except OverflowError:  # no float is as large
        return number
    return near if _digits(near) == number else number


def _digits(whole: float) -> int:
    return int(decimal.Decimal(repr(whole)))


def json_value(value: Json) -> Json:
    """Return the value with its numbers in one form, whichever way an SDK wrote them.

    Raises ValueError for what no JSON document holds (NaN, infinity) and for nesting that nobody compares.
    """
    return _json_value(value, 0)


def _json_value(value: Json, depth: int) -> Json:
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        case float() | int() if not isinstance(value, bool):
            return json_number(value)
        case dict():
            return {name: _json_value(inner, depth + 1) for name, inner in value.items()}
        case list():
            return [_json_value(inner, depth + 1) for inner in value]
        case _:
            return value


def short_float(number: float) -> float:
    """Return the number with the six digits that survive the server's single precision."""
    return float(f"{number:.6g}")


IDENTITIES = ("temporalScheduleId", "dbScheduleId")
ARGUMENT_KEYS = ("charter", "entrypoint", "input", *IDENTITIES)  # of a governed workflow's one argument
DEPTH_LIMIT = 120  # levels of a value that is compared; a spec has fewer
GOVERNANCE_PREFIX = "governance:"
LEAST_CATCHUP = datetime.timedelta(seconds=10)  # the server acts on no shorter catch-up window
MEMO_PREFIX = "reconciler."  # of names in a workflow's memo that are not the charter's
PAUSED_BY_US = "paused by reconciler: "
PAUSED_ON_FAILURE = ("paused due to workflow ", "paused, workflow ")  # what V1 and V2 write when a run has failed
IDENTITY = "reconciler"  # what our calls' identity begins with, unless --identity says otherwise
MANAGED_BY_US = "managed by reconciler: "
OWNER_MARK = f"{MEMO_PREFIX}owner"
SEAL_MARK = f"{MEMO_PREFIX}paused"


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
    every year. Days of the week count from Sunday, 0. `comment` is text for people: it and `salt`, the key of
    the digests that replace secrets, do not take part in comparison.
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

    @property
    def is_coded(self) -> bool:
        """Tell whether a codec made it, to encrypt or compress: its encoding is none of the SDKs' own."""
        return self.encoding.startswith("binary/") and self.encoding not in {"binary/plain", "binary/protobuf"}


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

    @property
    def payloads(self) -> tuple[Argument, ...]:
        """Return all that a codec may have encrypted."""
        return (*self.arguments, *self.memo.values(), self.summary, self.details)


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
    it did and why. `owner` is whose mark it carries: that of the repository that declares it. `seal` names the version
    of the schedule that our own pause of a removed charter left behind; it is not a field of the spec.
    `not_secret` are the paths of values that are shown although they look like secrets; it does not take part in
    comparison.
    """

    id: str
    timing: Timing
    action: Action
    policies: Policies = Policies()
    paused: bool = False
    remaining_actions: int | None = None
    counted_from: int | None = None
    note: str | None = None
    owner: str | None = None
    seal: str | None = None
    not_secret: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    salt: bytes = dataclasses.field(default=b"", compare=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a file; line and column count from 1, and are 0 for the whole of it."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


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
class Choice:
    """What is chosen beside the spec, for one run; None leaves it to the spec.

    `repository` is the owner where neither the spec nor `owner` names one.
    """

    environment: str | None = None
    prefix: str | None = None
    owner: str | None = None
    repository: str | None = None
    keep_manual_pauses: bool = False
    adopt: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """All that a spec declares, for one environment where one is chosen.

    `governed` is false when the spec has no governance section at all, `enabled` when the environment is switched off.
    `keep_manual_pauses` leaves alone what somebody paused by hand, `adopt` takes over what has another owner.
    `salt` is the key of the digests that replace secrets in plans.
    """

    path: str
    charters: tuple[Charter, ...]
    governed: bool = True
    environment: str | None = None
    enabled: bool = True
    prefix: str = GOVERNANCE_PREFIX
    owner: str = ""
    keep_manual_pauses: bool = False
    adopt: bool = False
    salt: bytes = dataclasses.field(default=b"", repr=False)


class RunStatus(enum.Enum):
    """How a run of a schedule's workflow stands; UNKNOWN when the server has forgotten it."""

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
    """Who paused a schedule and when, where the server tells; empty and None where it does not."""

    by: str = ""
    at: datetime.datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Tell whether this tool is known to have done it; under another --identity it is anybody's."""
        return self.by.partition(":")[0] == IDENTITY


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
    timing: Timing
    paused: bool
    note: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A schedule as the server described it.

    `token` is the conflict token of that description; as it counts from 1 for every new schedule of an id, `created_at`
    (nanoseconds since the epoch) tells two of them apart. `described` is the adapter's own record of it, opaque
    here, which an update edits so that what this model does not know survives; `unsaid` tells of that in sentences.
    `pause` is None where nobody asked. `coded` tells that a codec made payloads of it, to encrypt or compress them:
    what they say is for who has the codec.
    """

    schedule: Schedule
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
    prefix: str = GOVERNANCE_PREFIX
    owner: str = ""


class Verb(enum.Enum):
    """What a change does; the value is the symbol that people see."""

    CREATE = "+"
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
        """Tell whether such a step waits until all others have succeeded: it leaves less running than before."""
        return self in (Verb.PAUSE, Verb.DELETE)


class Reason(enum.Enum):
    """Why a change is planned; the value completes a line about the schedule."""

    NEW = "not on the server"
    DIFFERENT = "differs from the spec"
    RETURNED = "charter is back in the spec"
    UNDECLARED_PAUSED = "no longer declared paused"
    PAUSED_OUTSIDE = "paused outside the spec"
    PAUSED_ON_FAILURE = "paused by the server, because a run failed"
    DECLARED_PAUSED = "declared paused"
    REMOVED = "charter is not in the spec"
    ALREADY_PAUSED = "charter is not in the spec, already paused"
    SAME = "as declared"
    PRUNED = "paused since its charter was removed"
    STAYS = "not paused as removed"
    UNPROVEN = "kept: it has no record of its removal pause, so changes since then cannot be ruled out"
    CHANGED = "kept: it was changed after it was paused as removed"
    RAN = "kept: it was triggered or backfilled after it was paused as removed"
    MANUAL_PAUSE = "paused outside the spec, and left so"
    OWNED = "belongs to another owner"
    ORPHANED = "has no row in the database"
    DELETED = "its owner deleted it"
    SWITCHED_OFF = "the environment is switched off"


class State(enum.Enum):
    """How a schedule is now, in one word."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXHAUSTED = "exhausted"  # no actions remain
    MISSING = "missing"


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

    `overrides` says where the keys stand that an environment replaces, `renamed_from` the id of a schedule that the
    same plan leaves paused and that is the same but for its name, `origin_pause` who had paused that one before, None
    where nobody had.
    """

    verb: Verb
    reason: Reason
    after: Schedule
    live: Live | None
    charter: str | None
    place: Place | None
    fields: tuple[FieldChange, ...] = ()
    overrides: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)
    renamed_from: str | None = None
    origin_pause: Pause | None = None

    @property
    def id(self) -> str:
        """Return the schedule's id, which is the change's identity within a plan."""
        return self.after.id

    @property
    def is_blocked(self) -> bool:
        """Tell whether the spec wants what belongs to another owner."""
        return self.reason is Reason.OWNED

    @property
    def state(self) -> State:
        """Return how the live schedule is."""
        if self.live is None:
            return State.MISSING
        if self.live.schedule.paused:
            return State.PAUSED
        return State.EXHAUSTED if self.live.schedule.remaining_actions == 0 else State.ACTIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many schedules a server has: the managed ones, and all with the prefix, whoever's they are."""

    managed: int = 0
    present: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every change in the order of its execution, and the digest of what they mean (`sha256:…`).

    `as_of` is when the server was read, where that was not now. `found` is what it had then. `unpolled` are the task
    queues without workers to which the plan moves schedules from one with workers. `doubled` are the ids that it
    creates, each with the id of a running schedule under another prefix that does its work already.
    `salt` is the key of the digests in it.
    """

    target: Target
    spec_path: str
    governed: bool
    changes: tuple[Change, ...]
    digest: str
    environment: str | None = None
    as_of: datetime.datetime | None = None
    found: Left = Left()
    unpolled: frozenset[str] = frozenset()
    doubled: tuple[tuple[str, str], ...] = ()
    salt: bytes = dataclasses.field(default=b"", repr=False)

    @property
    def steps(self) -> tuple[Change, ...]:
        """Return the changes that write; empty means that there is nothing to do."""
        return tuple(change for change in self.changes if change.verb is not Verb.KEEP)

    @property
    def blocked(self) -> tuple[Change, ...]:
        """Return what is wanted and cannot be had, because another owner has it; nothing is applied with such."""
        return tuple(change for change in self.changes if change.is_blocked)

    @property
    def differs(self) -> bool:
        """Tell whether the server is other than declared."""
        return bool(self.steps or self.blocked)

    def count(self, verb: Verb) -> int:
        """Return how many changes have this verb; what is blocked is counted nowhere."""
        return sum(change.verb is verb and not change.is_blocked for change in self.changes)


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a plan: an outcome for every step; `interrupted` when it was told to end early."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool = False


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
    target: Target
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
