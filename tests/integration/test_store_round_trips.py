"""How often a step asks the database, counted on the wire of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reconciler import settings
from reconciler.platform import executions
from reconciler.platform.postgres import tables
from reconciler.postgres import pools
from tests.support import relay, stored


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[relay.Relay]:
    async with relay.running(database_url) as passing:
        yield passing


@pytest.fixture
async def store(wire: relay.Relay) -> AsyncIterator[tables.Store]:
    async with tables.opened(settings.Database(url=wire.url), size=1) as opened:
        await opened.pool.ping()
        yield opened


async def test_each_step_of_a_firing_is_one_round_trip(wire: relay.Relay, store: tables.Store) -> None:
    row, _ = await store.schedules.create(stored.new())
    await store.grants.create("alice", ["REPORT"])
    counted = []
    for step in (
        store.runs.why_refused(row.id, "REPORT"),
        store.schedules.find(row.id),
        store.runs.begin(stored.run(row.id), None),
        store.executor.execute(stored.execution()),
        store.runs.end(row.id, stored.NOON, executions.RunState.DONE, stored.NOON),
    ):
        before = wire.requests
        await step
        counted.append(wire.requests - before)
    assert counted == [1, 1, 1, 1, 1]


async def test_a_repeated_execution_is_two_round_trips(wire: relay.Relay, store: tables.Store) -> None:
    await store.executor.execute(stored.execution())
    before = wire.requests
    await store.executor.execute(stored.execution())
    assert wire.requests - before == 2


async def test_a_session_that_was_not_used_for_a_while_is_asked_before_it_is_lent(
    wire: relay.Relay, store: tables.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_ASK_AFTER", 0.0)
    before = wire.requests
    await store.executor.find("no such key")
    assert wire.requests - before == 2
