"""Repairs of many users' schedules compared with the bare Temporal calls that they cannot do without, in the same run.

The floor of a quick repair with nothing to do is the listing; of a full repair, the listing and a Describe for each
schedule; and of the first repair, which creates all of them, those plus a Create and a Describe for each (measured only
for fewer than `LARGE` schedules). The difference is reading the rows and comparing them. Rows are inserted with SQL,
and all cron expressions differ.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence

from bench import bare, requests, results, service
from reconciler import settings
from reconciler.plan import apply, build, plans
from reconciler.platform import repair, users
from reconciler.platform.postgres import tables
from reconciler.temporal import connect

SIZES = (2_800, 10_000)
ROUNDS = 3
LARGE = 20_000  # with this many schedules or more, they are created by bare calls, and there is one round
_MAKE = """
INSERT INTO schedules (id, owner, cron, timezone, workflow, input)
SELECT gen_random_uuid(), 'bench',
    format('%%s %%s %%s %%s *', i %% 60, i / 60 %% 24, 1 + i / 1440 %% 28, 1 + i / 40320), 'UTC', 'REPORT',
    '{"to": "all"}'
FROM generate_series(0, %s - 1) AS i
"""


class Rounds:
    """The times for one size, by what was measured."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Record one measurement."""
        self._seconds.setdefault(name, []).append(seconds)

    def rows(self, count: int, names: Iterable[str]) -> Iterator[Sequence[str]]:
        """Yield a row of the table for each of the measurements, all of which have a floor."""
        for name in names:
            ours, floor = (statistics.median(self._seconds[each]) for each in (name, f"floor: {name}"))
            yield name, f"{count:,}", f"{floor:.2f} s", f"{ours:.2f} s", f"{ours / floor:.2f}"


async def timed(work: Awaitable[object]) -> float:
    """Return how many seconds the work takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def measure(address: str, url: str, namespaces: tuple[str, str], count: int) -> Iterator[Sequence[str]]:
    """Return the rows of the table for one size."""
    bare_namespace, namespace = namespaces
    floor, ours = await bare.connected(address, bare_namespace), await bare.connected(address, namespace)
    server = await connect.connect(
        settings.Connection(address=address, namespace=namespace, disable_config_file=True, disable_config_env=True)
    )
    found = Rounds()
    async with tables.opened(settings.Database(url=url), size=2) as store:
        async with store.pool.session() as connection:
            await connection.execute(_MAKE, (count,))
            ids = [row["id"] for row in await (await connection.execute("SELECT id FROM schedules")).fetchall()]
        target = server.target(users.PREFIXES, await store.schedules.owner(), of_users=True)
        declared = build.marked(users.declaration(await store.schedules.some(ids), target.owner).declaration)
        wanted = [charter.schedule for charter in declared.charters]

        async def repaired(*, full: bool) -> plans.Plan:
            made = await repair.repair(store.schedules, server.schedules, target, keep_manual_pauses=True, full=full)
            applied = await apply.apply(made.plan, server.schedules, lambda _: None)
            await store.schedules.synced(made.synced(applied.outcomes))
            return made.plan

        is_large = count >= LARGE
        if is_large:
            await bare.each(ours.write, (requests.create(schedule, namespace) for schedule in wanted))
            await repaired(full=True)
        else:
            created = [requests.create(schedule, bare_namespace) for schedule in wanted]
            await floor.create(created[0])  # the namespaces' own workers are up before the clock starts
            await ours.create(requests.create(wanted[0], namespace))
            await server.schedules.delete(wanted[0].id)
            seconds = await timed(floor.plan(schedule.id for schedule in wanted))
            found.add(f"floor: {FIRST}", seconds + await timed(bare.each(floor.create, created[1:])))
            found.add(FIRST, await timed(repaired(full=True)))
        for _ in range(1 if is_large else ROUNDS):
            found.add(f"floor: {FULL}", await timed(ours.plan(schedule.id for schedule in wanted)))
            found.add(FULL, await timed(repaired(full=True)))
            found.add(f"floor: {QUICK}", await timed(ours.list()))
            found.add(QUICK, await timed(repaired(full=False)))
        if (await repaired(full=True)).steps:
            raise RuntimeError("there was something to do")
    await server.close()
    return found.rows(count, (FULL, QUICK) if is_large else (FIRST, FULL, QUICK))


FIRST, FULL, QUICK = "repair, all to create", "full repair, nothing to do", "quick repair, nothing to do"


def main(arguments: list[str]) -> None:
    """Measure what the arguments select, and print the table."""
    parser = argparse.ArgumentParser(prog="bench.repair")
    parser.add_argument("--backend", choices=("v1", "v2"), default="v1")
    parser.add_argument("--size", action="append", type=int)
    chosen = parser.parse_args(arguments)
    title = f"repair, {chosen.backend.upper()}"
    report = results.Report(
        f"repair-{chosen.backend}", (title, "schedules", "bare calls", "reconciler", "ratio (median)")
    )
    for size in chosen.size or SIZES:
        with service.servers(chosen.backend, ("bare", "ours")) as servers:
            for row in asyncio.run(measure(servers.address, servers.database_url, ("bare", "ours"), size)):
                report.add(*row)
        report.save()  # after each size, because a large one takes most of an hour


if __name__ == "__main__":
    main(sys.argv[1:])
