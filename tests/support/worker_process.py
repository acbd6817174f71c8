"""A worker as a process of its own, which can be told to end, and killed."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import time
from collections.abc import Iterator

import httpx

from tests.support import program
from tools import ports

PATIENCE = 180  # seconds for whatever it does, on a busy machine


class Process:
    """A worker as its operator runs it, its messages in a file."""

    def __init__(self, process: program.Process, health: str, messages: pathlib.Path) -> None:
        self._process = process
        self._health = health
        self._messages = messages

    @property
    def texts(self) -> str:
        """Return what it said so far."""
        return self._messages.read_text(encoding="utf-8")

    def readiness(self) -> tuple[int, dict[str, str]]:
        """Return its status and what it says about itself; 0 while it does not answer."""
        try:
            answer = httpx.get(f"http://{self._health}/readyz", timeout=30, trust_env=False)
        except httpx.HTTPError:
            return 0, {}
        return answer.status_code, answer.json()

    def until(self, status: int) -> dict[str, str]:
        """Wait until its readiness has a status, and return what it says."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found, texts = self.readiness()
            if found == status:
                return texts
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError(f"the worker is {found} and not {status}: {self.texts}")
            time.sleep(0.1)

    def tell(self, signal_: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(signal_)

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(timeout=PATIENCE)

    def end(self, signal_: signal.Signals) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.tell(signal_)
        return self.wait()


@contextlib.contextmanager
def started(reconciler: program.Program, database_url: str, *arguments: str, **environment: str) -> Iterator[Process]:
    """Run `reconciler worker`, killed in the end if it is still there."""
    health = f"127.0.0.1:{ports.reserve()}"
    messages = reconciler.folder / f"worker-{health.partition(':')[2]}.log"
    with messages.open("wb") as file:
        given = ("--health", health, "--log-format", "json", *arguments)
        process = reconciler.start_into(file, "worker", *given, DATABASE_URL=database_url, **environment)
    worker = Process(process, health, messages)
    try:
        yield worker
    finally:
        process.kill()
        process.wait()
        program.printed.append(worker.texts)
