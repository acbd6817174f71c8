"""Workers for the tests: within the test's own process, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import pathlib
import re
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import temporalio.client
import temporalio.common

from reconciler import settings
from reconciler.plan import plans, pollers
from reconciler.platform import ports, repair, users, wiring
from reconciler.platform.postgres import schedules, tables
from reconciler.platform.worker import activities, lifecycle
from reconciler.repospec import loader
from reconciler.schedule import governed
from reconciler.temporal import connect
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import remote

HISTORIES = pathlib.Path(__file__).parents[1] / "histories"
SCHEDULED = temporalio.common.SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
DUE = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 9 1 1 *", entrypoint: alpha, input: {model: large}}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A namespace with a database, and what is asked of them beside the worker."""

    server: connect.Server
    client: temporalio.client.Client
    store: tables.Store
    database_url: str

    @property
    def connection(self) -> settings.Connection:
        """Return the settings of the namespace."""
        return remote.settings_for(self.server.address, self.server.namespace)

    async def declare(self, text: str = SPEC) -> None:
        """Apply a spec's charters."""
        declaration = loader.parse(text, "repo-spec.yaml")
        plan = await read_plan(declaration, self.server.schedules, self.server.target())
        applied = await apply_plan(plan, self.server.schedules, lambda _: None)
        assert {outcome.status for outcome in applied.outcomes} == {plans.Status.DONE}

    async def user_schedule(self, *, cron: str = "0 9 1 1 *") -> uuid.UUID:
        """Make a user's schedule, its row and what Temporal has of it."""
        id_ = uuid.uuid4()
        new = schedules.New(id=id_, owner="alice", cron=cron, timezone="UTC", workflow="report", input={"to": "all"})
        await self.store.schedules.create(new)
        target = self.server.target(users.PREFIXES, await self.store.schedules.owner(), of_users=True)
        await repair.repair_one(id_, self.store.schedules, self.server.schedules, target, keep_manual_pauses=False)
        return id_

    async def trigger(self, schedule_id: str) -> temporalio.client.WorkflowHandle[Any, Any]:
        """Let a schedule fire now, and return the run."""
        handle = self.client.get_schedule_handle(schedule_id)
        await handle.trigger()

        async def has_run() -> bool:
            return bool((await handle.describe()).info.recent_actions)

        await remote.until(has_run)
        started = (await handle.describe()).info.recent_actions[-1].action
        assert isinstance(started, temporalio.client.ScheduleActionExecutionStartWorkflow)
        return self.client.get_workflow_handle(started.workflow_id, run_id=started.first_execution_run_id)

    async def fire(
        self, argument: Mapping[str, Any] | None, name: str = "firing"
    ) -> temporalio.client.WorkflowHandle[Any, Any]:
        """Start what a schedule starts, as if it were due at DUE."""
        attributes = temporalio.common.TypedSearchAttributes([temporalio.common.SearchAttributePair(SCHEDULED, DUE)])
        return await self.client.start_workflow(
            governed.WORKFLOW,
            argument,
            id=f"{name}-{uuid.uuid4()}",
            task_queue=governed.TASK_QUEUE,
            search_attributes=attributes,
        )


@contextlib.asynccontextmanager
async def stage(address: str, namespace: str, database_url: str) -> AsyncIterator[Stage]:
    """Open a namespace and a database."""
    server = await remote.connected(address, namespace)
    client = await temporalio.client.Client.connect(
        address, namespace=namespace, identity="test", runtime=connect.quiet()
    )
    async with tables.opened(settings.Database(url=database_url), size=3) as store:
        yield Stage(server=server, client=client, store=store, database_url=database_url)


@contextlib.asynccontextmanager
async def working(
    stage_: Stage,
    *,
    store: tables.Store | None = None,
    executor: ports.Executor | None = None,
    patience: datetime.timedelta = datetime.timedelta(minutes=5),
    **options: Any,
) -> AsyncIterator[asyncio.Event]:
    """Run a worker in this process; the event that is yielded tells it to drain."""
    kept = store or stage_.store
    steps = activities.Activities(
        runs=kept.runs, rows=kept.schedules, executor=executor or kept.executor, patience=patience
    )
    identity = pollers.identity("worker", (governed.WORKFLOW,))
    client = await wiring.worker_client(stage_.connection, identity, None)
    chosen = settings.Worker(task_queue=governed.TASK_QUEUE, build_id="test-build", **options)
    reported = asyncio.Event()
    parts = lifecycle.Parts(client=client, activities=steps, database=kept.pool.ping)
    works = asyncio.create_task(lifecycle.work(chosen, parts, reported))
    try:
        yield reported
    finally:
        reported.set()
        await works


def _without_traces(value: Any) -> Any:
    """Return JSON without stack traces, which name a machine's folders."""
    if isinstance(value, dict):
        return {key: _without_traces(inner) for key, inner in value.items() if key != "stackTrace"}
    return list(map(_without_traces, value)) if isinstance(value, list) else value


async def record(name: str, handle: temporalio.client.WorkflowHandle[Any, Any]) -> None:
    """Keep a run's history for the replay tests, without this machine's name."""
    history = _without_traces(json.loads((await handle.fetch_history()).to_json()))
    text = json.dumps(history, indent=1).replace(socket.gethostname(), "host")
    text = re.sub(r'"temporal-scheduler-[\w-]+-governance:', '"temporal-scheduler-test-governance:', text)
    HISTORIES.mkdir(exist_ok=True)
    (HISTORIES / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
