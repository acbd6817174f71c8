"""Many different calls at once for the same few schedules, at two services that share a database."""

from __future__ import annotations

import asyncio
import collections
import os
import random

import httpx
import pytest

from tests.support import program, remote, service

CALLS = 32
RACES = int(os.environ.get("RACES") or 1)
SCHEDULES = 4
EXPECTED = {  # of each call; a schedule may have been deleted, and another call may hold its row or its one run
    "pause": {200, 404, 409},
    "resume": {200, 404, 409},
    "patch": {200, 404, 409},
    "run": {202, 404, 409},
    "delete": {204, 404, 409},
}


@pytest.mark.parametrize("seed", range(RACES))
async def test_calls_of_every_kind_at_once_leave_rows_and_schedules_equal(
    reconciler: program.Program, database_url: str, seed: int
) -> None:
    reconciler.declare("governance: {schedules: []}\n")
    quiet = ("--repair-every", "0s", "--rate-limit", "100000/minute")
    with (
        service.running(reconciler, database_url, *quiet) as first,
        service.running(reconciler, database_url, *quiet) as second,
    ):
        token = await asyncio.to_thread(first.token)
        async with (
            httpx.AsyncClient(base_url=first.url, headers=service.bearer(token), timeout=service.TIMEOUT) as one,
            httpx.AsyncClient(base_url=second.url, headers=service.bearer(token), timeout=service.TIMEOUT) as other,
        ):
            made = [(await one.post(service.SCHEDULES, json=service.wanted())).json()["id"] for _ in range(SCHEDULES)]
            choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
            kinds = [choose.choice(("pause", "resume", "patch", "run", "run")) for _ in range(CALLS - 1)] + ["delete"]
            choose.shuffle(kinds)
            clients = [choose.choice((one, other)) for _ in kinds]
            answers = await asyncio.gather(
                *(call(client, kind, choose.choice(made)) for client, kind in zip(clients, kinds, strict=True))
            )
            found = collections.defaultdict(set)
            for kind, answer in zip(kinds, answers, strict=True):
                found[kind].add(answer.status_code)
            assert {kind: codes - EXPECTED[kind] for kind, codes in found.items() if codes - EXPECTED[kind]} == {}, [
                answer.text for answer in answers if answer.status_code >= 500
            ]
            await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
            await equal(one, made, reconciler)


async def call(client: httpx.AsyncClient, kind: str, schedule_id: str) -> httpx.Response:
    path = f"{service.SCHEDULES}/{schedule_id}"
    match kind:
        case "patch":
            return await client.patch(path, json={"cron": "0 4 1 1 *"}, headers={"If-Match": "*"})
        case "delete":
            return await client.delete(path)
        case _:
            return await client.post(f"{path}/{kind}")


async def equal(client: httpx.AsyncClient, made: list[str], run: program.Program) -> None:
    """Assert that Temporal has what the rows say."""
    raw = await remote.raw(run.address, run.namespace)
    for schedule_id in made:
        row = await client.get(f"{service.SCHEDULES}/{schedule_id}")
        if row.status_code == httpx.codes.NOT_FOUND:
            with pytest.raises(Exception, match=r"(?i)not found|no rows"):
                await raw.describe(schedule_id)
            continue
        state = (await raw.describe(schedule_id)).schedule
        assert row.json()["synced"]
        assert state.state.paused == (not row.json()["enabled"])
