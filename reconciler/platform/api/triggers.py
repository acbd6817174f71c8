"""The route that runs a schedule immediately."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import fastapi

from reconciler import errors, json_values
from reconciler.platform import executions
from reconciler.platform.api import access, parts, problems, propagation, schedules, shapes
from reconciler.schedule import observed
from reconciler.timing import moments

if TYPE_CHECKING:
    from reconciler.temporal import schedules as schedules_

_PATIENCE = 10.0  # seconds to wait for the run to start
_TURN = 20.0  # seconds to wait for other requests for the same schedule
_LOOK_EVERY = 0.1  # seconds
_NOT_SYNCED = "not-synced"
_SECOND = datetime.timedelta(seconds=1)
router = fastapi.APIRouter(prefix=schedules.ROOT, route_class=access.GrantsRoute, tags=["schedules"])


@router.post(
    "/{schedule_id}/run",
    status_code=202,
    summary="Run schedule",
    responses=shapes.problems(401, 403, 404, 409, 422, 429, 503),
)
async def run(
    request: fastapi.Request,
    response: fastapi.Response,
    grant: access.Grant,
    schedule_id: uuid.UUID,
    key: schedules.Key = None,
) -> shapes.Triggered:
    """Run a schedule now, even if it is paused.

    Requests with the same Idempotency-Key run it only once. Returns 409 while another run is in progress.
    """
    found = parts.of(request)
    row = await schedules.own(found, grant, schedule_id)
    access.check_scope(grant, row.workflow)
    asked_as = key or str(uuid.uuid4())
    name = f"run:{row.owner}:{row.id}:{asked_as}"
    asked = await found.store.executor.find(name)
    is_replayed = asked is not None
    if asked is None or asked.state is executions.RequestState.PENDING:
        try:
            await _check_in_line(found, row)
            asked = await _fired(found, row, name)
        except (errors.ReconcilerError, problems.Problem) as error:
            if key is None:  # the caller cannot repeat the request
                with contextlib.suppress(errors.ReconcilerError):  # report the original error
                    await found.store.executor.end(name, executions.RequestState.FAILED, {"triggered": False})
            if isinstance(error, problems.Problem) and error.kind == _NOT_SYNCED:
                await schedules.own(found, grant, schedule_id)  # raises a 404 if it was deleted in the meantime
            raise
    replayed = {"Idempotency-Replayed": "true"} if is_replayed else {}
    if asked.state is executions.RequestState.FAILED:
        raise problems.Problem(
            409,
            "skipped",
            "no run was started: another run was in progress, or started in the same second",
            hint="try again with a new key after that run has ended",
            headers=replayed,
        )
    response.headers.update(replayed)
    scheduled_for = asked.response.get("scheduledFor")
    return shapes.Triggered(
        schedule_id=row.id,
        run_id=asked.run_id,
        idempotency_key=asked_as,
        scheduled_for=moments.parse(scheduled_for) if isinstance(scheduled_for, str) else None,
    )


async def _check_in_line(found: parts.Parts, row: executions.UserSchedule) -> None:
    if not await propagation.into_line(found, row):
        raise _not_synced()


def _not_synced() -> problems.Problem:
    return problems.Problem(
        503,
        _NOT_SYNCED,
        "Temporal does not have this schedule",
        hint="send the same request again",
        headers=problems.AWAY,
    )


async def _fired(found: parts.Parts, row: executions.UserSchedule, name: str) -> executions.ExecutionRequest:
    """Record that a run was requested, trigger it unless that was already done, and record the result.

    A service that was killed in between may already have triggered it; in that case, the run that was started is used.
    """
    server = await found.temporal.server()
    async with held(found.alone(row.id)):
        wanted = {"scheduleId": str(row.id), "action": "run"}
        executor = found.store.executor
        asked, is_new = await executor.begin(name, executions.request_hash(wanted), row.workflow, wanted)
        if asked.state is not executions.RequestState.PENDING:
            return asked
        before = await _history(server.schedules, row)
        came = None if is_new else next((each for each in before.recent if _is_by_hand(each, asked)), None)
        came = came or await _triggered(server.schedules, row, asked, before)
        if came is None:
            return await executor.end(name, executions.RequestState.FAILED, {"triggered": False})
        response: dict[str, json_values.Json] = {"triggered": True}
        when = await server.schedules.scheduled_for(came)
        if when is not None:
            response["scheduledFor"] = executions.moment(when)
        return await executor.end(name, executions.RequestState.DONE, response)


@contextlib.asynccontextmanager
async def held(lock: asyncio.Lock) -> AsyncIterator[None]:
    """Hold a schedule's lock; raises `errors.BusyError` if other requests do not release it in time."""
    try:
        async with asyncio.timeout(_TURN):
            await lock.acquire()
    except TimeoutError:
        raise errors.BusyError("other requests for this schedule are still in progress", hint="try again") from None
    try:
        yield
    finally:
        lock.release()


def _is_by_hand(run: observed.Run, asked: executions.ExecutionRequest) -> bool:
    """Return whether a run was triggered manually since the request; only scheduled runs are due at a whole second."""
    return run.due_at is not None and run.due_at.microsecond > 0 and run.due_at >= asked.created_at


async def _triggered(
    live: schedules_.Schedules,
    row: executions.UserSchedule,
    asked: executions.ExecutionRequest,
    before: observed.History,
) -> observed.Run | None:
    """Trigger the schedule and return the run; None if it was skipped or lost."""
    await _next_second(before, asked.created_at)
    known = {each.workflow_id for each in before.recent}
    try:
        await live.trigger(row.temporal_schedule_id, str(asked.run_id))
    except errors.MissingError:
        raise _not_synced() from None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while True:
                now = await _history(live, row)
                came = next((each for each in now.recent if each.workflow_id not in known), None)
                if came or now.skipped > before.skipped:
                    return came
                await asyncio.sleep(_LOOK_EVERY)
    return None


async def _history(live: schedules_.Schedules, row: executions.UserSchedule) -> observed.History:
    found = await live.describe(row.temporal_schedule_id)
    if found is None:
        raise _not_synced()
    return found.history


async def _next_second(before: observed.History, asked_at: datetime.datetime) -> None:
    """Wait for a second in which no run was due, because Temporal and our records identify runs by the whole second.

    `asked_at` was set by the database's clock and is not in the future, so this machine's clock does not matter.
    """
    last = max((_second(each.due_at) for each in before.recent if each.due_at), default=None)
    if last is not None and not before.running:
        wait = (last + _SECOND - asked_at).total_seconds()
        await asyncio.sleep(min(max(wait, 0.0), 1.0))


def _second(when: datetime.datetime) -> datetime.datetime:
    return when.replace(microsecond=0)
