"""Many callers at once: no row is lost, and none is made twice."""

from __future__ import annotations

import asyncio
import os
import uuid

import httpx
import pytest

from tests.support import postgres, program, remote, service

MANY = int(os.environ.get("LOAD_CALLS") or 120)
CONNECTIONS = 100


@pytest.fixture
def run(reconciler: program.Program) -> program.Program:
    reconciler.declare("governance: {schedules: []}\n")
    return reconciler


async def created(url: str, token: str, numbers: range, key: str = "") -> list[httpx.Response]:
    """Ask for many schedules over as many connections as allowed; with a key, for one and the same."""
    free = asyncio.Semaphore(CONNECTIONS)
    limits = httpx.Limits(max_connections=CONNECTIONS)
    bearer, timeout = service.bearer(token), service.TIMEOUT
    async with httpx.AsyncClient(base_url=url, headers=bearer, timeout=timeout, limits=limits) as client:

        async def create(number: int) -> httpx.Response:
            wanted = service.wanted(input={"number": 0 if key else number})
            headers = {"Idempotency-Key": key or f"key-{number}"}
            while True:  # the key makes it safe to try again
                try:
                    async with free:
                        answer = await client.post(service.SCHEDULES, json=wanted, headers=headers)
                except httpx.ReadError:  # the service closed the connection as idle when it was about to be used
                    continue
                if answer.status_code != 503:
                    return answer
                assert answer.json()["type"] in ("/problems/busy", "/problems/database-away")
                await asyncio.sleep(int(answer.headers["Retry-After"]))

        return await asyncio.gather(*map(create, numbers))


async def test_creates_over_a_hundred_connections_are_as_many_rows_and_schedules(
    run: program.Program, database_url: str
) -> None:
    with service.running(run, database_url, "--rate-limit", "100000/minute", "--repair-every", "0s") as served:
        token = await asyncio.to_thread(served.token)
        answers = await created(served.url, token, range(MANY))
        assert {answer.status_code for answer in answers} == {201}
        ids = {answer.json()["id"] for answer in answers}
        assert len(ids) == MANY
    rows = postgres.execute(database_url, "SELECT id::text, input->>'number' FROM schedules")
    assert {row[0] for row in rows} == ids
    assert sorted(int(row[1]) for row in rows) == list(range(MANY))
    done = await asyncio.to_thread(run.run, "repair", "--yes", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    server = await remote.connected(run.address, run.namespace)
    assert (await server.schedules.describe_all(ids)).keys() == ids


async def test_a_key_that_is_sent_many_times_at_once_makes_one_schedule(
    run: program.Program, database_url: str
) -> None:
    with service.running(run, database_url) as served:
        token = await asyncio.to_thread(served.token)
        answers = await created(served.url, token, range(20), key=str(uuid.uuid4()))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert postgres.execute(database_url, "SELECT count(*) FROM schedules") == [(1,)]
