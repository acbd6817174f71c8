"""Users' schedules, their runs, execution requests, and grants, as frozen data.

A governance schedule has no row in the database; a user's schedule has one, whose UUID is also its ID in Temporal. Both
kinds pass their workflow one argument with both IDs, so that a firing knows whether there is a run to record.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import hashlib
import json
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

from reconciler import errors, json_values
from reconciler.schedule import governed

EVERYTHING = "*"  # the scope that covers every workflow
_PLAIN = "".join(chr(each) for each in range(0x20, 0x7F) if chr(each) != "%")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UserSchedule:
    """A row of `schedules`: what a user wants to run, and when.

    `workflow` is the workflow to execute, like a charter's entrypoint. `revision` counts the row's changes, starting at
    1, and `synced_revision` is the last one that Temporal is known to have, or 0. Deleted rows are kept for their
    runs.
    """

    id: uuid.UUID
    owner: str
    cron: str
    timezone: str
    workflow: str
    input: Mapping[str, json_values.Json]
    enabled: bool
    next_run_at: datetime.datetime | None
    revision: int
    synced_revision: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deleted_at: datetime.datetime | None = None

    @property
    def temporal_schedule_id(self) -> str:
        """Return the schedule's ID in Temporal."""
        return str(self.id)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The columns of a row that can be compared with its schedule's list entry."""

    id: uuid.UUID
    cron: str
    timezone: str
    enabled: bool
    revision: int
    synced_revision: int
    deleted_at: datetime.datetime | None = None

    @property
    def temporal_schedule_id(self) -> str:
        """Return the schedule's ID in Temporal."""
        return str(self.id)


class RunState(enum.Enum):
    """The state of a run of a user's schedule."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # no grant allows it anymore; nothing was executed
    GONE = "gone"  # Temporal no longer has it, so its result is unknown


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """The run of a workflow in Temporal that performs a firing."""

    workflow_id: str
    run_id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended; `ended_at` is None if the time is unknown."""

    state: RunState
    ended_at: datetime.datetime | None = None
    error: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRun:
    """A row of `schedule_runs`: one firing of a user's schedule; `attempt` starts at 1.

    `workflow` is None in rows written by older workers, which did not record it.
    """

    schedule_id: uuid.UUID
    scheduled_for: datetime.datetime
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    state: RunState
    attempt: int
    error: str = ""
    workflow: WorkflowRun | None = None


class RequestState(enum.Enum):
    """The state of an execution request."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRequest:
    """A row of `execution_requests`: one execution, no matter how often it was requested under its key."""

    idempotency_key: str
    request_hash: str
    run_id: uuid.UUID
    workflow: str
    state: RequestState
    response: Mapping[str, json_values.Json]
    created_at: datetime.datetime
    ended_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A row of `execution_grants`: who may run what, and until when. `scopes` are workflows, or `*` for all.

    `read_at` is when it was read, according to the database's clock, which set the other times as well.
    """

    id: uuid.UUID
    subject: str
    scopes: tuple[str, ...]
    created_at: datetime.datetime
    read_at: datetime.datetime = dataclasses.field(compare=False)
    expires_at: datetime.datetime | None = None
    revoked_at: datetime.datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Return whether the grant had expired when it was read."""
        return self.expires_at is not None and self.expires_at <= self.read_at

    @property
    def why_void(self) -> str:
        """Return why the grant was not valid when it was read; empty if it was valid."""
        if self.revoked_at is not None:
            return f"grant {self.id} was revoked at {moment(self.revoked_at)}"
        if self.expires_at is not None and self.is_expired:
            return f"grant {self.id} expired at {moment(self.expires_at)}"
        return ""

    @property
    def workflows(self) -> tuple[str, ...] | None:
        """Return the workflows that the grant covers; None for all."""
        return None if EVERYTHING in self.scopes else self.scopes

    def covers(self, workflow: str) -> bool:
        """Return whether the grant covers the workflow."""
        return EVERYTHING in self.scopes or workflow in self.scopes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One firing: what it starts, and when it was due. `charter` is None for a user's schedule."""

    temporal_schedule_id: str
    db_schedule_id: uuid.UUID | None
    charter: str | None
    entrypoint: str
    input: Mapping[str, json_values.Json]
    scheduled_for: datetime.datetime

    @property
    def idempotency_key(self) -> str:
        """Return the key that only deliveries of this firing share, such as `id:2026-11-25T09:00:00Z`."""
        return f"{self.temporal_schedule_id}:{moment(self.scheduled_for)}"

    @property
    def request(self) -> dict[str, Any]:
        """Return the JSON request that is sent to an executor."""
        return {
            **governed.argument(
                self.temporal_schedule_id,
                self.db_schedule_id,
                charter=self.charter,
                entrypoint=self.entrypoint,
                input_=self.input,
            ),
            "scheduledFor": moment(self.scheduled_for),
        }


def execution(given: object, scheduled_for: datetime.datetime) -> Execution:
    """Return the firing that a workflow's argument describes; raises `errors.ArgumentError` if it is not valid.

    Unknown keys are ignored, so that an older worker accepts a newer schedule.
    """
    if not isinstance(given, Mapping):
        raise errors.ArgumentError("the workflow's argument is not an object")
    texts = {key: _text(given, key) for key in ("temporalScheduleId", "entrypoint")}
    charter, db_schedule_id, input_ = given.get("charter"), given.get("dbScheduleId"), given.get("input")
    if not isinstance(charter, str | None):
        raise errors.ArgumentError("charter is neither a string nor null")
    if not isinstance(input_, Mapping | None):
        raise errors.ArgumentError("input is not an object")
    return Execution(
        temporal_schedule_id=texts["temporalScheduleId"],
        db_schedule_id=None if db_schedule_id is None else _uuid(db_schedule_id),
        charter=charter,
        entrypoint=texts["entrypoint"],
        input=input_ or {},
        scheduled_for=scheduled_for.astimezone(datetime.UTC),
    )


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise errors.ArgumentError(f"{key} is missing or not a string")
    return value


def _uuid(value: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        raise errors.ArgumentError("dbScheduleId is neither a UUID nor null") from None


def is_user_schedule(temporal_schedule_id: str) -> bool:
    """Return whether an ID in Temporal has the form of a user's schedule ID: a UUID in its canonical form."""
    try:
        return str(uuid.UUID(temporal_schedule_id)) == temporal_schedule_id
    except ValueError:
        return False


def moment(when: datetime.datetime) -> str:
    """Return a time in the form used in keys and documents: UTC, with no unnecessary digits."""
    return when.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def token_sha256(token: str) -> bytes:
    """Return a token's digest, which is stored and compared instead of the token and always has the same length."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def request_hash(request: object) -> str:
    """Return the `sha256:…` digest of a JSON value, which does not depend on the order of its keys."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def header(key: str) -> str:
    """Return a key encoded for a header, because a charter may contain non-ASCII letters."""
    quoted = urllib.parse.quote(key, safe=_PLAIN, errors="surrogatepass")
    plain = quoted.lstrip(" ")
    return "%20" * (len(quoted) - len(plain)) + plain
