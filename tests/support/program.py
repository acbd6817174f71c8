"""The program as its users run it: a process of its own, in a folder with a spec, against one namespace."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, TypeAlias

from tests.support import prepared

TIMEOUT = 300  # seconds, for one command
SECRET = "hunter"  # noqa: S105  # every key, password and secret input value of the acceptance tests holds this word
SPEC = pathlib.Path(".cogni/repo-spec.yaml")

Process: TypeAlias = subprocess.Popen[str] | prepared.Started

_SLOW = "is responding slowly"  # a warning that any server causes on a busy machine; its own tests read the log

printed: list[str] = []
"""What the commands run so far printed on both streams; a test suite may look through it and empty it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Runs `reconciler` in `folder`; `address` empty leaves the server to the arguments. `variables` are always set."""

    folder: pathlib.Path
    address: str
    namespace: str = "default"
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def declare(self, text: str) -> None:
        """Write the folder's spec."""
        path = self.folder / SPEC
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment that nothing of the developer's own leaks into."""
        ours = ("TEMPORAL_", "GITHUB_", "GOVERNANCE_", "RECONCILER_", "DATABASE_URL", "NO_COLOR")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        given = {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": self.namespace,
            "TEMPORAL_API_KEY": f"sk-{SECRET}2",  # the dev server asks for none and passes over it
            "TEMPORAL_TLS": "false",
            "TEMPORAL_CODEC_AUTH": f"Bearer {SECRET}2",
            "RECONCILER_QUIET": "true",  # on a busy machine, anything may take long enough to show progress
        }
        return {
            **kept,
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "XDG_STATE_HOME": str(self.folder / "state"),
            **given,
            **self.variables,
            **more,
        }

    def command(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "reconciler", *arguments]

    def run(self, *arguments: str, piped: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run to the end, with a text on standard input or none, and return what was printed and the exit code."""
        return run(
            "reconciler", arguments, folder=self.folder, environment=self.environment(**environment), piped=piped
        )

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start and return the process, its output in pipes."""
        return self.start_into(None, *arguments, **environment)

    def start_into(self, into: IO[bytes] | None, *arguments: str, **environment: str) -> Process:
        """Start and return the process, its output in a file."""
        given = self.environment(**environment)
        if _can_be_prepared(given):
            return _prepared().start("reconciler", arguments, folder=self.folder, environment=given, into=into)
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=into or subprocess.PIPE,
            stderr=into or subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


def run(
    module: str,
    arguments: Sequence[str],
    *,
    folder: pathlib.Path,
    environment: Mapping[str, str],
    piped: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a module of the program to its end, in a process that has imported it already where that is the same."""
    if not _can_be_prepared(environment):
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=TIMEOUT,
            input=piped or "",
        )
    else:
        done = _prepared().run(module, arguments, folder=folder, environment=environment, piped=piped, timeout=TIMEOUT)
    done.stderr = "".join(line for line in done.stderr.splitlines(keepends=True) if _SLOW not in line)
    printed.extend((done.stdout, done.stderr))
    return done


def _can_be_prepared(environment: Mapping[str, str]) -> bool:
    changed = {name for name, value in environment.items() if os.environ.get(name) != value}
    return sys.platform == "linux" and not any(name.startswith(prepared.READ_AT_START) for name in changed)


@functools.cache
def _prepared() -> prepared.Prepared:
    return prepared.Prepared()


def rest(process: Process) -> tuple[str, str]:
    """Return what a process prints until its end, on both streams; one that does not end is killed.

    Unlike `communicate`, it keeps what was read ahead while lines were read.
    """
    watchdog = threading.Timer(TIMEOUT, process.kill)
    watchdog.start()
    try:
        out = process.stdout.read() if process.stdout else ""
        err = process.stderr.read() if process.stderr else ""
        process.wait()
    finally:
        watchdog.cancel()
        for stream in filter(None, (process.stdout, process.stderr)):
            stream.close()
    return out, err
