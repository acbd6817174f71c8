"""What other callers of the service notice while one row is locked and twelve clients try to change it.

Within the same run, callers list their schedules alternately with nothing else in progress and while another database
session holds another caller's row, which twelve clients keep trying to change.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

import httpx
import psycopg

from bench import latency, results, service

WAITING = 12
CALLERS = 10
ROUNDS = 3


@contextlib.asynccontextmanager
async def locked(url: str, base: str, token: str) -> AsyncIterator[None]:
    """Hold a row while requests to change it wait; they finish once it is free."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
        made = await client.post("/api/v1/schedules", json={"cron": "0 9 1 1 *", "workflow": f"w-{uuid.uuid4()}"})
        made.raise_for_status()
        row, current = made.json()["id"], {"If-Match": made.headers["ETag"]}
        async with await psycopg.AsyncConnection.connect(url) as holder:
            await holder.execute("SELECT 1 FROM reconciler.schedules WHERE id = %s FOR UPDATE", (row,))
            is_free = asyncio.Event()

            async def attempt() -> None:
                """Request a change again and again, like a caller whose requests are refused."""
                while not is_free.is_set():
                    change = {"cron": "0 10 1 1 *"}
                    response = await client.patch(f"/api/v1/schedules/{row}", json=change, headers=current)
                    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE and not is_free.is_set():
                        raise RuntimeError(f"a request to change the locked row returned {response.status_code}")

            waiting = [asyncio.create_task(attempt()) for _ in range(WAITING)]
            yield
            is_free.set()
            await holder.rollback()
        await asyncio.gather(*waiting)


async def measure(url: str, port: int, mine: str, other: str) -> tuple[list[float], list[float]]:
    """Return the durations of all rounds' requests in seconds, sorted, without and with the lock."""
    target = latency.Target(name="GET /api/v1/schedules", port=port, path="/api/v1/schedules", token=mine)
    free: list[float] = []
    held: list[float] = []
    for _ in range(ROUNDS):
        free += await latency.measure(target, CALLERS)
        async with locked(url, f"http://127.0.0.1:{port}", other):
            held += await latency.measure(target, CALLERS)
    return sorted(free), sorted(held)


def main() -> None:
    """Print the table."""
    with service.servers() as servers:
        mine, other = map(servers.granted, ("mine", "other"))
        with servers.serving() as served:
            free, held = asyncio.run(measure(servers.database_url, served.port, mine, other))
    report = results.Report("starvation", (f"service, GET /api/v1/schedules, {CALLERS} callers", "p50", "p99"))
    for name, times in (("nothing else", free), (f"a row locked, {WAITING} clients try to change it", held)):
        report.add(name, *(f"{_part(times, percent) * 1000:.1f} ms" for percent in (50, 99)))
    report.add("ratio", *(f"{_part(held, percent) / _part(free, percent):.2f}" for percent in (50, 99)))
    report.save()


def _part(times: Sequence[float], percent: int) -> float:
    return times[len(times) * percent // 100]


if __name__ == "__main__":
    main()
