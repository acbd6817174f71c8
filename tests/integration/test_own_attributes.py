"""The schedule's own memo and search attributes on the real server: applied, read back, and left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from reconciler.plan import plans
from reconciler.repospec import loader
from reconciler.schedule import model
from reconciler.temporal import connect, convert
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import remote, servers
from tools import devserver

SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "0 0 1 1 *"
      entrypoint: ALPHA
      schedule_memo: {team: platform, levels: [1, 2]}
      schedule_search_attributes: {Team: platform, Size: 7}
"""
CHANGED = SPEC.replace("{team: platform, levels: [1, 2]}", "{team: web}").replace(
    "{Team: platform, Size: 7}", "{Team: web}"
)
BARE = "".join(line for line in SPEC.splitlines(keepends=True) if "schedule_" not in line)


@pytest.fixture
def server() -> Iterator[devserver.DevServer]:
    with servers.running(search_attributes={"Team": "Keyword", "Size": "Int"}) as running:
        yield running


async def applied(server: connect.Server, spec: str) -> plans.Plan:
    """Apply a spec, which must succeed, and return the plan after that, which must be empty."""
    declaration = loader.parse(spec, "spec.yaml")
    planned = await read_plan(declaration, server.schedules, server.target())
    outcomes = (await apply_plan(planned, server.schedules, lambda _: None)).outcomes
    assert [(each.status, each.detail) for each in outcomes] == [(plans.Status.DONE, "")] * len(planned.steps)
    again = await read_plan(declaration, server.schedules, server.target())
    assert again.steps == ()
    return again


def texts(schedule: model.Schedule) -> tuple[object, object]:
    attributes = {name: each.value for name, each in (schedule.search_attributes or {}).items()}
    return schedule.memo, attributes


async def test_both_are_created_changed_removed_and_left_alone(server: devserver.DevServer) -> None:
    temporal = await remote.connected(server.address)

    async def now() -> tuple[object, object]:
        live = await temporal.schedules.describe("governance:alpha")
        assert live is not None
        assert live.memo_is_fixed == (server.backend == "v1")
        return texts(live.schedule)

    first = {"team": "platform", "levels": [1, 2]}
    assert (await applied(temporal, SPEC)).changes[0].unchangeable == ()
    assert await now() == (first, {"Team": "platform", "Size": 7})
    fixed = (await applied(temporal, CHANGED)).changes[0].unchangeable
    memo = {"team": "web"} if server.backend == "v2" else first
    assert bool(fixed) == (server.backend == "v1")
    assert await now() == (memo, {"Team": "web"})
    assert (await applied(temporal, BARE)).changes[0].unchangeable == ()
    assert await now() == (memo, {"Team": "web"})
    await applied(temporal, BARE + "      schedule_search_attributes: {}\n")
    assert await now() == (memo, {})


async def test_what_someone_else_changes_is_named_and_mended(server: devserver.DevServer) -> None:
    temporal, raw = await remote.connected(server.address), await remote.raw(server.address)
    await applied(temporal, SPEC)
    live = await temporal.schedules.describe("governance:alpha")
    assert live is not None
    size = model.Attribute(type=model.AttributeType.INT, value=8)
    theirs = dataclasses.replace(live.schedule, memo={"theirs": 1}, search_attributes={"Size": size})
    own = convert.make_own(theirs)
    await raw.update("governance:alpha", (await raw.describe("governance:alpha")).schedule, own)
    declaration = loader.parse(SPEC, "spec.yaml")
    attributes = ["schedule_search_attributes.Size", "schedule_search_attributes.Team"]
    memo = ["schedule_memo.levels", "schedule_memo.team", "schedule_memo.theirs"] if server.backend == "v2" else []

    async def differs() -> bool:
        planned = await read_plan(declaration, temporal.schedules, temporal.target())
        return [field.path for change in planned.steps for field in change.fields] == [*memo, *attributes]

    await remote.until(differs)
    await applied(temporal, SPEC)
