"""A schedule as frozen data.

A `Schedule` represents both what the spec declares and what the server has, in one canonical form, so schedules with
the same meaning are equal. Other modules read, compare, render, and write them.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import TypeAlias

from reconciler import json_values
from reconciler.timing import timings

LEAST_CATCHUP = datetime.timedelta(seconds=10)  # the server's minimum catch-up window
UNSET_CATCHUP = datetime.timedelta(days=365)  # what the server uses if none is set
LONGEST_TASK = datetime.timedelta(seconds=120)  # the server's maximum task timeout
BRIEF = datetime.timedelta(seconds=1)  # a run with a shorter timeout cannot finish
LONGEST_TIMEOUT = datetime.timedelta(days=36_500)  # the server shortens longer timeouts to this


class Overlap(enum.Enum):
    """What happens when a run is due while the previous one is still running; values as in Temporal's CLI."""

    SKIP = "Skip"
    BUFFER_ONE = "BufferOne"
    BUFFER_ALL = "BufferAll"
    CANCEL_OTHER = "CancelOther"
    TERMINATE_OTHER = "TerminateOther"
    ALLOW_ALL = "AllowAll"
    UNKNOWN = "(unknown)"  # from a newer server; no spec can express it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A payload that is not JSON (binary, protobuf, encrypted), compared by the digest of its bytes.

    `data` is None if the bytes are unknown, as in a document. `message_type` is the name of a protobuf message,
    empty for other payloads.
    """

    encoding: str
    sha256: str
    message_type: str = dataclasses.field(default="", compare=False)
    data: bytes | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def is_coded(self) -> bool:
        """Return whether a codec encrypted or compressed it: its encoding is binary, but not one of the SDKs' own."""
        return self.encoding.startswith("binary/") and self.encoding not in {"binary/plain", "binary/protobuf"}


Argument: TypeAlias = json_values.Json | Opaque


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A workflow argument in protobuf's JSON encoding, which can be read only with the named message type."""

    message_type: str
    value: json_values.Json


AnyArgument: TypeAlias = Argument | Message
"""A workflow argument; a schedule's other payloads are never messages."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a failed run is retried; zero or empty values mean the server's own defaults."""

    initial_interval: datetime.timedelta = datetime.timedelta(0)
    backoff_coefficient: float = 0.0
    maximum_interval: datetime.timedelta = datetime.timedelta(0)
    maximum_attempts: int = 0
    non_retryable_errors: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """The priority of a run on its task queue; zero and empty are the server's defaults."""

    key: int = 0
    fairness_key: str = ""
    fairness_weight: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VersioningOverride:
    """The worker deployment version that runs use, pinned or current; overrides the workflow's own versioning behavior.

    Without a deployment and a build ID, runs move to each new current version (auto-upgrade).
    """

    deployment: str = ""
    build_id: str = ""


class AttributeType(enum.Enum):
    """The type of a search attribute; values are the names in Temporal's CLI."""

    TEXT = "Text"
    KEYWORD = "Keyword"
    INT = "Int"
    DOUBLE = "Double"
    BOOL = "Bool"
    DATETIME = "Datetime"
    KEYWORD_LIST = "KeywordList"


def attribute_type(value: json_values.Json | Opaque) -> AttributeType:
    """Return the type of a search attribute for which only a value is specified."""
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
    """The workflow that a firing starts; `arguments` are decoded values, in order; a timeout of zero means no timeout.

    `memo` omits names that begin with `MEMO_PREFIX`, which are reserved for this tool.
    """

    workflow: str
    task_queue: str
    workflow_id: str
    arguments: tuple[AnyArgument, ...] = ()
    execution_timeout: datetime.timedelta = datetime.timedelta(0)
    run_timeout: datetime.timedelta = datetime.timedelta(0)
    task_timeout: datetime.timedelta = datetime.timedelta(0)
    retry_policy: RetryPolicy | None = None
    memo: Mapping[str, Argument] = dataclasses.field(default_factory=dict)
    search_attributes: Mapping[str, Attribute] = dataclasses.field(default_factory=dict)
    priority: Priority = Priority()
    versioning_override: VersioningOverride | None = None
    summary: Argument = None
    details: Argument = None

    @property
    def payloads(self) -> tuple[AnyArgument, ...]:
        """Return all payloads that a codec may have encrypted."""
        return (*self.arguments, *self.memo.values(), self.summary, self.details)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How firings behave; a catch-up window below 10 s is stored as 10 s, the server's minimum."""

    overlap: Overlap = Overlap.SKIP
    catchup_window: datetime.timedelta = LEAST_CATCHUP
    pause_on_failure: bool = False
    keep_original_workflow_id: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One Temporal schedule, desired or live.

    `remaining_actions` is how many times it can still fire, or None if unlimited. A desired value is where the count
    starts, so a lower live value is not a difference as long as `counted_from`, the start that the server stores, is
    the same. `note` is shown with the state; if None in a desired schedule, the plan fills in what it did and why.
    `owner` is the repository that declares it, according to its owner mark. `seal` identifies the version of the
    schedule that was produced when we paused it after its charter was removed; it is not a field in the spec.
    `memo` and `search_attributes` are the schedule's own, in addition to those of its runs, without what the server
    adds; None in a desired schedule leaves them unchanged.
    `not_secret` lists the paths of values that are shown even though they look like secrets, and `ignore` lists those
    of values that other programs manage. `manual_pauses` determines whether a manual pause is undone (`resume`) or kept
    (`keep`), and `salt` is the key for the digests that replace secrets. None of these four fields is compared.
    """

    id: str
    timing: timings.Timing
    action: Action
    policies: Policies = Policies()
    paused: bool = False
    remaining_actions: int | None = None
    counted_from: int | None = None
    note: str | None = None
    owner: str | None = None
    seal: str | None = None
    memo: Mapping[str, Argument] | None = None
    search_attributes: Mapping[str, Attribute] | None = None
    not_secret: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    ignore: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    manual_pauses: str = dataclasses.field(default="resume", compare=False)
    salt: bytes = dataclasses.field(default=b"", compare=False, repr=False)

    @property
    def payloads(self) -> tuple[AnyArgument, ...]:
        """Return all payloads that a codec may have encrypted."""
        return (*self.action.payloads, *(self.memo or {}).values())
