"""The signals and standard streams of a program whose imports have not started yet.

Imports only built-in modules and `os`, which Python imports at startup: until `prepare` is called, Ctrl-C prints a
traceback.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` also imports `enum`, which takes longer than all of this
import os
import sys


def prepare() -> None:
    """Make the exit code and the standard streams reliable before the program is imported.

    Nothing has been done yet, so a signal ends the process at once. A closed stream is replaced with one that cannot be
    written to: otherwise, the next connection would get its descriptor, and libraries would print to that connection.
    """
    _signal.signal(_signal.SIGINT, _leave)
    _signal.signal(_signal.SIGTERM, _leave)
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY)  # the lowest free descriptor, which is `number`
            setattr(sys, name, os.fdopen(opened, "r" if number == 0 else "w", encoding="utf-8"))


def _leave(number: int, _: object) -> None:
    try:
        os.write(2, b"Interrupted.\n")
    finally:
        os._exit(128 + number)  # `errors.ExitCode` has the same codes
