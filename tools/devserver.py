"""Temporal's real dev server for the tests, the demo and the bench: find it, fetch it, run it.

It is looked for on PATH, then in the user's cache; what is missing is downloaded by the Temporal SDK, or else built
from source by Go. Run as a program, this prints where it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping

import temporalio.testing

VERSION = "v1.5.1"  # of the Temporal command line; its server is 1.29.1
MODULE = f"github.com/temporalio/cli/cmd/temporal@{VERSION}"
START_TIMEOUT = 60.0  # seconds


class MissingServerError(Exception):
    """There is no dev server, and no way to get one."""


def provide() -> pathlib.Path:
    """Return the path of a `temporal` that can run the dev server, fetching it when need be."""
    found = find()
    if found is not None:
        return found
    return _download() or _build()


def find() -> pathlib.Path | None:
    """Return a `temporal` that is already here."""
    on_path = shutil.which("temporal")
    if on_path:
        return pathlib.Path(on_path)
    return _cached() if _cached().is_file() else None


def _cached() -> pathlib.Path:
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return cache / "reconciler" / f"temporal-cli-{VERSION}" / "temporal"


def _keep(binary: pathlib.Path) -> pathlib.Path:
    """Move a fetched program to its place in the cache, in one step."""
    binary.replace(_cached())
    return _cached()


def _download() -> pathlib.Path | None:
    _tell(f"no temporal on PATH or in {_cached().parent}: downloading {VERSION}")

    async def fetch(folder: str) -> None:
        environment = await temporalio.testing.WorkflowEnvironment.start_local(
            dev_server_download_version=VERSION, download_dest_dir=folder
        )
        await environment.shutdown()

    _cached().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_cached().parent) as folder:
        try:
            asyncio.run(fetch(folder))
        except RuntimeError as error:
            _tell(f"that failed: {error}")
            return None
        return _keep(next(path for path in pathlib.Path(folder).iterdir() if os.access(path, os.X_OK)))


def _build() -> pathlib.Path:
    go = shutil.which("go")
    if go is None:
        raise MissingServerError(
            "the Temporal dev server is neither on PATH nor in the cache, and could not be downloaded; "
            "install Temporal's command line (https://docs.temporal.io/cli), or Go to build it from source"
        )
    _tell(f"building {MODULE} from source with Go; once, 2 to 5 minutes")
    _cached().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_cached().parent) as folder:
        built = subprocess.run(
            [go, "install", "-ldflags=-s -w", MODULE], env={**os.environ, "GOBIN": folder}, check=False
        )
        if built.returncode:
            raise MissingServerError(f"go install {MODULE} failed; its output stands above")
        return _keep(pathlib.Path(folder) / "temporal")


def _tell(text: str) -> None:
    sys.stderr.write(f"devserver: {text}\n")
    sys.stderr.flush()


@dataclasses.dataclass(slots=True)
class DevServer:
    """A running dev server; with a database file its schedules outlive it."""

    binary: pathlib.Path
    port: int
    ui_port: int | None = None
    database: pathlib.Path | None = None
    namespaces: tuple[str, ...] = ()  # beside `default`
    search_attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)  # name to type, in `default`
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return host:port of the frontend."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until the namespace answers."""
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
        self.process = subprocess.Popen(
            [self.binary, "server", "start-dev", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._wait(time.monotonic() + START_TIMEOUT)

    def _wait(self, deadline: float) -> None:
        while self._cli("schedule", "list").returncode:
            if self.process is None or self.process.poll() is not None:
                said = self.process.stderr.read().decode() if self.process and self.process.stderr else ""
                raise MissingServerError(f"the dev server ended at once: {said}")
            if time.monotonic() > deadline:
                self.kill()
                raise MissingServerError(f"the dev server does not answer within {START_TIMEOUT:.0f} s")
            time.sleep(0.05)

    def _cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, *arguments, "--address", self.address, "--command-timeout", "5s", "--disable-config-file"],
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
    *, ui: bool = False, namespaces: Iterable[str] = (), search_attributes: Mapping[str, str] | None = None
) -> Iterator[DevServer]:
    """Run a dev server on free ports of the loopback interface."""
    ui_port = free_port() if ui else None
    server = DevServer(
        binary=provide(),
        port=free_port(),
        ui_port=ui_port,
        namespaces=tuple(namespaces),
        search_attributes=search_attributes or {},
    )
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{provide()}\n")
    except MissingServerError as error:
        sys.exit(f"devserver: {error}")
