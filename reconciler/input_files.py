"""Read user-specified files: only regular ones, so that no read blocks on a pipe and no device is opened."""

from __future__ import annotations

import errno
import functools
import os
import pathlib
import stat
import sys

STANDARD_INPUT = pathlib.Path("<stdin>")  # compared by identity: any other path with this name is an actual file
_MOST = 32 * 1024 * 1024  # bytes read from standard input, which may be endless
_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def read(path: pathlib.Path, limit: int) -> bytes:
    """Return the file's bytes, up to one byte past the limit.

    Raises `OSError` with a `strerror` that can be shown to the user. The null device is read as an empty file.
    Standard input is read only once; later calls return the same bytes.
    """
    if path is STANDARD_INPUT:
        return _standard_input()[: limit + 1]
    check(path)
    # without O_NONBLOCK, opening a pipe that had just replaced the file would block
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path)
        return file.read(limit + 1)


def exists(path: pathlib.Path) -> bool:
    """Return whether the path exists or is standard input."""
    return path is STANDARD_INPUT or path.exists()


@functools.cache
def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read(_MOST)


def check(path: pathlib.Path) -> None:
    """Raise `OSError` as `read` does unless the path points to a regular file; nothing is opened."""
    _check(path.stat(), path)


def _check(found: os.stat_result, path: pathlib.Path) -> None:
    if stat.S_ISREG(found.st_mode) or _is_null(found):
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a special file")
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def _is_null(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == pathlib.Path(os.devnull).stat().st_rdev
