"""The signals that end the program: Ctrl-C and SIGTERM."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from reconciler import errors

_terminated = False


def prepare() -> None:
    """Make the exit code and the standard streams reliable before the program is imported.

    Nothing has been done yet, so a signal ends the process at once. A closed stream is replaced with one that cannot be
    written to: otherwise, the next connection would get its descriptor, and libraries would print to that connection.
    """
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY)  # the lowest free descriptor, which is `number`
            setattr(sys, name, os.fdopen(opened, "r" if number == 0 else "w", encoding="utf-8"))


def _leave(number: int, _: object) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(errors.ExitCode.TERMINATED if number == signal.SIGTERM else errors.ExitCode.INTERRUPTED)


def listen() -> None:
    """Make SIGTERM end the program the way Ctrl-C does, so that an apply still reports its outcomes.

    SIGINT is enabled again, because SIGTERM is forwarded as SIGINT, and a shell without job control starts background
    processes with SIGINT ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(*_: object) -> None:
    global _terminated
    _terminated = True
    signal.raise_signal(signal.SIGINT)


def code() -> errors.ExitCode:
    """Return the exit code of an interrupted program."""
    return errors.ExitCode.TERMINATED if _terminated else errors.ExitCode.INTERRUPTED
