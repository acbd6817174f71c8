"""The routes for users' schedules, which write the row first, and then update Temporal."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import fastapi

from reconciler import errors
from reconciler.platform import executions, users
from reconciler.platform.api import access, etags, parts, problems, propagation, shapes
from reconciler.platform.postgres import cursors
from reconciler.platform.postgres import schedules as rows
from reconciler.repospec import problems as spec_problems
from reconciler.runtime import clock
from reconciler.schedule import declarations, prospects
from reconciler.timing import durations

ROOT = "/api/v1/schedules"
router = fastapi.APIRouter(prefix=ROOT, route_class=access.GrantsRoute, tags=["schedules"])

Key = Annotated[
    str | None,
    fastapi.Header(alias="Idempotency-Key", min_length=1, max_length=shapes.LONGEST_KEY, pattern="^[!-~]+$"),
]


def _no_key(request: fastapi.Request) -> None:
    """Reject a key that would have no effect, so that no caller relies on it."""
    if "Idempotency-Key" in request.headers:
        mistake = {"parameter": "Idempotency-Key", "detail": "not supported by this route"}
        raise problems.unfit([mistake], "omit it; If-Match makes this request safe to repeat")


KEYLESS = fastapi.Depends(_no_key)
IfMatch = Annotated[str | None, fastapi.Header(alias="If-Match")]
Limit = Annotated[int, fastapi.Query(ge=1, le=200)]
Found = parts.Parts


@router.get("", summary="List schedules", responses=shapes.problems(401, 422, 429, 503))
async def listing(
    request: fastapi.Request,
    grant: access.Grant,
    limit: Limit = 50,
    cursor: str | None = None,
    enabled: bool | None = None,
) -> shapes.Page:
    """List the caller's schedules that the grant covers, newest first."""
    store = parts.of(request).store
    found, after = await store.schedules.page(
        grant.subject, limit=limit, after=_after(cursor), enabled=enabled, workflows=grant.workflows
    )
    return shapes.Page(items=list(map(shapes.schedule, found)), next=after.text if after else None)


@router.post(
    "",
    status_code=201,
    summary="Create schedule",
    responses=shapes.problems(401, 403, 408, 410, 413, 422, 429, 503),
)
async def create(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    wanted: shapes.NewSchedule,
    key: Key = None,
) -> shapes.Schedule:
    """Create a schedule.

    Repeating the request with the same Idempotency-Key returns the original response without creating another schedule.
    """
    found = parts.of(request)
    access.check_scope(grant, wanted.workflow)
    now = clock.now()
    row = executions.UserSchedule(
        id=uuid.uuid4(),
        owner=grant.subject,
        **wanted.model_dump(),
        next_run_at=None,
        revision=1,
        synced_revision=0,
        created_at=now,
        updated_at=now,
    )
    new = rows.New(
        id=row.id,
        owner=row.owner,
        **wanted.model_dump(),
        next_run_at=await _next_run(found, row, is_new=True),
        idempotency_key=key,
        request_hash=executions.request_hash(wanted.model_dump()) if key else None,
    )
    made, is_new = await found.store.schedules.create(new, quota=found.options.most_schedules)
    response.headers["Location"] = f"{ROOT}/{made.id}"
    if not is_new:
        response.headers["Idempotency-Replayed"] = "true"
        answer = await found.store.schedules.answer(made.id)
        if answer is not None:
            return _as_answered(response, answer)
    access.check_scope(grant, made.workflow)  # may have changed since an earlier request that got no response
    if made.deleted_at is not None:
        raise problems.Problem(
            410,
            "deleted",
            f"schedule {made.id}, which was created with this key, was deleted",
            hint="send a new key for a new schedule",
        )
    schedule = await _brought(found, response, made)
    if key is None:
        return schedule
    return _as_answered(response, await found.store.schedules.answered(made.id, schedule.model_dump(mode="json")))


def _as_answered(response: fastapi.Response, answer: Mapping[str, Any]) -> shapes.Schedule:
    """Return the response that the first request with this key received."""
    schedule = shapes.Schedule.model_validate(answer)
    response.headers["ETag"] = etags.tag(schedule.revision)
    return schedule


@router.get("/{schedule_id}", summary="Get schedule", responses=shapes.problems(401, 404, 422, 429, 503))
async def read(
    request: fastapi.Request, response: fastapi.Response, grant: access.Grant, schedule_id: uuid.UUID
) -> shapes.Schedule:
    """Return a schedule.

    Its ETag is its revision, which does not change when only its state in Temporal does.
    """
    row = await own(parts.of(request), grant, schedule_id)
    response.headers["ETag"] = etags.of(row)
    return shapes.schedule(row)


@router.patch(
    "/{schedule_id}",
    summary="Update schedule",
    dependencies=[KEYLESS],
    responses=shapes.problems(401, 403, 404, 408, 412, 413, 422, 428, 429, 503),
)
async def change(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    wanted: shapes.SchedulePatch,
    if_match: IfMatch = None,
) -> shapes.Schedule:
    """Update the given fields of a schedule; If-Match must contain its current ETag."""
    changes = wanted.changes()
    condition = etags.Condition(if_match, required=True)
    return await _changed(parts.of(request), response, grant, schedule_id, condition, lambda _: changes)


@router.delete(
    "/{schedule_id}",
    summary="Delete schedule",
    status_code=204,
    dependencies=[KEYLESS],
    responses={**shapes.problems(401, 404, 412, 422, 429, 503), 202: {"model": shapes.Removed}},
)
async def delete(
    request: fastapi.Request, grant: access.Grant, schedule_id: uuid.UUID, if_match: IfMatch = None
) -> fastapi.Response:
    """Delete a schedule; its runs are kept. Returns 202 if Temporal could not be updated yet."""
    found = parts.of(request)
    gone = await _deleted(found, grant, schedule_id, etags.Condition(if_match))
    if await propagation.into_line(found, gone):
        return fastapi.Response(status_code=204)
    return fastapi.responses.JSONResponse(shapes.Removed(id=gone.id).model_dump(mode="json"), 202)


@router.post(
    "/{schedule_id}/pause",
    summary="Pause schedule",
    dependencies=[KEYLESS],
    responses=shapes.problems(401, 404, 412, 422, 429, 503),
)
async def pause(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    if_match: IfMatch = None,
) -> shapes.Schedule:
    """Pause a schedule: it does not fire until it is resumed."""
    condition = etags.Condition(if_match)
    return await _changed(parts.of(request), response, grant, schedule_id, condition, _switched(enabled=False))


@router.post(
    "/{schedule_id}/resume",
    summary="Resume schedule",
    dependencies=[KEYLESS],
    responses=shapes.problems(401, 403, 404, 412, 422, 429, 503),
)
async def resume(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    if_match: IfMatch = None,
) -> shapes.Schedule:
    """Resume a schedule, even if it was paused directly in Temporal."""
    condition = etags.Condition(if_match)
    return await _changed(
        parts.of(request),
        response,
        grant,
        schedule_id,
        condition,
        _switched(enabled=True),
        keep_manual_pauses=False,
    )


@router.get("/{schedule_id}/runs", summary="List runs", responses=shapes.problems(401, 404, 422, 429, 503))
async def runs(
    request: fastapi.Request,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    limit: Limit = 50,
    cursor: str | None = None,
) -> shapes.Runs:
    """List the runs of a schedule, newest first."""
    found = parts.of(request)
    await own(found, grant, schedule_id)
    ended, after = await found.store.runs.page(schedule_id, limit=limit, after=_after(cursor))
    return shapes.runs(ended, after.text if after else None)


def _switched(*, enabled: bool) -> Callable[[executions.UserSchedule], Mapping[str, Any]]:
    return lambda row: {} if row.enabled is enabled else {"enabled": enabled}


async def _deleted(
    found: Found, grant: executions.Grant, schedule_id: uuid.UUID, condition: etags.Condition
) -> executions.UserSchedule:
    """Mark the row as deleted and return it.

    If someone else writes the row after the grant was checked, it is read and checked again, unless the caller
    specified a revision.
    """
    while True:
        row = await own(found, grant, schedule_id)
        expected = condition.revision(row)
        try:
            return await found.store.schedules.delete(row.owner, row.id, expected_revision=row.revision)
        except errors.RevisionError:
            if expected is not None:
                raise


async def own(found: Found, grant: executions.Grant, schedule_id: uuid.UUID) -> executions.UserSchedule:
    """Return the caller's schedule; raises a 404 if it does not exist, is someone else's, or is outside the grant."""
    row = await found.store.schedules.get(grant.subject, schedule_id)
    if row is None or not grant.covers(row.workflow):
        raise problems.Problem(
            404, "not-found", f"schedule {schedule_id} does not exist", hint=f"GET {ROOT} lists your schedules"
        )
    return row


async def _changed(
    found: Found,
    response: fastapi.Response,
    grant: executions.Grant,
    schedule_id: uuid.UUID,
    condition: etags.Condition,
    changes: Callable[[executions.UserSchedule], Mapping[str, Any]],
    *,
    keep_manual_pauses: bool = True,
) -> shapes.Schedule:
    """Write the changes to a row, then make Temporal match it.

    If someone else writes the row in the meantime, it is read again, unless the caller specified a revision.
    """
    while True:
        row = await own(found, grant, schedule_id)
        expected = condition.revision(row)
        wanted = changes(row)
        after = dataclasses.replace(row, **wanted)
        pauses = not after.enabled and wanted.keys() <= {"enabled"}
        access.check_scope(grant, after.workflow)
        moved = None if pauses else await _next_run(found, after, is_new="cron" in wanted)
        keep = keep_manual_pauses and not wanted.get("enabled", False)
        if not wanted:
            return await _brought(found, response, row, keep_manual_pauses=keep)
        given = rows.Changes(**wanted, next_run_at=moved)
        try:
            written = await found.store.schedules.update(row.owner, row.id, given, expected_revision=row.revision)
        except errors.RevisionError:
            if expected is not None:
                raise
            continue
        return await _brought(found, response, written, keep_manual_pauses=keep)


async def _brought(
    found: Found, response: fastapi.Response, row: executions.UserSchedule, *, keep_manual_pauses: bool = True
) -> shapes.Schedule:
    """Make Temporal match a committed row, and return the schedule and whether Temporal has it."""
    response.headers["ETag"] = etags.of(row)
    synced = await propagation.into_line(found, row, keep_manual_pauses=keep_manual_pauses)
    return shapes.schedule(row, synced=synced)


async def _next_run(found: Found, row: executions.UserSchedule, *, is_new: bool) -> datetime.datetime | None:
    """Return when the schedule fires next; raises a 422 with every error if it is not valid.

    If `is_new`, the minimum interval applies. Checking a large input takes time; other requests are served meanwhile.
    """
    least = found.options.least_interval if is_new else durations.ZERO
    async with found.checkers:
        return await asyncio.to_thread(_checked, row, least, clock.now())


def _checked(
    row: executions.UserSchedule, least: datetime.timedelta, now: datetime.datetime
) -> datetime.datetime | None:
    try:
        schedule = users.charter(row).schedule
    except spec_problems.InvalidSpecError as error:
        raise problems.invalid(error) from None
    gap = prospects.short_gap(schedule.timing, now, least) if least else least
    if gap < least:
        raise _too_often(gap, least)
    return next(prospects.upcoming(schedule, now), None)


def _too_often(gap: datetime.timedelta, least: datetime.timedelta) -> problems.Problem:
    found = spec_problems.Problem(
        place=declarations.Place(path="cron", line=0, column=0),
        message=f"fires twice within {durations.render(gap)}; the minimum interval is {durations.render(least)}",
        hint="choose times that are farther apart",
    )
    return problems.invalid(spec_problems.InvalidSpecError([found]))


def _after(cursor: str | None) -> cursors.Cursor | None:
    try:
        return cursors.cursor(cursor) if cursor else None
    except errors.UsageError as error:
        member = {"parameter": "cursor", "detail": error.message, "hint": error.hint}
        raise problems.Problem(422, "invalid-request", error.message, hint=error.hint, errors=[member]) from None
