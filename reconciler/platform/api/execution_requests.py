"""The default executor's route: records each firing's request once."""

from __future__ import annotations

import datetime
from typing import Annotated

import fastapi

from reconciler import errors
from reconciler.platform import executions
from reconciler.platform.api import access, parts, problems, shapes
from reconciler.timing import moments

router = fastapi.APIRouter(prefix="/api/internal/graphs", route_class=access.ExecutorsRoute, tags=["executor"])


@router.post(
    "/{graph_id:path}/runs",
    summary="Execute firing",
    dependencies=[access.Executor],
    responses=shapes.problems(401, 408, 413, 422, 429, 503),
)
async def run(
    request: fastapi.Request,
    graph_id: str,
    wanted: shapes.ExecutionWanted,
    key: Annotated[str, fastapi.Header(alias="Idempotency-Key", min_length=1)],
) -> shapes.Executed:
    """Execute a firing's request.

    A repeated request with the same Idempotency-Key returns the recorded outcome.
    """
    execution = _execution(wanted)
    if execution.entrypoint != graph_id:
        raise _mismatch("#/entrypoint", f"the path contains a different entrypoint: {graph_id}")
    if executions.header(execution.idempotency_key) != key:
        raise problems.Problem(
            422,
            "idempotency-key",
            "the Idempotency-Key does not match this firing",
            hint="send temporalScheduleId:scheduledFor; percent-encode non-ASCII characters",
        )
    return shapes.executed(await parts.of(request).store.executor.execute(execution))


def _execution(wanted: shapes.ExecutionWanted) -> executions.Execution:
    try:
        return executions.execution(wanted.model_dump(), _moment(wanted.scheduledFor))
    except errors.ArgumentError as error:
        raise _mismatch("#", error.message) from None


def _moment(text: str) -> datetime.datetime:
    try:
        return moments.parse(text)
    except ValueError as error:
        raise _mismatch("#/scheduledFor", str(error)) from None


def _mismatch(pointer: str, detail: str) -> problems.Problem:
    hint = "send the firing's argument and its scheduled time"
    return problems.unfit([{"pointer": pointer, "detail": detail}], hint)
