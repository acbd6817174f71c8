"""The commands with 4 to 10,000 schedules compared with their floors and peers, on both backends, in one run.

    python -m bench.schedules [--backend v1|v2]... [--size N]... [--save]

Every command runs as a process, and so does its floor: for commands that read the server, one listing and one Describe
for each charter; for commands that write, those and then a write and a Describe for each; for commands that read files,
loading them with the C loader and, for the spec, checking it with its schema. Each round uses fresh namespaces and
measures each command and then its floor. The milliseconds depend on the machine; the ratios are what to look at. The
server counts the requests.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

import yaml

from bench import bare, processes, requests, results
from tools import devserver, programs

SIZES = (4, 100, 1_000, 10_000)
ROUNDS = {4: 5, 100: 3, 1_000: 2, 10_000: 1}
LARGEST_SHELL_LOOP = 100  # schedules; with more, a process for each takes minutes
PROGRAM = (sys.executable, "-m", "reconciler")
SCHEMA = pathlib.Path("schemas/repo-spec.schema.json")
NODE_PACKAGES = pathlib.Path("build/node")
_LISTED_WITHIN = 600.0  # seconds after the last write


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that the commands read, for one size."""

    folder: pathlib.Path
    count: int

    def write(self, bare_namespace: str) -> None:
        """Write the specs, the floors' requests, and the input for the TypeScript client."""
        count = self.count
        for name, minute, changed in (("before", 0, 0), ("one", 0, 1), ("after", 30, 0)):
            self.spec(name).write_text(requests.spec(count, minute, changed), encoding="utf-8")
        before, after = (requests.schedules(requests.spec(count, minute)) for minute in (0, 30))
        self._lines("ids", (schedule.id.encode() for schedule in before))
        for namespace in (bare_namespace, f"{bare_namespace}-sync"):
            created = (requests.create(schedule, namespace).SerializeToString() for schedule in before)
            self._lines(f"create-{namespace}", created)
        self._lines("update", (requests.update(schedule, bare_namespace).SerializeToString() for schedule in after))
        self.path("typescript.json").write_text(json.dumps(list(self._simple())))

    def _simple(self) -> Iterator[Mapping[str, object]]:
        for entry in yaml.load(requests.spec(self.count), Loader=yaml.CSafeLoader)["governance"]["schedules"]:
            name = entry["charter"].lower()
            yield {
                "id": f"governance:{name}",
                "cron": entry["cron"],
                "timezone": entry["timezone"],
                "workflow": "GovernanceScheduledRunWorkflow",
                "taskQueue": "governance",
                "input": entry["input"],
            }

    def spec(self, name: str) -> pathlib.Path:
        """Return the path of a spec."""
        return self.path(f"{name}.yaml")

    def path(self, name: str) -> pathlib.Path:
        """Return the path of a file."""
        return self.folder / name

    def _lines(self, name: str, encoded: Iterator[bytes]) -> None:
        bare.write(self.path(name), encoded)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One server and the files for one size; measures in a pair of namespaces."""

    server: devserver.DevServer
    files: Files
    ours: str
    bare: str
    found: results.Table

    def round(self) -> None:
        """Measure every command once."""
        self.files.write(self.bare)
        for namespace in (self.ours, self.bare, f"{self.bare}-sync"):  # its worker is up before the clock starts
            self._warm_up(namespace)
        self._measure("create all", self._apply("before"), self._bare("create", f"create-{self.bare}"))
        self._peers("create all")
        self._listed()
        reading = self._bare("plan", "ids")
        self._measure("plan, nothing to do", self._reads("plan"), reading)
        self._peers("plan, nothing to do")
        self._measure("plan, one change", self._reads("plan", "one"), reading)
        self._measure("status", self._reads("status"), reading)
        snapshot = self.files.path("snapshot.json")
        self._measure("snapshot", (*self._reads("snapshot"), "--out", str(snapshot)), reading)
        empty = self.files.spec("empty")
        empty.write_text("governance:\n  schedules: []\n", encoding="utf-8")
        self._measure("import", self._reads("import", "empty"), reading)
        loading = (sys.executable, "-m", "bench.loading", str(self.files.spec("before")))
        self._measure("validate", self._command("validate"), (*loading, str(SCHEMA)))
        self._measure("next", self._command("next"), (*loading, str(SCHEMA)))
        from_snapshot = (*self._command("plan"), "--live", str(snapshot))
        self._measure("plan from a snapshot", from_snapshot, (*loading[:-1], str(snapshot)))
        self._measure("update all", self._apply("after"), self._bare("update", "update"))

    def _measure(self, name: str, command: tuple[str, ...], floor: tuple[str, ...]) -> None:
        """Measure a command and its floor; count the requests of both in the first round only (it takes seconds)."""
        is_counted = name in self.found.requests
        before = {} if is_counted else self._requests()
        for who, each in ((results.OURS, command), (results.FLOOR, floor)):
            self.found.add(name, who, processes.run(each, self._environment))
        if not is_counted:
            self.found.requests[name] = {who: count - before[who] for who, count in self._requests().items()}

    def _requests(self) -> dict[str, int]:
        """Return how many requests the namespaces of the command and of its floor have received so far."""
        counts = self.server.requests(self.ours, self.bare)
        return {results.OURS: counts[self.ours].total(), results.FLOOR: counts[self.bare].total()}

    def _peers(self, name: str) -> None:
        """Measure other ways to do the same thing."""
        namespace = f"{self.bare}-sync"
        created = str(self.files.path(f"create-{namespace}"))
        python = (sys.executable, "-m", "bench.earlier_sync", self.server.address, namespace, created)
        self.found.add(name, "one by one, Python", processes.run(python, self._environment))
        if (NODE_PACKAGES / "node_modules").exists():
            script = str(NODE_PACKAGES / "earlier_sync.mjs")
            arguments = (self.server.address, f"{self.bare}-node", str(self.files.path("typescript.json")))
            self.found.add(name, "one by one, TypeScript", processes.run(("node", script, *arguments), os.environ))
        if name.startswith("plan") and self.files.count <= LARGEST_SHELL_LOOP:
            self.found.add(name, "shell loop", processes.run(("sh", "-c", self._loop()), os.environ))

    def _loop(self) -> str:
        describe = f"{self.server.command_line} schedule describe --address {self.server.address} -o json"
        ids = " ".join(f"governance:c{number:05}" for number in range(self.files.count))
        return f"for id in {ids}; do {describe} --namespace {self.ours} --schedule-id $id || exit 1; done"

    def _command(self, name: str, spec: str = "before") -> tuple[str, ...]:
        return (*PROGRAM, name, "--spec", str(self.files.spec(spec)))

    def _reads(self, name: str, spec: str = "before") -> tuple[str, ...]:
        return (*self._command(name, spec), "--address", self.server.address, "--namespace", self.ours)

    def _apply(self, spec: str) -> tuple[str, ...]:
        return (*self._reads("apply", spec), "--lock", "none", "--yes")

    def _bare(self, operation: str, file: str) -> tuple[str, ...]:
        program = (sys.executable, "-m", "bench.bare", self.server.address, self.bare)
        return (*program, operation, str(self.files.path(file)))

    @property
    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "GOVERNANCE_OWNER": "bench"}

    def _warm_up(self, namespace: str) -> None:
        schedule = dataclasses.replace(requests.schedules(requests.spec(1))[0], id="warm-up")

        async def created() -> None:
            await (await bare.connected(self.server.address, namespace)).create(requests.create(schedule, namespace))

        asyncio.run(created())
        self.server.cli("schedule", "delete", "--namespace", namespace, "--schedule-id", schedule.id)

    def _listed(self) -> None:
        """Wait until the listings of both namespaces are complete, because they lag behind the writes."""
        deadline = time.monotonic() + _LISTED_WITHIN
        for namespace in (self.ours, self.bare):
            while self._count(namespace) < self.files.count:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the listing of {namespace} is still incomplete")
                time.sleep(0.2)

    def _count(self, namespace: str) -> int:
        counted = self.server.cli("schedule", "list", "--namespace", namespace, "-o", "jsonl")
        return len(counted.splitlines())


def node_packages() -> None:
    """Install the TypeScript client if node and the registry are available; without it, that peer is omitted."""
    NODE_PACKAGES.mkdir(parents=True, exist_ok=True)
    shutil.copy("bench/earlier_sync.mjs", NODE_PACKAGES)
    if shutil.which("npm") is None or (NODE_PACKAGES / "node_modules").exists():
        return
    command = ("npm", "install", "--silent", "--no-save", "--ignore-scripts", "@temporalio/client@1.24.0")
    if subprocess.run(command, cwd=NODE_PACKAGES, check=False).returncode:
        sys.stderr.write("the TypeScript client cannot be installed; that peer is omitted\n")


def measured(backend: devserver.Backend, size: int) -> results.Table:
    """Measure one size on its own server."""
    found = results.Table(backend=backend, size=size)
    names = [f"{kind}-{number}" for number in range(ROUNDS.get(size, 1)) for kind in ("ours", "bare")]
    also = [f"{name}-{kind}" for name in names if name.startswith("bare") for kind in ("sync", "node")]
    with (
        tempfile.TemporaryDirectory() as folder,
        devserver.running(backend=backend, namespaces=[*names, *also]) as server,
    ):
        files = Files(folder=pathlib.Path(folder), count=size)
        for ours, bare_namespace in zip(names[::2], names[1::2], strict=True):
            Bench(server=server, files=files, ours=ours, bare=bare_namespace, found=found).round()
    return found


def main(arguments: list[str]) -> None:
    """Measure what the arguments select, and print a table for each size."""
    parser = argparse.ArgumentParser(prog="bench.schedules")
    parser.add_argument("--backend", action="append", choices=("v1", "v2"))
    parser.add_argument("--size", action="append", type=int)
    parser.add_argument("--save", action="store_true", help="save the results to bench/results")
    chosen = parser.parse_args(arguments)
    node_packages()
    for backend in chosen.backend or ("v1", "v2"):
        for size in chosen.size or SIZES:
            try:
                table = measured(backend, size)
            except programs.MissingProgramError as error:
                sys.exit(f"bench: {error}")
            sys.stdout.write(table.text())
            sys.stdout.flush()
            if chosen.save:
                table.save()


if __name__ == "__main__":
    main(sys.argv[1:])
