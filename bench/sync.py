"""A sync of many charters through the service compared with the bare Temporal calls, in the same run.

The floor of a sync that creates all schedules is the listing, a Describe for each charter, and a Create and a Describe
for each; of one that has nothing to do, the listing and the Describes. The difference is reading the repo-spec, the
comparison, the lock, and the audit record.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import statistics
import sys
import tempfile

import httpx

from bench import bare, requests, results, service
from bench.repair import timed

SIZE = 1_000  # charters
ROUNDS = 3
CREATE, NOTHING = "sync, all to create", "sync, nothing to do"
_ROUTE = "/api/internal/ops/governance/schedules/sync"


async def measure(address: str, port: int, namespaces: tuple[str, str], text: str) -> dict[str, tuple[float, float]]:
    """Return the seconds of the service and of its floor, by what was measured, in namespaces without schedules."""
    _, bare_namespace = namespaces
    floor = await bare.connected(address, bare_namespace)
    wanted = requests.schedules(text)
    ids = [schedule.id for schedule in wanted]
    for namespace in namespaces:  # its worker is up before the clock starts
        await (await bare.connected(address, namespace)).create(requests.create(wanted[0], namespace))
    headers = {"Authorization": f"Bearer {service.TOKEN}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=600) as client:

        async def synced() -> None:
            (await client.post(_ROUTE)).raise_for_status()

        created = [requests.create(schedule, bare_namespace) for schedule in wanted[1:]]
        seconds = await timed(floor.plan(ids)) + await timed(bare.each(floor.create, created))
        return {
            CREATE: (await timed(synced()), seconds),
            NOTHING: (await timed(synced()), await timed(floor.plan(ids))),
        }


def main(arguments: list[str]) -> None:
    """Measure on the chosen backend, and print the table."""
    parser = argparse.ArgumentParser(prog="bench.sync")
    parser.add_argument("--backend", choices=("v1", "v2"), default="v1")
    parser.add_argument("--size", type=int, default=SIZE)
    chosen = parser.parse_args(arguments)
    title = f"service, {chosen.backend.upper()}"
    columns = (title, "charters", "bare calls", "reconciler", "ratio (median)")
    report = results.Report(f"sync-{chosen.backend}", columns)
    pairs = [(f"ours-{number}", f"bare-{number}") for number in range(ROUNDS)]
    found: dict[str, list[tuple[float, float]]] = {}
    text = requests.spec(chosen.size)
    with (
        tempfile.TemporaryDirectory() as folder,
        service.servers(chosen.backend, [name for pair in pairs for name in pair]) as servers,
    ):
        spec = pathlib.Path(folder, "spec.yaml")
        spec.write_text(text, encoding="utf-8")
        for pair in pairs:
            options = ("--spec", str(spec), "--namespace", pair[0], "--adopt")
            with servers.serving(*options, GOVERNANCE_OWNER="bench") as served:
                measured = asyncio.run(measure(servers.address, served.port, pair, text))
            for name, seconds in measured.items():
                found.setdefault(name, []).append(seconds)
    for name, rounds in found.items():
        ours, floor = (statistics.median(values) for values in zip(*rounds, strict=True))
        ratio = statistics.median(each / bare_seconds for each, bare_seconds in rounds)
        report.add(name, f"{chosen.size:,}", f"{floor:.2f} s", f"{ours:.2f} s", f"{ratio:.2f}")
    report.save()


if __name__ == "__main__":
    main(sys.argv[1:])
