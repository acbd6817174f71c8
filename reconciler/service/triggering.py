"""The route that lets a schedule run now."""

from __future__ import annotations

import uuid

import fastapi

from reconciler import errors, executions
from reconciler.service import access, bringing, parts, problems, schedules, shapes

router = fastapi.APIRouter(prefix=schedules.ROOT, route_class=access.GrantsRoute, tags=["schedules"])


@router.post("/{schedule_id}/run", status_code=202, responses=shapes.problems(401, 403, 404, 422, 429, 503))
async def run(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    key: schedules.Key = None,
) -> shapes.Triggered:
    """Let a schedule fire now, also a paused one; the same key lets it fire once. It is skipped while a run goes on."""
    found = parts.of(request)
    row = await schedules.own(found, grant, schedule_id)
    access.check_scope(grant, row.workflow)
    asked_as = key or str(uuid.uuid4())
    asked, is_new = await _begun(found, row, asked_as)
    if not is_new:
        response.headers["Idempotency-Replayed"] = "true"
    if asked.state is executions.RequestState.PENDING:
        await _fire(found, row, asked)
    return shapes.Triggered(schedule_id=row.id, run_id=asked.run_id, idempotency_key=asked_as)


async def _begun(
    found: parts.Parts, row: executions.UserSchedule, key: str
) -> tuple[executions.ExecutionRequest, bool]:
    """Record that it was asked for, before it is; of a key that was used before, what was recorded then."""
    wanted = {"scheduleId": str(row.id), "action": "run"}
    name = f"run:{row.owner}:{row.id}:{key}"
    return await found.store.executor.begin(name, executions.request_hash(wanted), row.workflow, wanted)


async def _fire(found: parts.Parts, row: executions.UserSchedule, asked: executions.ExecutionRequest) -> None:
    """Let it fire, unless that was done meanwhile.

    V1 takes a request's id once and V2 every time, so a service that is killed before it has recorded the end may, on
    V2, let it fire again when it is asked again.
    """
    if not await bringing.into_line(found, row):
        raise problems.Problem(
            503,
            "not-synced",
            "Temporal does not have this schedule yet",
            hint="send the same request again",
            headers={"Retry-After": problems.RETRY_AFTER},
        )
    schedules_ = (await found.temporal.server()).schedules
    async with found.alone(row.id):
        now = await found.store.executor.find(asked.idempotency_key)
        if now is not None and now.state is not executions.RequestState.PENDING:
            return
        try:
            await schedules_.trigger(row.temporal_schedule_id, str(asked.run_id))
        except errors.MissingError as error:
            raise errors.UnreachableError(error.message, hint=error.hint) from None
        await schedules_.describe(row.temporal_schedule_id)  # which waits until it has been taken in
        await found.store.executor.end(asked.idempotency_key, executions.RequestState.DONE, {"triggered": True})
