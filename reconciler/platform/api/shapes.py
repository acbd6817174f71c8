"""The routes' request and response bodies, as JSON; unknown keys are rejected."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pydantic

from reconciler.plan import staleness
from reconciler.platform import executions

LONGEST_KEY = 255  # characters of an idempotency key


class _Given(pydantic.BaseModel):
    """A request body."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Problem(pydantic.BaseModel):
    """Problem details (RFC 9457); some problem types have additional members."""

    model_config = pydantic.ConfigDict(extra="allow")

    type: str = pydantic.Field(description="The problem type.", examples=["/problems/locked"])
    title: str
    status: int
    detail: str = pydantic.Field(description="What went wrong.")
    hint: str | None = pydantic.Field(default=None, description="How to fix it.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI descriptions of the responses with these statuses."""
    reference = {"$ref": "#/components/schemas/Problem"}
    return {status: {"content": {"application/problem+json": {"schema": reference}}} for status in statuses}


class Sync(_Given):
    """Options for a sync; all are optional."""

    allow_mass_pause: bool = pydantic.Field(
        default=False, description="Allow a plan that stops most or all running schedules."
    )
    allow_empty_namespace: bool = pydantic.Field(
        default=False, description="Apply even if all managed schedules are gone."
    )
    allow_prefix_change: bool = pydantic.Field(
        default=False, description="Allow creating schedules that also run under another prefix."
    )
    allow_plaintext: bool = pydantic.Field(
        default=False, description="Allow replacing encrypted payloads with plaintext."
    )
    expect_digest: str | None = pydantic.Field(
        default=None, description="Apply only the plan with this digest.", pattern=f"^{staleness.DIGEST}$"
    )
    dry_run: bool = pydantic.Field(default=False, description="Plan only; change nothing.")


class Step(pydantic.BaseModel):
    """The outcome of one step, which changes one schedule."""

    id: str
    verb: str
    status: str = pydantic.Field(description="done, failed, stale, skipped (not started), or planned.")
    detail: str | None


class Synced(pydantic.BaseModel):
    """The outcome of a sync; `skipped` counts schedules left unchanged, `not_begun` steps that were not started."""

    status: Literal["applied", "planned", "skipped"]
    created: int
    renamed: int
    updated: int
    resumed: int
    paused: int
    skipped: int
    failed: int
    stale: int
    not_begun: int
    digest: str | None
    exit_code: int = pydantic.Field(description="The exit code that `reconciler apply` would have returned.")
    reason: str | None = pydantic.Field(description="Why the sync was skipped.")
    steps: list[Step]
    warnings: list[str]


class NewSchedule(_Given):
    """A schedule to create."""

    cron: str = pydantic.Field(examples=["0 9 * * MON-FRI"])
    timezone: str = pydantic.Field(default="UTC", examples=["Europe/Paris"])
    workflow: str = pydantic.Field(
        description="The workflow that it runs; the caller's grant must cover it.", examples=["REPORT"]
    )
    input: dict[str, Any] = pydantic.Field(default_factory=dict)
    enabled: bool = True


class SchedulePatch(_Given):
    """The changes; omitted fields are left unchanged."""

    cron: str | None = None
    timezone: str | None = None
    workflow: str | None = None
    input: dict[str, Any] | None = None
    enabled: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent, by key; null has already been rejected."""
        return self.model_dump(exclude_unset=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, given: Any) -> Any:
        nulls = [key for key, value in given.items() if value is None] if isinstance(given, dict) else []
        if nulls:
            raise ValueError(f"{nulls[0]} cannot be null; omit it to keep the current value")
        return given


class Schedule(pydantic.BaseModel):
    """A user's schedule. Until it is `synced`, Temporal may have an earlier revision of it, or none."""

    id: uuid.UUID
    temporal_schedule_id: str
    db_schedule_id: uuid.UUID
    cron: str
    timezone: str
    workflow: str
    input: dict[str, Any]
    enabled: bool
    next_run_at: datetime.datetime | None
    revision: int
    synced: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime


class Page(pydantic.BaseModel):
    """A page of the caller's schedules, newest first; `next` is the cursor for the next page."""

    items: list[Schedule]
    next: str | None


class Run(pydantic.BaseModel):
    """One firing of a schedule."""

    scheduled_for: datetime.datetime
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    status: Literal["running", "done", "failed", "refused", "gone"]
    attempt: int
    error: str | None


class Runs(pydantic.BaseModel):
    """A page of a schedule's runs, newest first; `next` is the cursor for the next page."""

    items: list[Run]
    next: str | None


class Removed(pydantic.BaseModel):
    """A deleted schedule that Temporal may still have."""

    id: uuid.UUID
    synced: Literal[False] = False


class Triggered(pydantic.BaseModel):
    """A requested run; `scheduled_for`, if known, identifies it among the schedule's runs."""

    schedule_id: uuid.UUID
    run_id: uuid.UUID
    idempotency_key: str
    scheduled_for: datetime.datetime | None


class ExecutionWanted(_Given):
    """The request that a firing sends to the executor."""

    temporalScheduleId: str  # noqa: N815  # as in the workflow's argument
    dbScheduleId: str | None  # noqa: N815
    charter: str | None
    entrypoint: str
    input: dict[str, Any]
    scheduledFor: str  # noqa: N815


class Executed(pydantic.BaseModel):
    """An execution; repeated requests return the same one. The worker reads the run's ID from `runId`."""

    runId: uuid.UUID  # noqa: N815
    run_id: uuid.UUID
    idempotency_key: str
    workflow: str
    status: Literal["pending", "done", "failed"]
    response: dict[str, Any]
    created_at: datetime.datetime
    ended_at: datetime.datetime | None


def schedule(row: executions.UserSchedule, *, synced: bool | None = None) -> Schedule:
    """Return a row as its owner sees it.

    `synced` overrides the row's own record of whether Temporal has it.
    """
    return Schedule(
        id=row.id,
        temporal_schedule_id=row.temporal_schedule_id,
        db_schedule_id=row.id,
        cron=row.cron,
        timezone=row.timezone,
        workflow=row.workflow,
        input=dict(row.input),
        enabled=row.enabled,
        next_run_at=row.next_run_at,
        revision=row.revision,
        synced=row.synced_revision >= row.revision if synced is None else synced,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def runs(found: Iterable[executions.ScheduleRun], after: str | None) -> Runs:
    """Return runs as the schedule's owner sees them."""
    items = [
        Run(
            scheduled_for=each.scheduled_for,
            started_at=each.started_at,
            ended_at=each.ended_at,
            status=each.state.value,
            attempt=each.attempt,
            error=each.error or None,
        )
        for each in found
    ]
    return Runs(items=items, next=after)


def executed(request: executions.ExecutionRequest) -> Executed:
    """Return the outcome of an execution."""
    response: Mapping[str, Any] = request.response
    return Executed(
        runId=request.run_id,
        run_id=request.run_id,
        idempotency_key=request.idempotency_key,
        workflow=request.workflow,
        status=request.state.value,
        response=dict(response),
        created_at=request.created_at,
        ended_at=request.ended_at,
    )
