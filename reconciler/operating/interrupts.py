"""What tells the program to end: Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal

from reconciler import errors

_terminated = False


def listen() -> None:
    """Let SIGTERM end the program as Ctrl-C does, so that an apply still tells how far it came.

    A shell without job control starts what it puts into the background with SIGINT ignored, and SIGTERM would be lost
    with it: so SIGINT counts again.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(*_: object) -> None:
    global _terminated
    _terminated = True
    signal.raise_signal(signal.SIGINT)


def code() -> errors.ExitCode:
    """Return the exit code of a program that was told to end."""
    return errors.ExitCode.TERMINATED if _terminated else errors.ExitCode.INTERRUPTED
