"""The workflow that a firing runs; it is deterministic, and its steps, which are activities, do all the work.

A user's schedule has a row, and therefore a run to record and a grant to check; a governance schedule has neither.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Coroutine
from typing import Any

import temporalio.common
import temporalio.exceptions
from temporalio import workflow

from reconciler import errors
from reconciler.platform import executions
from reconciler.platform.worker import steps
from reconciler.schedule import governed

_SCHEDULED = temporalio.common.SearchAttributeKey.for_datetime("TemporalScheduledStartTime")

# Waits indefinitely for a database that is unavailable.
_RECORDING: dict[str, Any] = {
    "start_to_close_timeout": datetime.timedelta(seconds=30),
    "retry_policy": temporalio.common.RetryPolicy(
        initial_interval=datetime.timedelta(milliseconds=500), maximum_interval=datetime.timedelta(seconds=10)
    ),
}
# The step decides how long to retry an execution: it knows the worker's options, which a replay must not depend on.
_EXECUTING: dict[str, Any] = {
    "start_to_close_timeout": datetime.timedelta(hours=1),
    "heartbeat_timeout": steps.HEARTBEAT_TIMEOUT,
    "retry_policy": temporalio.common.RetryPolicy(
        initial_interval=steps.FIRST_RETRY, maximum_interval=steps.LONGEST_RETRY
    ),
}


@workflow.defn(name=governed.WORKFLOW)
class GovernanceScheduledRunWorkflow:
    """One firing of a charter's or a user's schedule."""

    @workflow.run
    async def run(self, given: Any = None) -> dict[str, Any]:
        """Execute the request in the argument and return its status; fails if the request cannot be executed."""
        execution = firing(given)
        request = execution.request
        if execution.db_schedule_id is None:
            return await executed(request)
        refused: str = await workflow.execute_activity(steps.VALIDATE_GRANT, request, result_type=str, **_RECORDING)
        started = False
        try:
            await _begin(request)
            started = True
            done = {} if refused else await executed(request)
        except (temporalio.exceptions.FailureError, asyncio.CancelledError) as error:
            await _surely(_failed(request, _reason(error), started=started))
            raise
        if refused:
            await _surely(_end(request, executions.RunState.REFUSED, refused))
            return {"status": executions.RunState.REFUSED.value, "reason": refused}
        await _surely(_end(request, executions.RunState.DONE))
        return done


def firing(given: Any) -> executions.Execution:
    """Return the execution that the argument requests, with the time at which its schedule fired.

    An invalid argument fails the run without retries.
    """
    scheduled_for = workflow.info().typed_search_attributes.get(_SCHEDULED) or workflow.info().start_time
    try:
        return executions.execution(given, scheduled_for)
    except errors.ArgumentError as error:
        raise temporalio.exceptions.ApplicationError(
            error.sentence, type=type(error).__name__, non_retryable=True
        ) from None


async def executed(request: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of the execution; if its failure is not retryable, neither is the workflow's."""
    try:
        done: dict[str, Any] = await workflow.execute_activity(
            steps.EXECUTE, request, result_type=dict[str, Any], **_EXECUTING
        )
    except temporalio.exceptions.ActivityError as error:
        cause = error.cause
        if isinstance(cause, temporalio.exceptions.ApplicationError):
            raise temporalio.exceptions.ApplicationError(
                cause.message, type=cause.type, non_retryable=cause.non_retryable
            ) from error
        raise
    return done


async def _begin(request: dict[str, Any]) -> None:
    await workflow.execute_activity(steps.BEGIN_RUN, args=[request, workflow.info().attempt], **_RECORDING)


async def _failed(request: dict[str, Any], error: str, *, started: bool) -> None:
    """Record a failure; if the start may not have been recorded, record that first."""
    if not started:
        await _begin(request)
    await _end(request, executions.RunState.FAILED, error)


async def _end(request: dict[str, Any], state: executions.RunState, error: str = "") -> None:
    await workflow.execute_activity(steps.END_RUN, args=[request, state.value, error], **_RECORDING)


async def _surely(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work even if the run is canceled in the meantime."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _reason(error: BaseException) -> str:
    """Return the description to record for a failure; never empty."""
    if temporalio.exceptions.is_cancelled_exception(error):
        return "cancelled"
    cause = error.cause if isinstance(error, temporalio.exceptions.ActivityError) else error
    return str(getattr(cause, "message", "")) or type(cause).__name__
