"""The servers, the service, and what they need, for the benchmarks of the service."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.postgres import embedded
from tools import devserver

PROGRAM = (sys.executable, "-m", "reconciler")
TOKEN = "bench-0123456789-0123456789-0123456789"  # noqa: S105  # for a service that exists only for this run


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A running process and the port of its HTTP server."""

    port: int
    pid: int


@contextlib.contextmanager
def process(command: Sequence[str], environment: Mapping[str, str], announced: str) -> Iterator[Server]:
    """Run a server that announces its address until the end of the block."""
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for line in process.stdout or ():
            if announced in line:
                yield Server(port=int(line.partition("127.0.0.1:")[2].split()[0]), pid=process.pid)
                return
        raise RuntimeError(f"{command[:4]} did not start")
    finally:
        process.terminate()
        process.wait()


@dataclasses.dataclass(frozen=True, slots=True)
class Servers:
    """A Temporal server and a PostgreSQL database."""

    address: str
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of the programs that use them."""
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "INTERNAL_OPS_TOKEN": TOKEN,
            "TEMPORAL_ADDRESS": self.address,
        }

    def granted(self, subject: str) -> str:
        """Return the token of a new grant for all workflows."""
        command = [*PROGRAM, "grant", "create", subject, "--scope", "*", "--format", "json"]
        created = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        token: str = json.loads(created.stdout)["token"]
        return token

    def serving(self, *options: str, **variables: str) -> contextlib.AbstractContextManager[Server]:
        """Run the service until the end of the block."""
        command = [*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--repair-every", "0s"]
        command += ["--rate-limit", "1000000/minute", *options]
        return process(command, {**self.environment, **variables}, "Listening on")


@contextlib.contextmanager
def servers(backend: devserver.Backend = "v1", namespaces: Iterable[str] = ()) -> Iterator[Servers]:
    """Run both servers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        devserver.running(backend=backend, namespaces=namespaces) as temporal,
        embedded.running(f"embedded:{folder}/postgres", os.environ) as url,
    ):
        yield Servers(temporal.address, url)
