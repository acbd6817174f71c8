"""Random schedules on the real server: each starts a run; after an apply, and after an import, a plan is empty.

RANDOM_SCHEDULES says how many, ORACLE_SEED which.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest

from reconciler.plan import plans
from reconciler.repospec import importer, loader
from reconciler.schedule import declarations, model, ownership
from reconciler.temporal import connect, pacing
from reconciler.usecases import live
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.oracle import schedules
from tests.support import remote, servers
from tools import devserver

COUNT = int(os.environ.get("RANDOM_SCHEDULES") or 40)
SEED = os.environ.get("ORACLE_SEED") or "steady"
STEP = 1 if "RANDOM_SCHEDULES" in os.environ else 3  # of those that are started, which the server does at 30/second
BATCH = 150  # schedules to a test, each on a server of its own: attributes are known in its default namespace only


@pytest.fixture
def server() -> Iterator[devserver.DevServer]:
    attributes = {name: kind.value for name, kind in schedules.ATTRIBUTES.items()}
    with servers.running(search_attributes=attributes) as running:
        yield running


def declared(found: list[model.Schedule]) -> declarations.Declaration:
    """Return the spec of these schedules, by way of the file that a person would write."""
    imported = importer.add(None, "spec.yaml", found)
    assert imported.left_out == ()
    return loader.parse(imported.text, "spec.yaml")


async def steps(server: connect.Server, declaration: declarations.Declaration) -> list[object]:
    planned = await read_plan(declaration, server.schedules, server.target())
    return [(change.id, change.verb, change.fields) for change in planned.steps]


@pytest.mark.parametrize("batch", range(max(COUNT // BATCH, 1)))
async def test_each_starts_a_run_and_after_an_apply_and_after_an_import_a_plan_is_empty(
    server: devserver.DevServer, batch: int
) -> None:
    temporal = await remote.connected(server.address)
    count = min(BATCH, COUNT)
    wanted = [schedules.schedule(f"{SEED}/{batch}/{number}", f"S{number}") for number in range(count)]
    declaration = declared(wanted)
    planned = await read_plan(declaration, temporal.schedules, temporal.target())
    assert planned.count(plans.Verb.CREATE) == count
    outcomes = (await apply_plan(planned, temporal.schedules, lambda _: None)).outcomes
    assert [(each.change.id, each.detail) for each in outcomes if each.status is not plans.Status.DONE] == []
    assert await steps(temporal, declaration) == []

    async def all_are_listed() -> bool:
        return len(await temporal.schedules.ids()) == count

    await remote.until(all_are_listed)
    listed = await temporal.schedules.ids()
    found = await live.chosen(listed, temporal.schedules, ownership.DEFAULT_PREFIXES, ())
    assert await steps(temporal, declared([each.schedule for each in found.values()])) == []
    await all_start(await remote.raw(server.address), sorted(found)[::STEP])


async def all_start(raw: remote.Raw, ids: list[str]) -> None:
    """Trigger schedules and wait until each has started its run: there is none whose action the server refuses."""
    slots = asyncio.Semaphore(pacing.WINDOW)
    waiting = set(ids)

    async def trigger(schedule_id: str) -> None:
        async with slots:
            await raw.trigger(schedule_id)

    async def look(schedule_id: str) -> None:
        async with slots:
            if (await raw.describe(schedule_id)).info.action_count:
                waiting.remove(schedule_id)

    async def all_have() -> bool:
        await asyncio.gather(*map(look, tuple(waiting)))
        return not waiting

    await asyncio.gather(*map(trigger, ids))
    with contextlib.suppress(TimeoutError):
        await remote.until(all_have, seconds=120)
    assert sorted(waiting) == []
