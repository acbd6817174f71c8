"""A real Temporal server for the tests, the demo, and the benchmarks, with either of its two schedule backends.

The Temporal CLI's dev server uses V1, a workflow for each schedule; V2 ("CHASM") requires the standalone server. When
run as a program, this provides the server and prints its path.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import IO, Literal

from tools import chasm, ports, programs

START_TIMEOUT = 240.0  # seconds; on a busy machine, a start takes many times longer than usual
_STARTS = 5  # attempts, if the server exits immediately
_COUNT = re.compile(
    r'^service_requests{namespace="([^"]+)",operation="(\w*Schedules?)",service_name="frontend"} (\d+)', re.MULTILINE
)
_FILES_IN_MEMORY = pathlib.Path("/dev/shm")  # noqa: S108  # in its own directory
_ROOM = 1 << 29  # bytes
_REPORTED_EVERY = 1.2  # seconds, a little more than the server takes between two reports of its metrics

Backend = Literal["v1", "v2"]


class _EndedError(programs.MissingProgramError):
    """The server's process ended before the server responded."""


@dataclasses.dataclass(slots=True)
class DevServer:
    """A running server; with a database file, its schedules survive a restart."""

    command_line: pathlib.Path
    port: int
    metrics_port: int = 0  # known once it has been started
    ui_port: int | None = None
    database: pathlib.Path | None = None
    namespaces: tuple[str, ...] = ()  # in addition to `default`
    search_attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)  # name to type, in `default`
    dynamic: Mapping[str, float] = dataclasses.field(default_factory=dict)  # dynamic configuration
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)  # added to the environment
    root: pathlib.Path | None = None  # of a V2 server's configuration
    process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] | None = None
    _is_known: bool = False  # to clients, so a restart must keep the address

    @property
    def backend(self) -> Backend:
        """Return where schedules are kept."""
        return "v2" if self.root else "v1"

    @property
    def address(self) -> str:
        """Return the frontend's host:port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until the namespaces respond.

        A server that exits during startup is started again, on different ports until its address is known, because
        another process on this machine may have taken one of the ports that it chooses itself.
        """
        for remaining in reversed(range(_STARTS)):
            try:
                self._start()
            except _EndedError:
                self.kill()
                if not remaining:
                    raise
                if not self._is_known:
                    self.port = ports.reserve()
            else:
                self._is_known = True
                return

    def _start(self) -> None:
        self.metrics_port = ports.reserve()
        command = self._newer(self.root) if self.root else self._dev()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # kept; not a pipe, which a server could fill
        environment = {**os.environ, **self.variables}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=self._errors)
        deadline = time.monotonic() + START_TIMEOUT
        if self.root:
            self._wait(deadline, "operator", "cluster", "health")
            self._register()
        self._wait(deadline, "schedule", "list")
        if self.namespaces:
            self._wait(deadline, "schedule", "list", "--namespace", self.namespaces[-1])

    def _dev(self) -> list[str]:
        options = ["--ip", "127.0.0.1", "--port", str(self.port), "--log-level", "never"]
        options += ["--http-port", str(ports.reserve()), "--metrics-port", str(self.metrics_port)]
        options += ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        if self.database is not None:
            options += ["--db-filename", str(self.database)]
        if self.namespaces:  # each starts its own worker for its schedules, ten per second by default
            options += ["--dynamic-config-value", "worker.perNamespaceWorkerStartRate=1000"]
        for name, value in self.dynamic.items():
            options += ["--dynamic-config-value", f"{name}={value}"]
        for name, kind in self.search_attributes.items():
            options += ["--search-attribute", f"{name}={kind}"]
        for namespace in self.namespaces:
            options += ["--namespace", namespace]
        return [str(self.command_line), "server", "start-dev", *options]

    def _newer(self, root: pathlib.Path) -> list[str]:
        has_search_attributes = bool(self.search_attributes)
        chasm.write(
            root,
            self.port,
            self.metrics_port,
            ports.reserve,
            has_search_attributes=has_search_attributes,
            more=self.dynamic,
        )
        return [str(programs.server()), "--root", str(root), "--env", chasm.ENVIRONMENT, "start"]

    def _register(self) -> None:
        """Create what the dev server has by default or creates from its options."""
        with futures.ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(self._create_namespace, ("default", *self.namespaces)))
        for name, kind in self.search_attributes.items():
            self.cli("operator", "search-attribute", "create", "--name", name, "--type", kind)

    def _create_namespace(self, name: str) -> None:
        self.cli("operator", "namespace", "create", "--namespace", name, "--retention", "1d")

    def add_namespace(self, name: str) -> str:
        """Create a namespace, wait until its schedules can be listed, and return its name."""
        self._create_namespace(name)
        self._wait(time.monotonic() + START_TIMEOUT, "schedule", "list", "--namespace", name)
        return name

    def _wait(self, deadline: float, *question: str) -> None:
        while self._cli(*question).returncode:
            if self.process is None or self.process.poll() is not None:
                raise _EndedError(f"the dev server exited during startup: {self._printed()}")
            if time.monotonic() > deadline:
                self.kill()
                raise programs.MissingProgramError(f"the dev server did not respond within {START_TIMEOUT:.0f} s")
            time.sleep(0.05)

    def _printed(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def _cli(self, *arguments: str, timeout: str = "5s") -> subprocess.CompletedProcess[str]:
        options = ("--address", self.address, "--command-timeout", timeout, "--disable-config-file")
        return subprocess.run(
            [self.command_line, *arguments, *options],
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": os.environ.get("HOME", "/"), "PATH": os.environ.get("PATH", "")},
        )

    def cli(self, *arguments: str) -> str:
        """Run the Temporal CLI against this server and return its output."""
        done = self._cli(*arguments, timeout="30s")  # a lost Describe takes the server 5 s
        if done.returncode:
            raise RuntimeError(f"temporal {' '.join(arguments)}: {done.stderr.partition(chr(10))[0]}")
        return done.stdout

    def requests(self, *namespaces: str) -> dict[str, collections.Counter[str]]:
        """Return how many schedule requests the frontend has received in each namespace, by operation.

        The server reports them every second; this waits until two reports agree.
        """
        found, before = self._reported(namespaces), None
        while found != before:
            time.sleep(_REPORTED_EVERY)
            found, before = self._reported(namespaces), found
        return found

    def _reported(self, namespaces: Sequence[str]) -> dict[str, collections.Counter[str]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as response:
            counts = _COUNT.findall(response.read().decode())
        labels = {namespace.replace("-", "_"): namespace for namespace in namespaces}
        found = {namespace: collections.Counter[str]() for namespace in namespaces}
        for label, operation, count in counts:
            if label in labels:
                found[labels[label]][operation] += int(count)
        return found

    def kill(self) -> None:
        """Kill the server immediately, as a power outage would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None


@contextlib.contextmanager
def running(
    *,
    backend: Backend = "v1",
    ui: bool = False,
    namespaces: Iterable[str] = (),
    search_attributes: Mapping[str, str] | None = None,
    dynamic: Mapping[str, float] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[DevServer]:
    """Run an in-memory server on free ports of the loopback interface."""
    with contextlib.ExitStack() as stack:
        root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) if backend == "v2" else None
        has_file = backend == "v1" and _has_room()
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=_FILES_IN_MEMORY)) if has_file else None
        server = DevServer(
            command_line=programs.command_line(),
            port=ports.reserve(),
            ui_port=ports.reserve() if ui else None,
            namespaces=tuple(namespaces),
            search_attributes=search_attributes or {},
            dynamic=dynamic or {},
            variables=variables or {},
            database=pathlib.Path(folder, "temporal.db") if folder else None,
            root=root,
        )
        stack.callback(server.kill)
        server.start()
        yield server


def _has_room() -> bool:
    """Return whether a file in memory can hold the database.

    A database in the server's own memory is lost, with all namespaces, if its only connection breaks, as happens on a
    busy machine.
    """
    return _FILES_IN_MEMORY.is_dir() and shutil.disk_usage(_FILES_IN_MEMORY).free >= _ROOM


def _main(backends: list[str]) -> None:
    try:
        sys.stdout.write(f"{programs.command_line()}\n")
        if "v2" in backends:
            sys.stdout.write(f"{programs.server()}\n")
    except programs.MissingProgramError as error:
        sys.exit(f"devserver: {error}")


if __name__ == "__main__":
    _main(sys.argv[1:])
