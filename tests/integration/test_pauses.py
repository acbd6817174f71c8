"""Who paused a schedule: the server because a run failed, a person, or we because the spec said so."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import temporalio.client
import temporalio.exceptions
import temporalio.worker
import temporalio.workflow

from reconciler.plan import plans
from reconciler.repospec import loader
from reconciler.temporal import connect
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
      workflow: Failing
      pause_on_failure: true
"""


@temporalio.workflow.defn(sandboxed=False)
class Failing:
    """Fails at once."""

    @temporalio.workflow.run
    async def run(self, _: dict[str, Any]) -> None:
        raise temporalio.exceptions.ApplicationError("as it should", non_retryable=True)


async def test_a_pause_after_a_failed_run_is_told_as_such(dev_server: devserver.DevServer, namespace: str) -> None:
    server = await remote.connected(dev_server.address, namespace)
    declaration = loader.parse(SPEC, "spec.yaml")
    planned = await read_plan(declaration, server.schedules, server.target())
    await apply_plan(planned, server.schedules, lambda _: None)
    client = await temporalio.client.Client.connect(dev_server.address, namespace=namespace)
    async with temporalio.worker.Worker(client, task_queue="scheduler-tasks", workflows=[Failing]):
        await client.get_schedule_handle("governance:alpha").trigger()

        async def is_paused() -> bool:
            live = await server.schedules.describe("governance:alpha")
            return live is not None and live.schedule.paused

        await remote.until(is_paused, seconds=60)
    (change,) = (await read_plan(declaration, server.schedules, server.target())).changes
    assert (change.verb, change.reason) == (plans.Verb.RESUME, plans.Reason.PAUSED_ON_FAILURE)


NOTED = """\
governance:
  manual_pauses: keep
  schedules:
    - {charter: ALPHA, cron: "0 0 1 1 *", entrypoint: ALPHA, note: see the runbook}
    - {charter: BETA, cron: "0 0 1 1 *", entrypoint: BETA, note: see the runbook}
"""
PAUSED = NOTED.replace("}", ", paused: true}")


async def _planned(server: connect.Server, spec: str) -> plans.Plan:
    return await read_plan(loader.parse(spec, "spec.yaml"), server.schedules, server.target())


async def _apply(server: connect.Server, spec: str) -> None:
    applied = await apply_plan(await _planned(server, spec), server.schedules, lambda _: None)
    assert {each.status for each in applied.outcomes} == {plans.Status.DONE}


async def test_a_persons_update_that_pauses_and_keeps_the_charters_note_is_a_manual_pause(
    dev_server: devserver.DevServer, namespace: str
) -> None:
    server = await remote.connected(dev_server.address, namespace)
    await _apply(server, NOTED)
    client = await temporalio.client.Client.connect(dev_server.address, namespace=namespace)

    def pause(seen: temporalio.client.ScheduleUpdateInput) -> temporalio.client.ScheduleUpdate:
        seen.description.schedule.state.paused = True
        return temporalio.client.ScheduleUpdate(schedule=seen.description.schedule)

    await client.get_schedule_handle("governance:alpha").update(pause)
    plan = await _planned(server, NOTED)
    assert plan.steps == ()
    assert {each.id: each.reason for each in plan.changes} == {
        "governance:alpha": plans.Reason.MANUAL_PAUSE,
        "governance:beta": plans.Reason.SAME,
    }


@pytest.mark.parametrize("created", [True, False], ids=["created so", "paused later"])
async def test_our_own_pause_under_a_charters_note_is_ended_where_the_server_names_us(
    dev_server: devserver.DevServer, namespace: str, created: bool
) -> None:
    """V2 does not tell who paused: in doubt it is a person's, and stays."""
    ours = dataclasses.replace(remote.settings_for(dev_server.address, namespace), identity=None)
    server = await connect.connect(ours)
    if not created:
        await _apply(server, NOTED)
    await _apply(server, PAUSED)
    plan = await _planned(server, NOTED)
    named = servers.backend() == "v1"
    expected = plans.Reason.UNDECLARED_PAUSED if named else plans.Reason.MANUAL_PAUSE
    assert {each.reason for each in plan.changes} == {expected}
    assert len(plan.steps) == (2 if named else 0)
