"""A schedule that the server paused, because a run failed, is told apart from one that a person paused."""

from __future__ import annotations

from typing import Any

import temporalio.client
import temporalio.exceptions
import temporalio.worker
import temporalio.workflow

from reconciler import model, reconciling
from reconciler.spec import loading
from tests.support import remote
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
    declaration = loading.parse(SPEC, "spec.yaml")
    planned = await reconciling.plan(declaration, server.schedules, server.target())
    await reconciling.apply(planned, server.schedules, lambda _: None)
    client = await temporalio.client.Client.connect(dev_server.address, namespace=namespace)
    async with temporalio.worker.Worker(client, task_queue="scheduler-tasks", workflows=[Failing]):
        await client.get_schedule_handle("governance:alpha").trigger()

        async def is_paused() -> bool:
            live = await server.schedules.describe("governance:alpha")
            return live is not None and live.schedule.paused

        await remote.until(is_paused, seconds=60)
    (change,) = (await reconciling.plan(declaration, server.schedules, server.target())).changes
    assert (change.verb, change.reason) == (model.Verb.RESUME, model.Reason.PAUSED_ON_FAILURE)
