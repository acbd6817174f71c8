"""Runs that ended in Temporal without a record are closed in the database: real workflows on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
import temporalio.client
import temporalio.service
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

from reconciler import errors, settings
from reconciler.platform import endings, executions, ports, run_ends, wiring
from reconciler.platform import remote as remote_executor
from reconciler.platform.executions import RunState
from reconciler.runtime import clock
from reconciler.schedule import governed
from reconciler.temporal import calls
from tests.support import endpoint, postgres, remote, stored, workers
from tools import devserver

Handle = temporalio.client.WorkflowHandle[Any, Any]
RUN = "SELECT status, error, ended_at IS NOT NULL FROM schedule_runs"
HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
NO_TIME = datetime.timedelta(0)
NOW = stored.NOON


@pytest.fixture
async def stage(dev_server: devserver.DevServer, namespace: str, database_url: str) -> AsyncIterator[workers.Stage]:
    async with workers.stage(dev_server.address, namespace, database_url) as found:
        yield found


async def idle(stage: workers.Stage, **options: Any) -> Handle:
    """Start a workflow that no worker runs."""
    return await stage.client.start_workflow(
        governed.WORKFLOW, id=f"idle-{uuid.uuid4()}", task_queue="no-workers", **options
    )


async def recorded(stage: workers.Stage, handle: Handle, **changes: Any) -> executions.ScheduleRun:
    """Record a workflow as a run that is running, of a schedule of its own."""
    made, _ = await stage.store.schedules.create(stored.new())
    assert handle.result_run_id is not None
    workflow = executions.WorkflowRun(workflow_id=handle.id, run_id=handle.result_run_id)
    run = stored.run(made.id, **{"workflow": workflow} | changes)
    await stage.store.runs.begin(run, None)
    return run


async def close(stage: workers.Stage, **options: Any) -> int:
    return await run_ends.close_ended(stage.store.runs, wiring.endings(stage.server), **options)


async def found(stage: workers.Stage, run: executions.ScheduleRun) -> executions.ScheduleRun:
    row = await stage.store.runs.find(run.schedule_id, run.scheduled_for)
    assert row is not None
    return row


async def until_closed(handle: Handle) -> datetime.datetime:
    """Wait for the end of a workflow, and return when it was."""

    async def is_closed() -> bool:
        return (await handle.describe()).close_time is not None

    await remote.until(is_closed)
    ended = (await handle.describe()).close_time
    assert ended is not None
    return ended


async def terminate(stage: workers.Stage) -> Handle:
    handle = await idle(stage)
    await handle.terminate(reason="the disk is full")
    return handle


async def time_out(stage: workers.Stage) -> Handle:
    return await idle(stage, execution_timeout=SECOND)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (terminate, "terminated in Temporal: the disk is full"),
        (time_out, "timed out in Temporal"),
    ],
)
async def test_a_run_that_was_stopped_in_temporal_is_closed_as_failed_with_its_time_and_reason(
    stage: workers.Stage, end: Callable[[workers.Stage], Awaitable[Handle]], error: str
) -> None:
    handle = await end(stage)
    run = await recorded(stage, handle)
    ended_at = await until_closed(handle)
    assert await close(stage) == 1
    assert await found(stage, run) == dataclasses.replace(run, state=RunState.FAILED, ended_at=ended_at, error=error)
    assert await close(stage) == 0


async def test_a_run_that_temporal_does_not_have_is_gone_and_its_own_record_still_counts(stage: workers.Stage) -> None:
    handle = await terminate(stage)
    run = await recorded(stage, handle)
    assert run.workflow is not None
    execution = common_pb2.WorkflowExecution(workflow_id=handle.id, run_id=run.workflow.run_id)
    await stage.client.workflow_service.delete_workflow_execution(
        rpc_pb2.DeleteWorkflowExecutionRequest(namespace=stage.client.namespace, workflow_execution=execution)
    )

    async def is_deleted() -> bool:
        try:
            await handle.describe()
        except temporalio.service.RPCError as error:
            return error.status is temporalio.service.RPCStatusCode.NOT_FOUND
        return False

    await remote.until(is_deleted)
    assert await close(stage) == 1
    gone = await found(stage, run)
    assert (gone.state, gone.ended_at is not None) == (RunState.GONE, True)
    assert "Temporal no longer has this run" in gone.error
    await stage.store.runs.end(run.schedule_id, run.scheduled_for, RunState.DONE, NOW + HOUR)
    assert await found(stage, run) == dataclasses.replace(run, state=RunState.DONE, ended_at=NOW + HOUR)


async def test_a_missing_namespace_closes_nothing(stage: workers.Stage) -> None:
    run = await recorded(stage, await idle(stage))
    service = stage.client.workflow_service
    elsewhere = calls.Calls(service, address=stage.server.address, namespace="missing")
    missing = endings.Endings(service, elsewhere, stage.client.data_converter)
    with pytest.raises(errors.ServerError, match="namespace 'missing' does not exist"):
        await run_ends.close_ended(stage.store.runs, missing)
    assert await found(stage, run) == run


async def test_a_run_that_is_running_or_just_started_or_of_an_unknown_workflow_stays_open(
    stage: workers.Stage,
) -> None:
    running = await recorded(stage, await idle(stage))
    ended = await terminate(stage)
    young = await recorded(stage, ended, started_at=clock.now())
    unknown = await recorded(stage, ended, workflow=None)
    assert await close(stage) == 0
    for run in (running, young, unknown):
        assert await found(stage, run) == run


async def test_a_run_whose_workflow_id_runs_again_stays_open(stage: workers.Stage) -> None:
    """It may be a reset, or a retry whose attempt is not recorded yet: that run records the end."""
    ended = await terminate(stage)
    run = await recorded(stage, ended)
    again = await stage.client.start_workflow(governed.WORKFLOW, id=ended.id, task_queue="no-workers")
    assert await close(stage) == 0
    await again.terminate(reason="another run")
    assert await close(stage) == 1
    assert (await found(stage, run)).error == "terminated in Temporal: the disk is full"


async def test_all_pages_are_closed_and_a_locked_row_is_left_for_the_next_time(
    stage: workers.Stage, database_url: str
) -> None:
    handle = await terminate(stage)
    runs = [await recorded(stage, handle, started_at=NOW + (number // 2) * SECOND) for number in range(7)]
    locked = runs[3]
    with psycopg.connect(database_url, options=postgres.PATH) as other:
        other.execute("SELECT FROM schedule_runs WHERE schedule_id = %s FOR UPDATE", (locked.schedule_id,))
        assert await close(stage, page=2) == 6
    assert await found(stage, locked) == locked
    assert await close(stage, page=2) == 1


async def test_a_run_that_cannot_be_looked_up_does_not_keep_the_others_open(stage: workers.Stage) -> None:
    handle = await terminate(stage)
    bad, good = [await recorded(stage, handle, started_at=NOW + number * SECOND) for number in range(2)]
    first = [True]

    class Failing:
        async def of(self, run: executions.WorkflowRun) -> executions.Ending | None:
            if first and first.pop():
                raise errors.ServerError("no answer", hint="try again")
            return await wiring.endings(stage.server).of(run)

    failing: ports.Endings = Failing()
    with pytest.raises(errors.ServerError, match="no answer"):
        await run_ends.close_ended(stage.store.runs, failing)
    assert ((await found(stage, bad)).state, (await found(stage, good)).state) == (RunState.RUNNING, RunState.FAILED)


async def test_an_end_is_recorded_only_for_the_attempt_that_ended(stage: workers.Stage) -> None:
    run = await recorded(stage, await terminate(stage))
    ((old),) = await stage.store.runs.open(HOUR, limit=9)
    assert old == run
    second = dataclasses.replace(run, attempt=2, workflow=executions.WorkflowRun(workflow_id="w", run_id="second"))
    await stage.store.runs.begin(second, None)
    assert not await stage.store.runs.close(old, executions.Ending(state=RunState.GONE))
    assert await found(stage, run) == second
    await stage.store.runs.begin(dataclasses.replace(run, workflow=None, attempt=3), None)  # an older worker's
    await stage.store.runs.begin(run, None)  # delivered late
    assert await found(stage, run) == dataclasses.replace(second, attempt=3)


@pytest.fixture
def service() -> Iterator[endpoint.Endpoint]:
    with endpoint.running() as found:
        yield found


@contextlib.asynccontextmanager
async def working(stage: workers.Stage, service: endpoint.Endpoint) -> AsyncIterator[None]:
    """Run a worker that lets the service execute."""
    options = settings.Executor(url=service.url, timeout=datetime.timedelta(seconds=30))
    async with (
        remote_executor.opened(options, service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        yield


async def fire(stage: workers.Stage, id_: uuid.UUID) -> Handle:
    argument = governed.argument(str(id_), id_, charter=None, entrypoint="report", input_={})
    return await stage.fire(dict(argument))


async def test_a_worker_records_which_workflow_performs_a_run_so_that_a_terminated_one_is_closed(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    service.hold()
    async with working(stage, service):
        handle = await fire(stage, id_)
        await asyncio.to_thread(service.asked.wait, 20)
        row = await stage.store.runs.find(id_, workers.DUE)
        assert row is not None
        workflow = executions.WorkflowRun(workflow_id=handle.id, run_id=handle.result_run_id or "")
        assert (row.state, row.workflow) == (RunState.RUNNING, workflow)
        assert await close(stage, patience=NO_TIME) == 0
        await handle.terminate(reason="by hand")
        assert await close(stage, patience=NO_TIME) == 1
        service.flow()
    assert postgres.execute(stage.database_url, RUN) == [("failed", "terminated in Temporal: by hand", True)]


@pytest.mark.parametrize("expected", ["done", "refused", "failed"])
async def test_an_end_that_the_database_lost_is_recorded_again_as_it_was(
    stage: workers.Stage, service: endpoint.Endpoint, expected: str
) -> None:
    """A backup of the database that was made while the run was running has been restored."""
    if expected != "refused":
        await stage.store.grants.create("alice", ["*"])
    if expected == "failed":
        service.answers.append((422, {}, b""))
    id_ = await stage.user_schedule()
    async with working(stage, service):
        handle = await fire(stage, id_)
        await until_closed(handle)
    ((status, error, _),) = postgres.execute(stage.database_url, RUN)
    assert status == expected
    postgres.execute(
        stage.database_url,
        "UPDATE schedule_runs SET status = 'running', error = '', ended_at = NULL, started_at = started_at - %s",
        HOUR,
    )
    assert await close(stage) == 1
    assert postgres.execute(stage.database_url, RUN) == [(status, error, True)]
