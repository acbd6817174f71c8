"""The steps of a firing, built on the ports. Every step is idempotent."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import temporalio.activity
import temporalio.exceptions

from reconciler import errors
from reconciler.platform import executions, ports, users
from reconciler.platform.worker import steps
from reconciler.timing import times

_LOG = logging.getLogger(__name__)
_BEAT = 2.0  # seconds between heartbeats
_FINAL = (errors.ExecutionRefusedError, errors.ArgumentError)


class Activities:
    """The steps and their ports; `patience` is the total time for all attempts at one execution.

    Recorded times and decisions use the clocks of Temporal and the database, which all workers share.
    """

    def __init__(
        self,
        *,
        runs: ports.Runs,
        rows: ports.Rows,
        executor: ports.Executor,
        patience: datetime.timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runs = runs
        self._rows = rows
        self._executor = executor
        self._patience = patience
        self._monotonic = monotonic

    @property
    def all(self) -> tuple[Callable[..., Any], ...]:
        """Return the activities that a worker registers."""
        return (self.validate_grant, self.begin_run, self.execute, self.end_run)

    @temporalio.activity.defn(name=steps.VALIDATE_GRANT)
    async def validate_grant(self, request: dict[str, Any]) -> str:
        """Return why the schedule's owner may not run the workflow; empty if they may."""
        execution = _execution(request)
        with _reported(execution):
            return await self._runs.why_refused(_row_id(execution), execution.entrypoint)

    @temporalio.activity.defn(name=steps.BEGIN_RUN)
    async def begin_run(self, request: dict[str, Any], attempt: int) -> None:
        """Record that a firing is running, and when the next one is due."""
        execution = _execution(request)
        with _reported(execution):
            row = await self._rows.find(_row_id(execution))
            if row is None:
                raise temporalio.exceptions.ApplicationError(
                    f"schedule {execution.db_schedule_id} has no row, so its run cannot be recorded",
                    type="NoRow",
                    non_retryable=True,
                )
            run = executions.ScheduleRun(
                schedule_id=row.id,
                scheduled_for=execution.scheduled_for,
                started_at=temporalio.activity.info().started_time,
                ended_at=None,
                state=executions.RunState.RUNNING,
                attempt=attempt,
                workflow=_workflow_run(),
            )
            await self._runs.begin(run, _next_run(row, execution.scheduled_for))

    @temporalio.activity.defn(name=steps.EXECUTE)
    async def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Execute the request and return its outcome; it runs only once, no matter how many attempts are made."""
        execution = _execution(request)
        left = self._left()
        with _reported(execution, left):
            try:
                # the last attempt is made even if it is late: workers may have been down for a long time
                async with asyncio.timeout(max(left().total_seconds(), 1.0)), _beating():
                    await self._check_grant_again(execution)
                    done = await self._executor.execute(execution)
                if done.state is executions.RequestState.FAILED:
                    raise errors.ExecutionRefusedError(f"execution {done.run_id} has failed", hint="see its response")
            except TimeoutError:
                raise temporalio.exceptions.ApplicationError(
                    f"the execution did not finish within {self._patience}", type="Patience", non_retryable=True
                ) from None
            except asyncio.CancelledError:
                raise _why_cancelled(left()) from None
        _LOG.info("executed", extra={"fields": {"key": execution.idempotency_key, "run_id": str(done.run_id)}})
        return {"status": done.state.value, "runId": str(done.run_id), "idempotencyKey": done.idempotency_key}

    async def _check_grant_again(self, execution: executions.Execution) -> None:
        """Refuse a retry that no grant covers anymore; a separate step checks this before the first attempt."""
        if execution.db_schedule_id is None or temporalio.activity.info().attempt == 1:
            return
        refused = await self._runs.why_refused(execution.db_schedule_id, execution.entrypoint)
        if refused:
            raise errors.ExecutionRefusedError(f"not retried: {refused}")

    def _left(self) -> Callable[[], datetime.timedelta]:
        """Return a function that returns the rest of the time allowed for all attempts; negative once it is used up.

        The times of the first attempt and this one come from Temporal's clock, and only the time since then is measured
        here, because this machine's clock may be wrong.
        """
        info, started = temporalio.activity.info(), self._monotonic()
        at_first = self._patience - (info.started_time - info.scheduled_time)
        return lambda: at_first - datetime.timedelta(seconds=self._monotonic() - started)

    @temporalio.activity.defn(name=steps.END_RUN)
    async def end_run(self, request: dict[str, Any], state: str, error: str) -> None:
        """Record how a firing ended."""
        execution = _execution(request)
        with _reported(execution):
            ended_at = temporalio.activity.info().started_time
            await self._runs.end(
                _row_id(execution), execution.scheduled_for, executions.RunState(state), ended_at, error
            )
        _LOG.info("run ended", extra={"fields": {"key": execution.idempotency_key, "state": state}})


def _execution(request: Mapping[str, Any]) -> executions.Execution:
    return executions.execution(request, datetime.datetime.fromisoformat(request["scheduledFor"]))


def _row_id(execution: executions.Execution) -> uuid.UUID:
    if execution.db_schedule_id is None:
        raise temporalio.exceptions.ApplicationError("a governance schedule has no run to record", non_retryable=True)
    return execution.db_schedule_id


def _workflow_run() -> executions.WorkflowRun | None:
    info = temporalio.activity.info()
    if not info.workflow_id or not info.workflow_run_id:
        return None
    return executions.WorkflowRun(workflow_id=info.workflow_id, run_id=info.workflow_run_id)


def _next_run(row: executions.UserSchedule, after: datetime.datetime) -> datetime.datetime | None:
    if not row.enabled or row.deleted_at is not None:
        return None
    try:
        return next(times.upcoming(users.charter(row).schedule.timing, after), None)
    except errors.InvalidSpecError:  # written by a less strict version; the firing itself is not affected
        return None


def _unlimited() -> datetime.timedelta:
    return datetime.timedelta.max


@contextlib.contextmanager
def _reported(execution: executions.Execution, left: Callable[[], datetime.timedelta] = _unlimited) -> Iterator[None]:
    """Convert an error to one that specifies whether and when Temporal retries; with no time `left`, it must not.

    The error is also logged, so that users can find out why a run is waiting; for a bug, only its type is logged.
    """
    try:
        yield
    except temporalio.exceptions.FailureError:  # already a Temporal error
        raise
    except Exception as error:  # noqa: BLE001  # even a bug must not be retried forever
        defect = f"a bug in the worker ({type(error).__name__})"
        message = error.sentence if isinstance(error, errors.ReconcilerError) else defect
        rest = left()
        final = rest <= datetime.timedelta(0) or isinstance(error, _FINAL)
        step, attempt = temporalio.activity.info().activity_type, temporalio.activity.info().attempt
        fields = {"key": execution.idempotency_key, "step": step, "attempt": attempt, "final": final}
        _LOG.log(logging.ERROR if message is defect else logging.WARNING, message, extra={"fields": fields})
        wanted = error.retry_after if isinstance(error, errors.ExecutorError) else None
        raise temporalio.exceptions.ApplicationError(
            message,
            type=type(error).__name__,
            non_retryable=final,
            next_retry_delay=None if final else _delay(rest, wanted),
        ) from None


def _delay(left: datetime.timedelta, wanted: datetime.timedelta | None = None) -> datetime.timedelta | None:
    """Return the delay before the next attempt, at most the time `left`; None to use the step's retry policy."""
    if left == datetime.timedelta.max:
        return wanted
    usual = steps.FIRST_RETRY * 2 ** min(temporalio.activity.info().attempt - 1, 16)
    return max(min(wanted if wanted is not None else min(usual, steps.LONGEST_RETRY), left), datetime.timedelta(0))


def _why_cancelled(left: datetime.timedelta) -> BaseException:
    """Return the error for a canceled attempt, depending on whether the run or only this worker is ending."""
    details = temporalio.activity.cancellation_details()
    if temporalio.activity.is_worker_shutdown() and not (details and details.cancel_requested):
        return temporalio.exceptions.ApplicationError(
            "the worker stopped before the execution finished", type="WorkerEnded", next_retry_delay=_delay(left)
        )
    return asyncio.CancelledError()


@contextlib.asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Send heartbeats to the server during the work; work that ends before the first one is due sends none."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(_BEAT)
            temporalio.activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
