"""Read the files that a user names: regular files only, so that nothing waits for a pipe and no device is touched."""

from __future__ import annotations

import errno
import functools
import os
import pathlib
import stat
import sys

STANDARD_INPUT = pathlib.Path("<stdin>")  # this very object: another path of that name is a file
_MOST = 32 * 1024 * 1024  # bytes of standard input, which may have no end
_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def read(path: pathlib.Path, limit: int) -> bytes:
    """Return the file's bytes, one more than the limit at most.

    Raises `OSError`, whose `strerror` is for the user. The null device reads as an empty file. Standard input is read
    once, and has the same bytes every time.
    """
    if path is STANDARD_INPUT:
        return _standard_input()[: limit + 1]
    check(path)
    # without O_NONBLOCK, a pipe that takes the file's place in between would block
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path)
        return file.read(limit + 1)


def exists(path: pathlib.Path) -> bool:
    """Return whether there is something at the path, or it is standard input."""
    return path is STANDARD_INPUT or path.exists()


@functools.cache
def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read(_MOST)


def check(path: pathlib.Path) -> None:
    """Raise `OSError` as `read` does when the path does not lead to a regular file; nothing is opened."""
    _check(path.stat(), path)


def _check(found: os.stat_result, path: pathlib.Path) -> None:
    if stat.S_ISREG(found.st_mode) or _is_null(found):
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def _is_null(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == pathlib.Path(os.devnull).stat().st_rdev
