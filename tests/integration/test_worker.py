"""What fires, from the schedule to the rows, on a real Temporal server and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import temporalio.client
import temporalio.exceptions

from reconciler import settings
from reconciler.platform import executions
from reconciler.platform import remote as remote_executor
from reconciler.platform.postgres import tables
from reconciler.runtime import clock
from reconciler.schedule import governed
from tests.support import endpoint, postgres, relay, remote, workers
from tools import devserver

Handle = temporalio.client.WorkflowHandle[Any, Any]
Recorder = Callable[[str, Handle], Awaitable[None]]
REQUESTS = "SELECT idempotency_key, workflow, status FROM execution_requests ORDER BY created_at"
RUNS = "SELECT schedule_id, status, attempt, error FROM schedule_runs ORDER BY scheduled_for"


@pytest.fixture
async def stage(dev_server: devserver.DevServer, namespace: str, database_url: str) -> AsyncIterator[workers.Stage]:
    async with workers.stage(dev_server.address, namespace, database_url) as found:
        yield found


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Recorder:
    """Keep the history of a run where golden files are written anew."""

    async def keep(name: str, handle: Handle) -> None:
        if request.config.getoption("--update-golden"):
            await workers.record(name, handle)

    return keep


@pytest.fixture
def service() -> Iterator[endpoint.Endpoint]:
    with endpoint.running() as found:
        yield found


def argument(schedule_id: uuid.UUID | None = None) -> dict[str, Any]:
    return dict(
        governed.argument(
            str(schedule_id or "governance:alpha"),
            schedule_id,
            charter=None if schedule_id else "ALPHA",
            entrypoint="report" if schedule_id else "alpha",
            input_={"to": "all"},
        )
    )


async def test_a_charter_that_fires_is_executed_and_leaves_a_request_and_no_run(
    stage: workers.Stage, recorded: Recorder
) -> None:
    await stage.declare()
    async with workers.working(stage):
        handle = await stage.trigger("governance:alpha")
        result = await handle.result()
    started = (await handle.describe()).typed_search_attributes[workers.SCHEDULED]
    key = f"governance:alpha:{executions.moment(started)}"
    assert (result["status"], result["idempotencyKey"]) == ("done", key)
    assert postgres.execute(stage.database_url, REQUESTS) == [(key, "alpha", "done")]
    assert postgres.execute(stage.database_url, RUNS) == []
    await recorded("governance", handle)


async def test_a_users_schedule_that_fires_by_itself_leaves_a_run_a_request_and_its_next_time(
    stage: workers.Stage, recorded: Recorder
) -> None:
    await stage.store.grants.create("alice", ["report"])
    id_ = await stage.user_schedule(cron="@every 1s")

    async def has_run() -> bool:
        return any(status == "done" for _, status, _, _ in postgres.execute(stage.database_url, RUNS))

    async with workers.working(stage):
        await remote.until(has_run)
    runs = postgres.execute(stage.database_url, "SELECT scheduled_for FROM schedule_runs WHERE status = 'done'")
    keys = {f"{id_}:{executions.moment(when)}" for (when,) in runs}
    requests = postgres.execute(stage.database_url, REQUESTS)
    assert keys <= {key for key, _, _ in requests}
    assert {workflow for _, workflow, _ in requests} == {"report"}
    row = await stage.store.schedules.find(id_)
    latest = postgres.execute(stage.database_url, "SELECT max(scheduled_for) FROM schedule_runs")[0][0]
    assert row is not None
    assert row.next_run_at == latest + datetime.timedelta(seconds=1)
    handle = await stage.fire(argument(id_))
    async with workers.working(stage):
        await handle.result()
    await recorded("user", handle)


async def test_a_firing_that_is_delivered_twice_is_executed_once(stage: workers.Stage) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    async with workers.working(stage):
        first, second = await stage.fire(argument(id_)), await stage.fire(argument(id_))
        results = [await first.result(), await second.result()]
    assert results[0] == results[1]
    assert postgres.execute(stage.database_url, REQUESTS) == [(f"{id_}:2026-11-25T09:00:00Z", "report", "done")]
    assert postgres.execute(stage.database_url, RUNS) == [(id_, "done", 1, "")]


async def test_a_run_whose_grant_is_revoked_is_recorded_as_refused_and_nothing_is_executed(
    stage: workers.Stage, recorded: Recorder
) -> None:
    grant, _ = await stage.store.grants.create("alice", ["report"])
    id_ = await stage.user_schedule()
    await stage.store.grants.revoke(grant.id)
    async with workers.working(stage):
        handle = await stage.fire(argument(id_))
        result = await handle.result()
    assert result["status"] == "refused"
    assert "was revoked at" in result["reason"]
    assert postgres.execute(stage.database_url, REQUESTS) == []
    assert postgres.execute(stage.database_url, RUNS) == [(id_, "refused", 1, result["reason"])]
    await recorded("refused", handle)


@pytest.mark.parametrize("wrong", [None, {"temporalScheduleId": "x"}, {**argument(), "dbScheduleId": "seven"}])
async def test_an_argument_that_is_none_of_ours_fails_the_run_at_once(
    stage: workers.Stage, wrong: dict[str, Any] | None
) -> None:
    async with workers.working(stage):
        handle = await stage.fire(wrong)
        cause = await failure(handle)
    assert (cause.type, cause.non_retryable) == ("ArgumentError", True)


async def failure(handle: Handle) -> temporalio.exceptions.ApplicationError:
    """Return why a run failed."""
    with pytest.raises(temporalio.client.WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, temporalio.exceptions.ApplicationError)
    return caught.value.cause


def chosen(service: endpoint.Endpoint, seconds: float = 10) -> settings.Executor:
    return settings.Executor(url=service.url, timeout=datetime.timedelta(seconds=seconds))


async def test_what_the_executor_refuses_fails_the_run_after_one_attempt(
    stage: workers.Stage, service: endpoint.Endpoint, recorded: Recorder
) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    service.answers.append((422, {}, b""))
    async with (
        remote_executor.opened(chosen(service), service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        handle = await stage.fire(argument(id_))
        cause = await failure(handle)
    assert (cause.type, cause.non_retryable) == ("ExecutionRefusedError", True)
    assert len(service.keys) == 1
    ((_, status, _, error),) = postgres.execute(stage.database_url, RUNS)
    assert (status, error) == ("failed", cause.message)
    await recorded("failed", handle)


async def test_a_service_that_fails_is_asked_again_under_the_same_key(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    service.answers += [(503, {"Retry-After": "0"}, b""), (500, {}, b"")]
    async with (
        remote_executor.opened(chosen(service), service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        result = await (await stage.fire(argument())).result()
    assert result["runId"] == str(endpoint.RUN)
    assert service.keys == ["governance:alpha:2026-11-25T09:00:00Z"] * 3


@pytest.mark.parametrize(
    ("error", "left", "status"), [(10, 5, "done"), (-10, -1, "refused")], ids=["ten minutes fast", "ten minutes slow"]
)
async def test_a_worker_whose_clock_is_wrong_retries_refuses_and_records_by_the_clocks_that_all_share(
    stage: workers.Stage,
    service: endpoint.Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    left: int,
    status: str,
) -> None:
    service.answers += [(503, {"Retry-After": "0"}, b"")]
    await stage.store.grants.create("alice", ["*"], datetime.timedelta(minutes=15))
    aged = "UPDATE execution_grants SET created_at = created_at - make_interval(mins => %s), expires_at = expires_at - "
    postgres.execute(stage.database_url, aged + "make_interval(mins => %s)", 15 - left, 15 - left)
    id_ = await stage.user_schedule()
    wrong = datetime.timedelta(minutes=error)
    monkeypatch.setattr(clock, "now", lambda: datetime.datetime.now(datetime.UTC) + wrong)
    async with (
        remote_executor.opened(chosen(service), service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        await (await stage.fire(argument(id_))).result()
    recorded = "SELECT status, greatest(abs(extract(epoch FROM now() - started_at)), "
    recorded += "abs(extract(epoch FROM now() - ended_at))) < 300 FROM schedule_runs"
    assert postgres.execute(stage.database_url, recorded) == [(status, True)]
    assert len(service.keys) == (2 if status == "done" else 0)


async def asked(service: endpoint.Endpoint) -> bool:
    return bool(service.keys)


async def test_a_grant_that_is_revoked_during_a_run_ends_its_retries(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    grant, _ = await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    service.answers += [(503, {"Retry-After": "0"}, b"")] * 1000
    async with (
        remote_executor.opened(chosen(service), service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        handle = await stage.fire(argument(id_))
        await remote.until(lambda: asked(service))
        await stage.store.grants.revoke(grant.id)
        cause = await failure(handle)
    assert cause.message.startswith(f"not retried: grant {grant.id} was revoked at")
    assert postgres.execute(stage.database_url, RUNS) == [(id_, "failed", 1, cause.message)]


async def test_a_service_that_fails_for_too_long_ends_the_run_as_failed(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    service.answers += [(500, {"Retry-After": "600"}, b"")] * 100  # longer than anybody is patient
    async with (
        remote_executor.opened(chosen(service), service.url, clock.now) as executor,
        workers.working(stage, executor=executor, patience=datetime.timedelta(seconds=0.5)),
    ):
        cause = await failure(await stage.fire(argument(id_)))
    assert "returned 500" in cause.message
    ((_, status, _, error),) = postgres.execute(stage.database_url, RUNS)
    assert (status, error) == ("failed", cause.message)


async def test_a_run_that_is_cancelled_is_recorded_as_failed(
    stage: workers.Stage, service: endpoint.Endpoint, recorded: Recorder
) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    service.hold()
    async with (
        remote_executor.opened(chosen(service, 30), service.url, clock.now) as executor,
        workers.working(stage, executor=executor),
    ):
        handle = await stage.fire(argument(id_))
        await asyncio.to_thread(service.asked.wait, 20)
        await handle.cancel()
        with pytest.raises(temporalio.client.WorkflowFailureError) as caught:
            await handle.result()
        service.flow()
    assert isinstance(caught.value.cause, temporalio.exceptions.CancelledError)
    assert postgres.execute(stage.database_url, RUNS) == [(id_, "failed", 1, "cancelled")]
    await recorded("cancelled", handle)


async def test_runs_wait_while_the_database_is_away_and_then_finish(stage: workers.Stage) -> None:
    await stage.store.grants.create("alice", ["*"])
    id_ = await stage.user_schedule()
    async with (
        relay.running(stage.database_url) as wire,
        tables.opened(settings.Database(url=wire.url), size=2) as store,
    ):
        await wire.cut()
        async with workers.working(stage, store=store):
            handle = await stage.fire(argument(id_))

            async def waits() -> bool:
                pending = (await handle.describe()).raw_description.pending_activities
                return any(each.attempt > 1 and "StoreError" in str(each.last_failure) for each in pending)

            await remote.until(waits)
            assert postgres.execute(stage.database_url, RUNS) == []
            wire.mend()
            assert (await handle.result())["status"] == "done"
    assert postgres.execute(stage.database_url, RUNS) == [(id_, "done", 1, "")]


async def test_what_runs_ends_before_a_worker_that_is_told_to_end(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    service.hold()
    async with remote_executor.opened(chosen(service, 30), service.url, clock.now) as executor:
        async with workers.working(stage, executor=executor) as reported:
            handle = await stage.fire(argument())
            await asyncio.to_thread(service.asked.wait, 20)
            reported.set()
            service.flow()
        done = [event.activity_task_completed_event_attributes async for event in handle.fetch_history_events()]
    assert sum(bool(each.scheduled_event_id) for each in done) == 1
    assert len(service.keys) == 1


async def test_what_does_not_end_in_time_is_begun_anew_by_the_next_worker(
    stage: workers.Stage, service: endpoint.Endpoint
) -> None:
    service.hold()
    async with remote_executor.opened(chosen(service, 30), service.url, clock.now) as executor:
        drained = datetime.timedelta(seconds=0.2)
        async with workers.working(stage, executor=executor, drain_timeout=drained):
            handle = await stage.fire(argument())
            await asyncio.to_thread(service.asked.wait, 20)
        service.flow()
        async with workers.working(stage, executor=executor):
            assert (await handle.result())["runId"] == str(endpoint.RUN)
    assert service.keys == ["governance:alpha:2026-11-25T09:00:00Z"] * 2
