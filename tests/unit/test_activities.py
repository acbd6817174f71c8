"""The steps of a firing, each alone: when an attempt is the last, and when the next one may be made."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import uuid
from typing import Any, cast

import pytest
import temporalio.exceptions
import temporalio.testing

from reconciler import errors
from reconciler.platform import executions, ports
from reconciler.platform.worker import activities
from reconciler.schedule import governed

NOW = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
PATIENCE = datetime.timedelta(seconds=40)
REQUEST = {
    **governed.argument("governance:alpha", None, charter="ALPHA", entrypoint="alpha", input_={}),
    "scheduledFor": "2026-11-25T09:00:00Z",
}


@dataclasses.dataclass(frozen=True)
class Failing:
    """An executor that raises."""

    error: Exception

    async def execute(self, _: executions.Execution, /) -> executions.ExecutionRequest:
        """Raise."""
        raise self.error


async def attempted(error: Exception, *, attempt: int = 1, passed: float = 0) -> temporalio.exceptions.ApplicationError:
    """Return what Temporal is told of one attempt to execute, so many seconds after the first was due."""
    unused = cast("Any", None)
    executor = cast("ports.Executor", Failing(error))
    steps = activities.Activities(runs=unused, rows=unused, executor=executor, patience=PATIENCE, monotonic=lambda: 0.0)
    environment = temporalio.testing.ActivityEnvironment()
    started = NOW - datetime.timedelta(seconds=passed)
    environment.info = dataclasses.replace(environment.info, attempt=attempt, scheduled_time=started, started_time=NOW)
    with pytest.raises(temporalio.exceptions.ApplicationError) as caught:
        await environment.run(steps.execute, REQUEST)
    return caught.value


@pytest.mark.parametrize(
    ("attempt", "passed", "wanted", "delay"),
    [
        (1, 0, None, 1),
        (4, 10, None, 8),
        (9, 5, None, 30),
        (5, 30, None, 10),
        (900, 30, None, 10),
        (1, 0, 7, 7),
        (1, 10, 600, 30),
    ],
)
async def test_the_next_attempt_is_made_before_the_patience_ends(
    attempt: int, passed: float, wanted: int | None, delay: int
) -> None:
    after = None if wanted is None else datetime.timedelta(seconds=wanted)
    reported = await attempted(errors.ExecutorError("away", retry_after=after), attempt=attempt, passed=passed)
    assert (reported.non_retryable, reported.next_retry_delay) == (False, datetime.timedelta(seconds=delay))


@pytest.mark.parametrize("error", [errors.ExecutorError("away"), ValueError("sk-hunter2")])
async def test_once_the_patience_ends_whatever_fails_is_final(error: Exception) -> None:
    assert (await attempted(error, passed=41)).non_retryable


async def test_a_defect_is_told_by_its_type_alone_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="reconciler"):
        reported = await attempted(ValueError("sk-hunter2"), attempt=2)
    assert (reported.message, reported.type) == ("a bug in the worker (ValueError)", "ValueError")
    assert (reported.non_retryable, reported.next_retry_delay) == (False, datetime.timedelta(seconds=2))
    assert caplog.messages == [reported.message]


async def test_an_execution_that_ends_at_once_sends_no_heartbeat() -> None:
    class Done:
        """An executor that is done."""

        async def execute(self, execution: executions.Execution, /) -> executions.ExecutionRequest:
            """Answer at once."""
            return executions.ExecutionRequest(
                idempotency_key=execution.idempotency_key,
                request_hash=executions.request_hash(REQUEST),
                run_id=uuid.uuid4(),
                workflow=execution.entrypoint,
                state=executions.RequestState.DONE,
                response={},
                created_at=NOW,
                ended_at=NOW,
            )

    unused = cast("Any", None)
    steps = activities.Activities(runs=unused, rows=unused, executor=Done(), patience=PATIENCE)
    environment = temporalio.testing.ActivityEnvironment()
    beats: list[Any] = []
    environment.on_heartbeat = beats.append
    await environment.run(steps.execute, REQUEST)
    assert beats == []
