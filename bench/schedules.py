"""Plan and apply beside the bare calls that they cannot do without, on an embedded dev server.

The floor is what the server takes for the same requests, sent by the same SDK with the same concurrency, the answers
thrown away: for a plan one Describe for each charter and one List, for an apply those and then a write and a Describe
for each charter. Every number is the median of several rounds; the ratio is what to look at, as the milliseconds are
the machine's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import temporalio.client
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import RPCError, RPCStatusCode

from reconciler import settings
from reconciler.plan import plans
from reconciler.repospec import loader
from reconciler.schedule import declarations, model
from reconciler.temporal import calls, connect, convert
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tools import devserver

T = TypeVar("T")
SIZES = (4, 1000)
ROUNDS = {4: 9, 1000: 3}
MEASURED = ("plan, nothing to do", "apply, all to create", "apply, all to update")


def declaration(count: int, minute: int = 0) -> declarations.Declaration:
    """Return `count` charters; another minute makes every one of them differ."""
    entries = "".join(
        f"    - {{charter: C{number:04}, cron: '{minute} {number % 24} * * MON-FRI', timezone: Europe/Berlin, "
        f"entrypoint: C{number:04}, input: {{model: small, number: {number}}}}}\n"
        for number in range(count)
    )
    return loader.parse(f"governance:\n  schedules:\n{entries}", "bench.yaml")


@dataclasses.dataclass(frozen=True, slots=True)
class Bare:
    """The calls themselves."""

    client: temporalio.client.Client
    namespace: str

    async def list(self) -> None:
        """Ask for all pages of the listing."""
        token = b""
        while True:
            request = rpc_pb2.ListSchedulesRequest(
                namespace=self.namespace, maximum_page_size=1000, next_page_token=token
            )
            page = await patiently(functools.partial(self._page, request))
            token = page.next_page_token
            if not token:
                return

    async def _page(self, request: rpc_pb2.ListSchedulesRequest) -> rpc_pb2.ListSchedulesResponse:
        return await self.client.workflow_service.list_schedules(request, timeout=calls.PATIENCE)

    async def plan(self, schedules: Iterable[model.Schedule]) -> None:
        """Ask for everything that a plan needs."""
        await asyncio.gather(self.list(), each(self.described, schedules))

    async def described(self, schedule: model.Schedule) -> None:
        """Ask for one schedule; NOT_FOUND is an answer too."""
        request = rpc_pb2.DescribeScheduleRequest(namespace=self.namespace, schedule_id=schedule.id)
        describe = self.client.workflow_service.describe_schedule
        for timeout in (*calls.READ_TIMEOUTS, calls.PATIENCE):  # a lost one is asked again, as the program does it
            try:
                await patiently(functools.partial(describe, request, timeout=timeout))
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    continue
            return
        raise TimeoutError(schedule.id)

    async def create(self, schedule: model.Schedule) -> None:
        """Create one schedule and ask for it."""
        request = rpc_pb2.CreateScheduleRequest(
            namespace=self.namespace, schedule_id=schedule.id, schedule=convert.make(schedule), request_id=schedule.id
        )
        await patiently(lambda: self.client.workflow_service.create_schedule(request, timeout=calls.PATIENCE))
        await self.described(schedule)

    async def update(self, schedule: model.Schedule) -> None:
        """Update one schedule and ask for it."""
        request = rpc_pb2.UpdateScheduleRequest(
            namespace=self.namespace, schedule_id=schedule.id, schedule=convert.make(schedule)
        )
        await patiently(lambda: self.client.workflow_service.update_schedule(request, timeout=calls.PATIENCE))
        await self.described(schedule)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call again while the server refuses for its limits, as anyone has to: the wait is a part of the floor."""
    for wait in itertools.chain((0.1, 0.2, 0.5), itertools.repeat(1.0, 60)):
        try:
            return await call()
        except RPCError as error:
            if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                raise
        await asyncio.sleep(wait)
    return await call()


async def each(work: Callable[[model.Schedule], Awaitable[None]], schedules: Iterable[model.Schedule]) -> None:
    """Do the work for every schedule with the program's concurrency."""
    slots = asyncio.Semaphore(calls.CONCURRENCY)

    async def one(schedule: model.Schedule) -> None:
        async with slots:
            await work(schedule)

    await asyncio.gather(*map(one, schedules))


async def timed(work: Awaitable[object]) -> float:
    """Return how many seconds the work takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


class Rounds:
    """The times of one size, by what was measured."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Keep one measurement."""
        self._seconds.setdefault(name, []).append(seconds)

    def rows(self, count: int, names: Iterable[str]) -> Iterator[str]:
        """Yield a line of the table for each of the measurements, all of which have a floor."""
        for name in names:
            ours, floor = (statistics.median(self._seconds[each]) for each in (name, f"floor: {name}"))
            yield f"| {name} | {count} | {floor * 1000:.0f} ms | {ours * 1000:.0f} ms | {ours / floor:.2f} |"


async def measure(address: str, namespaces: Iterator[str], count: int, rounds: int) -> Rounds:
    """Measure one size; every round has two fresh namespaces, one for the floor and one for us."""
    found = Rounds()
    before, after = declaration(count), declaration(count, minute=30)
    old, new = ([charter.schedule for charter in each.charters] for each in (before, after))
    for _ in range(rounds):
        bare_namespace, our_namespace = next(namespaces), next(namespaces)
        bare = Bare(await temporalio.client.Client.connect(address, namespace=bare_namespace), bare_namespace)
        server = await connect.connect(
            settings.Connection(
                address=address, namespace=our_namespace, disable_config_file=True, disable_config_env=True
            )
        )
        for namespace in (bare, Bare(bare.client, our_namespace)):  # its worker is up before the clock runs
            await namespace.create(dataclasses.replace(old[0], id="warm-up"))
        found.add("floor: apply, all to create", await timed(bare.plan(old)) + await timed(each(bare.create, old)))
        found.add("apply, all to create", await timed(_planned_and_applied(server, before)))
        found.add("floor: plan, nothing to do", await timed(bare.plan(old)))
        found.add("plan, nothing to do", await timed(read_plan(before, server.schedules, server.target())))
        found.add("floor: apply, all to update", await timed(bare.plan(new)) + await timed(each(bare.update, new)))
        found.add("apply, all to update", await timed(_planned_and_applied(server, after)))
    return found


async def _planned_and_applied(server: connect.Server, declared: declarations.Declaration) -> None:
    """Plan and apply, as the command does."""
    plan = await read_plan(declared, server.schedules, server.target())
    outcomes = (await apply_plan(plan, server.schedules, lambda _: None)).outcomes
    undone = [outcome for outcome in outcomes if outcome.status is not plans.Status.DONE]
    if undone or len(outcomes) != len(declared.charters):
        raise RuntimeError(f"the measured apply did not succeed: {undone[:3]}")


def main() -> None:
    """Print the table."""
    names = [f"bench-{number}" for number in range(2 * sum(ROUNDS.values()))]
    sys.stdout.write("| | charters | bare calls | reconciler | ratio |\n|---|---|---|---|---|\n")
    for size in SIZES:
        with devserver.running(namespaces=names) as server:
            found = asyncio.run(measure(server.address, iter(names), size, ROUNDS[size]))
            sys.stdout.write("".join(f"{row}\n" for row in found.rows(size, MEASURED)))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
