"""Ports of the loopback interface that no other process on this machine gets.

A port that the system assigns is free only at that moment: before the program that will listen on it has started, an
outgoing connection or another server may take it. So ports are chosen below the system's own range, and each is
reserved by a locked file for as long as this process runs.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import random
import socket
import tempfile

_RANGE = range(20_000, 32_768)  # outgoing connections use 32768 and up on Linux, 49152 and up on macOS
_reserved: list[int] = []  # open files, whose locks end with this process


def reserve() -> int:
    """Return a port that nothing listens on and that no other caller gets; raise OSError if none is free."""
    folder = pathlib.Path(tempfile.gettempdir()) / f"reconciler-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(_RANGE, len(_RANGE)):
        if _lock(folder / str(port)) and _is_free(port):
            return port
    raise OSError(f"no free port from {_RANGE.start} to {_RANGE.stop - 1}")


def _lock(path: pathlib.Path) -> bool:
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _reserved.append(file)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Go's servers do
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
