"""The worker as a process: killed, drained, unready; and what its options and its messages are."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import temporalio.client

from tests.support import codec_server, endpoint, postgres, program, relay, worker_process, workers
from tools import ports

REQUESTS = "SELECT idempotency_key, status FROM execution_requests"
RUNS = "SELECT status FROM schedule_runs"


@pytest.fixture
async def stage(reconciler: program.Program, database_url: str) -> AsyncIterator[workers.Stage]:
    async with workers.stage(reconciler.address, reconciler.namespace, database_url) as found:
        yield found


@pytest.fixture
def service() -> Iterator[endpoint.Endpoint]:
    with endpoint.running() as found:
        yield found


def options(service: endpoint.Endpoint) -> dict[str, str]:
    return {"RECONCILER_EXECUTOR_URL": service.url, "RECONCILER_EXECUTOR_TOKEN": f"sk-{program.SECRET}2"}


async def test_a_run_of_a_worker_that_is_killed_is_finished_by_the_next_one(
    stage: workers.Stage, reconciler: program.Program, service: endpoint.Endpoint
) -> None:
    await stage.declare()
    service.hold()
    with worker_process.started(reconciler, stage.database_url, **options(service)) as worker:
        handle = await stage.trigger("governance:alpha")
        assert await asyncio.to_thread(service.asked.wait, 20)
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
    service.flow()
    with worker_process.started(reconciler, stage.database_url, **options(service)):
        result = await asyncio.wait_for(handle.result(), 60)
    assert result["runId"] == str(endpoint.RUN)
    assert len(service.keys) == 2
    assert len(set(service.keys)) == 1
    assert {each["authorization"] for each in service.headers} == {f"Bearer sk-{program.SECRET}2"}


async def test_an_execution_still_in_progress_when_its_worker_is_killed_is_not_recorded_as_failed(
    stage: workers.Stage, reconciler: program.Program, service: endpoint.Endpoint
) -> None:
    await stage.store.grants.create("alice", ("*",))
    id_ = await stage.user_schedule()
    service.hold()
    service.answers += [(200, {}, b""), (409, {}, b""), (425, {}, b"")]  # the first is for the worker that is killed
    with worker_process.started(reconciler, stage.database_url, **options(service)) as worker:
        handle = await stage.trigger(str(id_))
        assert await asyncio.to_thread(service.asked.wait, 20)
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
    service.flow()
    with worker_process.started(reconciler, stage.database_url, **options(service)):
        result = await asyncio.wait_for(handle.result(), 60)
    assert result["runId"] == str(endpoint.RUN)
    assert (len(service.keys), len(set(service.keys))) == (4, 1)
    assert postgres.execute(stage.database_url, RUNS) == [("done",)]


async def test_a_worker_that_is_told_to_end_finishes_what_runs_and_exits_with_0(
    stage: workers.Stage, reconciler: program.Program, service: endpoint.Endpoint
) -> None:
    await stage.declare()
    service.hold()
    with worker_process.started(reconciler, stage.database_url, **options(service)) as worker:
        handle = await stage.trigger("governance:alpha")
        assert await asyncio.to_thread(service.asked.wait, 20)
        worker.tell(signal.SIGTERM)
        assert (await asyncio.to_thread(worker.until, 503))["polling"] == "draining"
        service.flow()
        assert await asyncio.to_thread(worker.wait) == 0
    history = await handle.fetch_history()
    assert [event for event in history.events if event.HasField("activity_task_completed_event_attributes")]
    assert len(service.keys) == 1


async def test_a_second_signal_ends_it_at_once(
    stage: workers.Stage, reconciler: program.Program, service: endpoint.Endpoint
) -> None:
    await stage.declare()
    service.hold()
    with worker_process.started(reconciler, stage.database_url, "--drain-timeout", "10m", **options(service)) as worker:
        await stage.trigger("governance:alpha")
        assert await asyncio.to_thread(service.asked.wait, 20)
        worker.tell(signal.SIGTERM)
        await asyncio.to_thread(worker.until, 503)
        assert await asyncio.to_thread(worker.end, signal.SIGTERM) == 143


async def test_without_an_endpoint_executions_are_kept_in_the_database(
    stage: workers.Stage, reconciler: program.Program
) -> None:
    await stage.declare()
    with worker_process.started(reconciler, stage.database_url) as worker:
        result = await (await stage.trigger("governance:alpha")).result()
        assert worker.end(signal.SIGTERM) == 0
    assert postgres.execute(stage.database_url, REQUESTS) == [(result["idempotencyKey"], "done")]
    assert postgres.execute(stage.database_url, RUNS) == []


async def test_a_worker_with_the_namespaces_codec_reads_what_is_encrypted_and_leaves_nothing_readable(
    stage: workers.Stage, reconciler: program.Program
) -> None:
    with codec_server.running(auth=f"Bearer {program.SECRET}2") as codec:
        environment = {"TEMPORAL_CODEC_ENDPOINT": codec.endpoint}
        reconciler.declare(workers.SPEC)
        applied = await asyncio.to_thread(reconciler.run, "apply", "--yes", **environment)
        assert applied.returncode == 0, applied.stderr
        with worker_process.started(reconciler, stage.database_url, **environment):
            handle = await stage.trigger("governance:alpha")
            history = handle.fetch_history_events(
                wait_new_event=True, event_filter_type=temporalio.client.WorkflowHistoryEventFilterType.CLOSE_EVENT
            )
            (end,) = [event async for event in history]
            (result,) = end.workflow_execution_completed_event_attributes.result.payloads
    assert result.metadata["encoding"] == codec_server.ENCODING.encode()
    asked = "SELECT request -> 'input' FROM execution_requests"
    assert postgres.execute(stage.database_url, asked) == [({"model": "large"},)]
    text = (await handle.fetch_history()).to_json()
    assert base64.b64encode(b'{"charter"').decode()[:12] not in text


async def test_it_says_which_part_is_away_and_serves_its_metrics(
    stage: workers.Stage, reconciler: program.Program
) -> None:
    metrics = f"127.0.0.1:{ports.reserve()}"
    async with relay.running(stage.database_url) as wire:
        with worker_process.started(reconciler, wire.url, "--metrics", metrics) as worker:
            assert await asyncio.to_thread(worker.until, 200) == {"status": "ready", "polling": "ok", "database": "ok"}
            await wire.cut()
            messages = await asyncio.to_thread(worker.until, 503)
            assert (messages["polling"], messages["database"]) == ("ok", "did not respond in time")
            wire.mend()
            await asyncio.to_thread(worker.until, 200)
            async with httpx.AsyncClient(trust_env=False) as client:
                found = await client.get(f"http://{metrics}/metrics")
            assert re.search(r'temporal_num_pollers\{.*task_queue="scheduler-tasks"', found.text)
            assert await asyncio.to_thread(worker.end, signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--versioning", "--database-url", "postgresql://127.0.0.1:9/none"), 64, "--versioning needs a deployment"),
        (("--database-url", "postgresql://127.0.0.1:9/none"), 1, "nothing is listening there"),
    ],
)
def test_what_it_cannot_work_with_is_told_at_once(
    reconciler: program.Program, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = reconciler.run("worker", *arguments)
    assert (done.returncode, done.stdout, message in done.stderr) == (code, "", True)


@pytest.mark.parametrize("option", ["--health", "--metrics"])
def test_an_address_that_is_taken_is_told(
    reconciler: program.Program, database_url: str, service: endpoint.Endpoint, option: str
) -> None:
    taken = service.url.removeprefix("http://").partition("/")[0]
    done = reconciler.run("worker", "--database-url", database_url, option, taken)
    assert (done.returncode, done.stdout, taken in done.stderr) == (64, "", True)


async def test_a_worker_of_a_namespace_that_does_not_exist_says_so(
    reconciler: program.Program, database_url: str
) -> None:
    done = await asyncio.to_thread(reconciler.run, "worker", "--database-url", database_url, "--namespace", "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
