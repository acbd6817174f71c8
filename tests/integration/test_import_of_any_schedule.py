"""Schedules that other programs made, imported: the next plan only marks them, and an apply changes nothing else.

RANDOM_SCHEDULES says how many, ORACLE_SEED which.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from reconciler.plan import plans
from reconciler.repospec import importer, loader
from reconciler.schedule import declarations, model, ownership
from reconciler.temporal import pacing
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.oracle import foreign
from tests.support import remote, servers
from tools import devserver

COUNT = int(os.environ.get("RANDOM_SCHEDULES") or 30)
SEED = os.environ.get("ORACLE_SEED") or "steady"
BATCH = 125  # schedules to a test, each on a server of its own: attributes are known in its default namespace only
MARKS = (ownership.OWNER_MARK, f"{ownership.MEMO_PREFIX}remaining_actions")


@pytest.fixture
def server() -> Iterator[devserver.DevServer]:
    attributes = {name: kind.value for name, kind in foreign.ATTRIBUTES.items()}
    with servers.running(search_attributes=attributes) as running:
        yield running


@pytest.mark.parametrize("batch", range(max(COUNT // BATCH, 1)))
async def test_after_an_import_a_plan_marks_and_an_apply_changes_nothing_else(
    server: devserver.DevServer, batch: int
) -> None:
    temporal = await remote.connected(server.address)
    raw = await remote.raw(server.address)
    seeds = [f"{SEED}/{batch}/{number}" for number in range(min(BATCH, COUNT))]
    made = dict(foreign.schedule(seed, number) for number, seed in enumerate(seeds))
    own = dict(zip(made, map(foreign.own, seeds), strict=True))
    slots = asyncio.Semaphore(pacing.WINDOW)

    async def create(schedule_id: str) -> None:
        async with slots:
            await raw.create(schedule_id, made[schedule_id], request_id=schedule_id, own=own[schedule_id])

    await asyncio.gather(*map(create, made))
    before = {schedule_id: await raw.describe(schedule_id) for schedule_id in made}
    assert any(each.memo.fields for each in before.values())
    assert any(each.search_attributes.indexed_fields for each in before.values())

    found = await temporal.schedules.describe_all(made)
    live = [each.schedule for each in found.values()]
    choice = declarations.Choice(owner="acme/app")
    imported = importer.add(None, "spec.yaml", live, choice)
    assert imported.left_out == ()
    assert (
        f"{len(made)} schedules have no owner's mark: the next apply will mark them as acme/app's" in imported.warnings
    )

    declaration = loader.parse(imported.text, "spec.yaml", choice)
    target = temporal.target(declaration.prefixes, declaration.owner)
    planned = await read_plan(declaration, temporal.schedules, target)
    assert {change.id for change in planned.steps} == made.keys()
    assert {each.path for change in planned.steps for each in change.fields} == {"owner"}

    outcomes = (await apply_plan(planned, temporal.schedules, lambda _: None)).outcomes
    assert [(each.change.id, each.detail) for each in outcomes if each.status is not plans.Status.DONE] == []
    again = await read_plan(declaration, temporal.schedules, target)
    assert [(change.id, change.fields) for change in again.steps] == []
    for schedule_id, was in before.items():
        after = await raw.describe(schedule_id)
        assert foreign.without_mark(after.schedule, MARKS) == foreign.without_mark(was.schedule, MARKS), schedule_id
        assert (after.memo, after.search_attributes) == (was.memo, was.search_attributes), schedule_id
    declared = {charter.schedule.id: charter.schedule for charter in declaration.charters}
    for schedule_id, each in found.items():
        readable = {name for name, value in (each.schedule.memo or {}).items() if not isinstance(value, model.Opaque)}
        assert (declared[schedule_id].memo or {}).keys() >= readable, schedule_id
        assert (declared[schedule_id].search_attributes or {}) == each.schedule.search_attributes, schedule_id
