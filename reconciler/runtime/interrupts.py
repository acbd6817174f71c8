"""The signals that end the program: Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal

from reconciler import errors

_terminated = False


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
