"""The worker compared with a bare worker that uses the same SDK, measured alternately in the same run.

The bare worker runs a workflow with as many activities as the worker's, none of which does anything: one for a
charter's firing, four for a user's. The difference is the cost of the database and of what the steps decide. Neither
uses the SDK's sandbox for workflows. Each number is the median of several rounds; the ratios are what to look at. The
CPU time is that of this process, which includes the worker and its client but not the servers; on a busy machine, it
varies less than the rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import temporalio.activity
import temporalio.client
import temporalio.common
import temporalio.worker
import temporalio.workflow

from bench import results, service
from reconciler import settings
from reconciler.platform.postgres import schedules, tables
from reconciler.platform.worker import activities, lifecycle
from reconciler.schedule import governed
from reconciler.temporal import connect

FIRINGS = 100  # per round
ROUNDS = 3
CONCURRENCY = 20  # firings that are in progress at a time
BARE_QUEUE = "bare"
CHARTER = governed.argument("governance:bench", None, charter="BENCH", entrypoint="bench", input_={})
SCHEDULED = temporalio.common.SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

Start = Callable[[int], Awaitable[Any]]


@temporalio.activity.defn
async def nothing(value: dict[str, Any]) -> dict[str, Any]:
    """Return the argument."""
    return value


@temporalio.workflow.defn
class Bare:
    """A workflow with `count` activities, one after another."""

    @temporalio.workflow.run
    async def run(self, value: dict[str, Any], count: int) -> dict[str, Any]:
        """Run them."""
        for _ in range(count):
            value = await temporalio.workflow.execute_activity(
                nothing, value, start_to_close_timeout=datetime.timedelta(seconds=30)
            )
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """The measurements of one round."""

    rate: float  # firings per second
    cpu: float  # milliseconds per firing


async def measured(start: Start) -> Round:
    """Run one round on a worker."""
    slots = asyncio.Semaphore(CONCURRENCY)

    async def fire(number: int) -> None:
        async with slots:
            await start(number)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(fire, range(FIRINGS)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return Round(FIRINGS / seconds, cpu / FIRINGS * 1000)


def bare(client: temporalio.client.Client, count: int) -> Start:
    """Return a function that runs the bare workflow."""

    async def start(_: int) -> None:
        id_ = str(uuid.uuid4())
        await client.execute_workflow(Bare.run, args=[dict(CHARTER), count], id=id_, task_queue=BARE_QUEUE)

    return start


def ours(client: temporalio.client.Client, argument: dict[str, Any]) -> Start:
    """Return a function that runs the worker's workflow, each time with a different due time."""
    due = iter(range(10**9))

    async def start(_: int) -> None:
        when = FIRST + datetime.timedelta(seconds=next(due))
        attributes = temporalio.common.TypedSearchAttributes([temporalio.common.SearchAttributePair(SCHEDULED, when)])
        result = await client.execute_workflow(
            governed.WORKFLOW, argument, id=str(uuid.uuid4()), task_queue=governed.TASK_QUEUE,
            search_attributes=attributes, result_type=dict[str, Any],
        )  # fmt: skip
        if result["status"] != "done":
            raise RuntimeError(str(result))

    return start


@contextlib.asynccontextmanager
async def workers(client: temporalio.client.Client, store: tables.Store) -> AsyncIterator[None]:
    """Run the bare worker and the worker, which keeps execution requests in the database."""
    steps = activities.Activities(
        runs=store.runs, rows=store.schedules, executor=store.executor, patience=datetime.timedelta(minutes=5)
    )
    options = settings.Worker(task_queue=governed.TASK_QUEUE, build_id="bench")
    stop = asyncio.Event()
    works = asyncio.create_task(
        lifecycle.work(options, lifecycle.Parts(client=client, activities=steps, database=store.pool.ping), stop)
    )
    async with temporalio.worker.Worker(
        client,
        task_queue=BARE_QUEUE,
        workflows=[Bare],
        activities=[nothing],
        workflow_runner=temporalio.worker.UnsandboxedWorkflowRunner(),
    ):
        try:
            yield
        finally:
            stop.set()
            await works


async def user_schedule(store: tables.Store) -> dict[str, Any]:
    """Create a user's schedule that may run, and return the argument of its workflow."""
    id_ = uuid.uuid4()
    await store.grants.create("bench", ["*"])
    await store.schedules.create(
        schedules.New(id=id_, owner="bench", cron="0 9 1 1 *", timezone="UTC", workflow="bench", input={})
    )
    return governed.argument(str(id_), id_, charter=None, entrypoint="bench", input_={})


async def measure(address: str, database_url: str, report: results.Report) -> None:
    """Run the rounds and fill the table."""
    client = await temporalio.client.Client.connect(address, runtime=connect.quiet())
    async with tables.opened(settings.Database(url=database_url)) as store, workers(client, store):
        starts = {
            "bare worker, 1 activity": bare(client, 1),
            "a charter's firing (1 step)": ours(client, dict(CHARTER)),
            "bare worker, 4 activities": bare(client, 4),
            "a user's firing (4 steps)": ours(client, await user_schedule(store)),
        }
        rounds: dict[str, list[Round]] = {name: [] for name in starts}
        for _ in range(1 + ROUNDS):
            for name, start in starts.items():
                rounds[name].append(await measured(start))
    floor = Round(1, 1)
    for name, each in rounds.items():
        median = Round(*(statistics.median(values) for values in zip(*map(dataclasses.astuple, each[1:]), strict=True)))
        floor = median if name.startswith("bare") else floor
        rate, cpu = f"{median.rate:.0f}", f"{median.cpu:.1f} ms"
        report.add(name, rate, f"{median.rate / floor.rate:.2f}", cpu, f"{median.cpu / floor.cpu:.2f}")


def main() -> None:
    """Start the servers and measure."""
    report = results.Report("worker", ("worker, firings", "per second", "ratio", "CPU of one", "ratio"))
    with service.servers() as servers:
        asyncio.run(measure(servers.address, servers.database_url, report))
    report.save()


if __name__ == "__main__":
    main()
