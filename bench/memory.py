"""The memory of the service and of the worker while callers create, change, read, and delete schedules, which run.

A process whose memory is flat has a ratio near 1: that of its resident set at the end of a minute to the one at the
end of the first. The firings are started directly, as a schedule starts them, so that there are many per minute.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx
import temporalio.client

from bench import results, service, worker
from reconciler import settings
from reconciler.platform.postgres import tables
from reconciler.temporal import connect
from tools import ports

MINUTES = 10
CALLERS = 4
FIRING = 4  # firings that are in progress at a time
_SCHEDULES = "/api/v1/schedules"


class Load:
    """Callers and firings that go on until they are stopped, and how many there were."""

    def __init__(self) -> None:
        self.requests = 0
        self.firings = 0

    async def call(self, client: httpx.AsyncClient, number: int) -> None:
        """Create a schedule, read all, change it, and delete it."""
        wanted = {"cron": "0 9 1 1 *", "workflow": f"bench-{number}"}
        created = (await client.post(_SCHEDULES, json=wanted)).raise_for_status()
        path, current = f"{_SCHEDULES}/{created.json()['id']}", {"If-Match": created.headers["ETag"]}
        for request in (
            client.build_request("GET", _SCHEDULES),
            client.build_request("PATCH", path, json={"cron": "0 10 1 1 *"}, headers=current),
            client.build_request("DELETE", path),
        ):
            (await client.send(request)).raise_for_status()
        self.requests += 4

    async def fire(self, start: worker.Start) -> None:
        """Run one firing to its end."""
        await start(self.firings)
        self.firings += 1


@contextlib.asynccontextmanager
async def repeated(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do each of these again and again until the end of the block; an error in one is raised there."""
    is_over = asyncio.Event()

    async def again(work: Callable[[], Awaitable[None]]) -> None:
        while not is_over.is_set():
            await work()

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(again(work))
        yield
        is_over.set()


def resident(pid: int) -> int:
    """Return the resident set of a process, in bytes."""
    printed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(printed.stdout) * 1024


async def measure(address: str, url: str, pids: Mapping[str, int], port: int, minutes: int) -> None:
    """Print a row for each minute."""
    columns = ("memory, after", *(column for name in pids for column in (name, "ratio")), "requests", "firings")
    report = results.Report("memory", columns)
    client = await temporalio.client.Client.connect(address, runtime=connect.quiet())
    async with tables.opened(settings.Database(url=url), size=2) as store:
        argument = await worker.user_schedule(store)
        _, token = await store.grants.create("callers", ["*"])
    load = Load()
    start = worker.ours(client, argument)
    first: dict[str, int] = {}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as caller:

        def calling(number: int) -> Callable[[], Awaitable[None]]:
            return lambda: load.call(caller, number)

        async with repeated(*map(calling, range(CALLERS)), *[lambda: load.fire(start)] * FIRING):
            started = time.monotonic()
            for minute in range(1, minutes + 1):
                await asyncio.sleep(started + 60 * minute - time.monotonic())
                cells = []
                for name, pid in pids.items():
                    size = resident(pid)
                    cells += [f"{size / 1e6:.0f} MB", f"{size / first.setdefault(name, size):.2f}"]
                report.add(f"{minute} min", *cells, f"{load.requests:,}", f"{load.firings:,}")
    report.save()


def main(arguments: list[str]) -> None:
    """Start the servers, the service, and the worker, and measure."""
    parser = argparse.ArgumentParser(prog="bench.memory")
    parser.add_argument("--minutes", type=int, default=MINUTES)
    minutes = parser.parse_args(arguments).minutes
    with service.servers() as servers, tempfile.TemporaryFile() as messages, servers.serving() as served:
        works = (*service.PROGRAM, "worker", "--health", f"127.0.0.1:{ports.reserve()}")
        process = subprocess.Popen(works, env=servers.environment, stdout=messages, stderr=messages)
        try:
            pids = {"service": served.pid, "worker": process.pid}
            asyncio.run(measure(servers.address, servers.database_url, pids, served.port, minutes))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
