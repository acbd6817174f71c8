"""The program on a pseudo terminal, where it asks."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator

from tests.support import program


class Terminal:
    """A process whose three streams are a pseudo terminal."""

    def __init__(self, run: program.Program, *arguments: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            run.command(*arguments),
            cwd=run.folder,
            env=run.environment(**{"TERM": "xterm", **environment}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until the text shows."""
        while text not in self.seen:
            chunk = os.read(self._master, 4096).decode()
            assert chunk, self.seen
            self.seen += chunk

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, f"{text}\n".encode())

    def end(self) -> int:
        """Read the rest and return the exit code."""
        with contextlib.suppress(OSError):  # a terminal whose other side is closed gives an error, not an end
            while chunk := os.read(self._master, 4096):
                self.seen += chunk.decode()
        os.close(self._master)
        return self.process.wait(timeout=300)


@contextlib.contextmanager
def running(run: program.Program, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run, and leave no process behind when a test fails."""
    found = Terminal(run, *arguments, **environment)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.wait()
