"""Temporal's real server for the tests, the demo and the bench, with either of its two schedule backends.

V1, a workflow for each schedule, is what the command line's dev server has; V2 ("CHASM") comes with the server itself.
Run as a program, this provides the server and prints where it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from typing import Literal

from tools import chasm, fetching

START_TIMEOUT = 60.0  # seconds

Backend = Literal["v1", "v2"]


@dataclasses.dataclass(slots=True)
class DevServer:
    """A running server; with a database file its schedules outlive it."""

    command_line: pathlib.Path
    port: int
    ui_port: int | None = None
    database: pathlib.Path | None = None
    namespaces: tuple[str, ...] = ()  # beside `default`
    search_attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)  # name to type, in `default`
    root: pathlib.Path | None = None  # of a V2 server's configuration
    process: subprocess.Popen[bytes] | None = None

    @property
    def backend(self) -> Backend:
        """Return where schedules are kept."""
        return "v2" if self.root else "v1"

    @property
    def address(self) -> str:
        """Return host:port of the frontend."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until the namespaces answer."""
        command = self._newer() if self.root else self._dev()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + START_TIMEOUT
        if self.root:
            self._wait(deadline, "operator", "cluster", "health")
            self._register()
        self._wait(deadline, "schedule", "list")
        if self.namespaces:
            self._wait(deadline, "schedule", "list", "--namespace", self.namespaces[-1])

    def _dev(self) -> list[str]:
        options = ["--ip", "127.0.0.1", "--port", str(self.port), "--log-level", "never"]
        options += ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        if self.database is not None:
            options += ["--db-filename", str(self.database)]
        if self.namespaces:  # each starts a worker of its own for its schedules, ten a second unless told otherwise
            options += ["--dynamic-config-value", "worker.perNamespaceWorkerStartRate=1000"]
        for name, kind in self.search_attributes.items():
            options += ["--search-attribute", f"{name}={kind}"]
        for namespace in self.namespaces:
            options += ["--namespace", namespace]
        return [str(self.command_line), "server", "start-dev", *options]

    def _newer(self) -> list[str]:
        root = self.root or pathlib.Path()
        return [str(fetching.server()), "--root", str(root), "--env", chasm.ENVIRONMENT, "start"]

    def _register(self) -> None:
        """Create what the dev server has by itself or makes of its options."""
        with futures.ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(self._create_namespace, ("default", *self.namespaces)))
        for name, kind in self.search_attributes.items():
            self.cli("operator", "search-attribute", "create", "--name", name, "--type", kind)

    def _create_namespace(self, name: str) -> None:
        self.cli("operator", "namespace", "create", "--namespace", name, "--retention", "1d")

    def _wait(self, deadline: float, *question: str) -> None:
        while self._cli(*question).returncode:
            if self.process is None or self.process.poll() is not None:
                said = self.process.stderr.read().decode() if self.process and self.process.stderr else ""
                raise fetching.MissingProgramError(f"the dev server ended at once: {said}")
            if time.monotonic() > deadline:
                self.kill()
                raise fetching.MissingProgramError(f"the dev server does not answer within {START_TIMEOUT:.0f} s")
            time.sleep(0.05)

    def _cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        options = ("--address", self.address, "--command-timeout", "5s", "--disable-config-file")
        return subprocess.run(
            [self.command_line, *arguments, *options],
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": os.environ.get("HOME", "/"), "PATH": os.environ.get("PATH", "")},
        )

    def cli(self, *arguments: str) -> str:
        """Run Temporal's own command line on this server and return what it prints."""
        done = self._cli(*arguments)
        if done.returncode:
            raise RuntimeError(f"temporal {' '.join(arguments)}: {done.stderr.partition(chr(10))[0]}")
        return done.stdout

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextlib.contextmanager
def running(
    *,
    backend: Backend = "v1",
    ui: bool = False,
    namespaces: Iterable[str] = (),
    search_attributes: Mapping[str, str] | None = None,
) -> Iterator[DevServer]:
    """Run a server in memory on free ports of the loopback interface."""
    with contextlib.ExitStack() as stack:
        port, root = free_port(), None
        if backend == "v2":
            root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            chasm.write(root, port, free_port)
        server = DevServer(
            command_line=fetching.command_line(),
            port=port,
            ui_port=free_port() if ui else None,
            namespaces=tuple(namespaces),
            search_attributes=search_attributes or {},
            root=root,
        )
        stack.callback(server.kill)
        server.start()
        yield server


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _main(backends: list[str]) -> None:
    try:
        sys.stdout.write(f"{fetching.command_line()}\n")
        if "v2" in backends:
            sys.stdout.write(f"{fetching.server()}\n")
    except fetching.MissingProgramError as error:
        sys.exit(f"devserver: {error}")


if __name__ == "__main__":
    _main(sys.argv[1:])
