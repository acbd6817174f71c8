"""The service's latency compared with a bare uvicorn application, measured alternately in the same run.

Each caller keeps one connection and sends its next request once it has read the response. The bare application responds
with a constant; the difference is the cost of routing, the access check, and, for the list of schedules, the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import results, service

CALLERS = (1, 10, 50)
REQUESTS = 1000  # per measurement, shared by its callers
BARE = "bare uvicorn"


async def application(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """Respond with a constant; an ASGI application."""
    if scope["type"] != "http":
        return
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"15")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status":"ok"}'})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A request, and who sends it."""

    name: str
    port: int
    path: str
    token: str = ""

    @property
    def request(self) -> bytes:
        """Return the bytes of the request."""
        authorization = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}\r\n".encode()


async def measure(target: Target, callers: int) -> list[float]:
    """Return the durations of all requests in seconds, sorted, without the warm-up requests."""
    times = await asyncio.gather(*(_call(target, REQUESTS // callers) for _ in range(callers)))
    return sorted(seconds for caller in times for seconds in caller)


async def _call(target: Target, count: int) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    times = []
    for number in range(-2, count):
        started = time.perf_counter()
        writer.write(target.request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"{target.name}: {head.decode()}")
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
        if number >= 0:
            times.append(time.perf_counter() - started)
    writer.close()
    await writer.wait_closed()
    return times


def measure_all(targets: Sequence[Target], report: results.Report) -> None:
    """Measure; the ratios are relative to the bare application's p50 and p99."""
    for callers in CALLERS:
        floor = None
        for target in targets:
            times = asyncio.run(measure(target, callers))
            p50, p99 = (times[len(times) * part // 100] for part in (50, 99))
            floor = floor or (p50, p99)
            milliseconds = [f"{seconds * 1000:.1f} ms" for seconds in (p50, p99)]
            report.add(target.name, str(callers), *milliseconds, f"{p50 / floor[0]:.2f}", f"{p99 / floor[1]:.2f}")


@contextlib.contextmanager
def targets(servers: service.Servers) -> Iterator[tuple[Target, ...]]:
    """Run the bare application and the service."""
    token = servers.granted("bench")
    bare = (sys.executable, "-m", "uvicorn", "bench.latency:application", "--port", "0", "--no-access-log")
    with service.process(bare, os.environ, "Uvicorn running on") as floor, servers.serving() as ours:
        yield (
            Target(name=BARE, port=floor.port, path="/"),
            Target(name="GET /healthz", port=ours.port, path="/healthz"),
            Target(name="GET /api/v1/schedules", port=ours.port, path="/api/v1/schedules", token=token),
        )


def main() -> None:
    """Print the table."""
    report = results.Report("latency", ("service, requests", "callers", "p50", "p99", "p50 ratio", "p99 ratio"))
    with service.servers() as servers, targets(servers) as found:
        measure_all(found, report)
    report.save()


if __name__ == "__main__":
    main()
