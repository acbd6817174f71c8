"""Execution requests and the executor that only writes them, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconciler import errors, settings
from reconciler.platform import executions, ports
from reconciler.platform.executions import RequestState
from reconciler.platform.postgres import tables
from tests.support import postgres, stored

KEY = "governance:alpha:2026-01-02T12:00:00Z"
OTHER_HASH = executions.request_hash("another")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[tables.Store]:
    async with tables.opened(settings.Database(url=database_url)) as opened:
        yield opened


async def test_an_execution_is_written_and_done(store: tables.Store, database_url: str) -> None:
    executor: ports.Executor = store.executor
    execution = stored.execution()
    found = await executor.execute(execution)
    assert found.ended_at is not None
    assert found == executions.ExecutionRequest(
        idempotency_key=KEY,
        request_hash=executions.request_hash(execution.request),
        run_id=found.run_id,
        workflow="REPORT",
        state=RequestState.DONE,
        response={"runId": str(found.run_id), "status": "done"},
        created_at=found.created_at,
        ended_at=found.ended_at,
    )
    assert await store.executor.find(KEY) == found
    assert postgres.execute(database_url, "SELECT request FROM execution_requests") == [(execution.request,)]


async def test_a_firing_that_is_delivered_twice_is_one_request_with_one_outcome(
    store: tables.Store, database_url: str
) -> None:
    first = await store.executor.execute(stored.execution())
    late = stored.execution(scheduled_for=stored.NOON.astimezone(datetime.timezone(datetime.timedelta(hours=5))))
    assert await store.executor.execute(late) == first
    another = await store.executor.execute(stored.execution(temporal_schedule_id="governance:beta"))
    assert another.run_id != first.run_id
    assert postgres.execute(database_url, "SELECT count(*) FROM execution_requests") == [(2,)]


async def test_twenty_deliveries_at_once_are_one_request_with_one_outcome(
    store: tables.Store, database_url: str
) -> None:
    found = await asyncio.gather(*(store.executor.execute(stored.execution()) for _ in range(20)))
    assert found == [found[0]] * 20
    assert postgres.execute(database_url, "SELECT count(*) FROM execution_requests") == [(1,)]


async def test_another_request_under_the_same_key_is_refused_and_changes_nothing(store: tables.Store) -> None:
    first = await store.executor.execute(stored.execution())
    with pytest.raises(errors.ExecutionRefusedError, match=f"idempotency key {KEY} was already used"):
        await store.executor.execute(stored.execution(input={"model": "large"}))
    with pytest.raises(errors.ExecutionRefusedError, match="was already used"):
        await store.executor.begin(KEY, OTHER_HASH, "REPORT", {})
    assert await store.executor.find(KEY) == first


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"input": {"text": "a\0b"}}, "unsupported Unicode escape sequence"),
        ({"input": {"text": "\ud800"}}, "invalid input syntax for type json"),
        ({"input": {"number": float("nan")}}, "invalid input syntax for type json"),
        ({"temporal_schedule_id": "a\0"}, "cannot contain NUL"),
        ({"entrypoint": "\ud800"}, "an unpaired surrogate is not valid text"),
        ({"temporal_schedule_id": "".join(map(chr, range(256, 9000)))}, "index row"),
    ],
)
async def test_a_request_that_no_database_keeps_is_refused_and_not_tried_again(
    store: tables.Store, database_url: str, changes: dict[str, Any], messages: str
) -> None:
    expected = rf"^request .* cannot be stored: .*{messages}"
    with pytest.raises(errors.ExecutionRefusedError, match=expected) as caught:
        await store.executor.execute(stored.execution(**changes))
    assert caught.value.__cause__ is None
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
    assert postgres.execute(database_url, "SELECT count(*) FROM execution_requests") == [(0,)]


async def test_a_database_that_fails_in_another_way_may_be_asked_again(store: tables.Store, database_url: str) -> None:
    postgres.execute(database_url, "ALTER TABLE execution_requests RENAME TO elsewhere")
    with pytest.raises(errors.StoreError, match="does not exist"):
        await store.executor.execute(stored.execution())
    postgres.execute(database_url, "ALTER TABLE elsewhere RENAME TO execution_requests")
    assert (await store.executor.execute(stored.execution())).state is RequestState.DONE


@pytest.mark.parametrize(("key", "messages"), [("a\0", "cannot contain NUL"), ("\ud800", "an unpaired surrogate")])
async def test_a_text_that_no_database_keeps_is_said_to_be_that(store: tables.Store, key: str, messages: str) -> None:
    with pytest.raises(errors.StoreError, match=messages) as caught:
        await store.executor.find(key)
    assert caught.value.hint.startswith("send plain text")


async def test_a_request_is_pending_from_begin_to_end_and_new_once(store: tables.Store) -> None:
    started, is_new = await store.executor.begin("k", stored.HASH, "REPORT", {"a": [1]})
    assert (started.state, started.response, started.ended_at, is_new) == (RequestState.PENDING, {}, None, True)
    assert await store.executor.begin("k", stored.HASH, "REPORT", {"a": [1]}) == (started, False)
    ended = await store.executor.end("k", RequestState.FAILED, {"error": "no"})
    assert ended.ended_at is not None
    assert ended == dataclasses.replace(
        started, state=RequestState.FAILED, response={"error": "no"}, ended_at=ended.ended_at
    )
    assert await store.executor.begin("k", stored.HASH, "REPORT", {"a": [1]}) == (ended, False)


async def test_the_first_end_of_a_request_counts(store: tables.Store) -> None:
    await store.executor.begin("k", stored.HASH, "REPORT", {})
    ended = await asyncio.gather(*(store.executor.end("k", RequestState.DONE, {"n": n}) for n in range(10)))
    assert ended == [ended[0]] * 10
    with pytest.raises(errors.MissingError, match="execution request other does not exist"):
        await store.executor.end("other", RequestState.DONE, {})
    assert await store.executor.find("other") is None


async def test_of_many_who_begin_at_once_one_does(store: tables.Store) -> None:
    started = await asyncio.gather(*(store.executor.begin("k", stored.HASH, "REPORT", {}) for _ in range(20)))
    assert sum(is_new for _, is_new in started) == 1
    assert len({found.run_id for found, _ in started}) == 1


async def test_an_execution_that_was_begun_and_never_ended_is_done_when_it_is_delivered_again(
    store: tables.Store,
) -> None:
    execution = stored.execution()
    started, _ = await store.executor.begin(
        KEY, executions.request_hash(execution.request), "REPORT", execution.request
    )
    found = await asyncio.gather(*(store.executor.execute(execution) for _ in range(5)))
    assert found == [found[0]] * 5
    assert (found[0].run_id, found[0].state) == (started.run_id, RequestState.DONE)


async def test_one_that_failed_is_not_executed_again(store: tables.Store) -> None:
    execution = stored.execution()
    await store.executor.begin(KEY, executions.request_hash(execution.request), "REPORT", execution.request)
    failed = await store.executor.end(KEY, RequestState.FAILED, {"error": "no"})
    assert await store.executor.execute(execution) == failed
