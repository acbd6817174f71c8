"""Files that a command saves and reads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import stat
import tempfile
from collections.abc import Iterator, Mapping

from reconciler import errors, input_files

LIMIT = 64 * 1024 * 1024  # bytes in a plan or a snapshot; enough for about ten thousand schedules


def save(path: pathlib.Path, text: str, *, hint: str = "choose a different path for --out") -> None:
    """Replace the file atomically, without translating line endings; an existing file keeps its mode and owner.

    Raises `errors.OutputError` with the hint if it cannot be written or is read-only.
    """
    shown = path
    try:
        if path.exists() and not path.is_file():  # a pipe or /dev/stdout cannot be replaced
            _write_through(path, text)
            return
        path = path.resolve()  # follow a symlink, so that the link itself is kept
        before = path.stat() if path.exists() else None
        if before and not before.st_mode & _WRITABLE:
            raise PermissionError(errno.EACCES, "it is read-only")
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        temporary = pathlib.Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if before:
                with contextlib.suppress(OSError):  # only root may change the owner
                    os.chown(temporary, before.st_uid, before.st_gid)
            temporary.chmod(stat.S_IMODE(before.st_mode) if before else 0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
    except (OSError, RuntimeError) as error:  # a symlink loop is a RuntimeError before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.OutputError(f"{shown}: cannot be written: {reason}", hint=hint) from error


_WRITABLE = 0o222


def _write_through(path: pathlib.Path, text: str) -> None:
    """Write to a pipe or a device; raise `OSError` for a pipe without a reader instead of blocking."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(error.errno, "no program is reading from it") from None
        raise
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """Hold an exclusive lock on the file, even if it is replaced; a killed process releases it.

    Raises `errors.OutputError` if the file cannot be locked.
    """
    try:
        descriptor = _locked(path)
    except OSError as error:
        raise errors.OutputError(
            f"{path}: cannot be locked: {error.strerror}", hint="use a local file system"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(path: pathlib.Path) -> int:
    """Return a descriptor that holds the lock on the file that currently has this name."""
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was replaced while this process waited


def read(path: pathlib.Path) -> str:
    """Return a text file's contents.

    Raises `errors.UsageError` if it cannot be read, or `errors.DocumentError` if it is not text or is too large.
    """
    try:
        return _content(path).decode("utf-8")
    except OSError as error:
        raise errors.UsageError(f"{path}: cannot be read: {error.strerror}", hint="use another file") from error
    except UnicodeDecodeError as error:
        raise errors.DocumentError(f"{path} is not UTF-8 text", hint="use another file") from error


def sha256(
    path: pathlib.Path, more: Mapping[str, pathlib.Path] | None = None, *, hint: str = "use another file"
) -> str:
    """Return the hex checksum of a file's bytes, or of its bytes and those of more files, with their names.

    Raises `errors.UsageError` with the hint if a file cannot be read, or `errors.DocumentError` if it is too large.
    """
    try:
        checksum = hashlib.sha256(_content(path)).hexdigest()
        if not more:
            return checksum
        whole = [checksum, *((name, hashlib.sha256(_content(file)).hexdigest()) for name, file in more.items())]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
    except OSError as error:
        raise errors.UsageError(f"{path}: cannot be read: {error.strerror}", hint=hint) from error


def changed(path: pathlib.Path, more: Mapping[str, pathlib.Path], before: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files whose checksums differ from those in `before`, which `checksums` returned.

    Added and removed files are included, unless the file at `path` itself changed and may now include other files.
    """
    now = _checksums({path.name: path, **more})
    names = {name for name in (*before, *now) if before.get(name) != now.get(name)}
    if path.name in names:
        names = {name for name in names if name == path.name or (name in before and name in now)}
    return tuple(str(path.parent / name) for name in sorted(names))


def checksums(path: pathlib.Path, more: Mapping[str, pathlib.Path]) -> dict[str, str]:
    """Return the checksums of a file and any additional files, by path relative to the first file's directory.

    The result is empty if `more` is empty. Raises the same errors as `sha256`.
    """
    return _checksums({path.name: path, **more}) if more else {}


def _checksums(paths: Mapping[str, pathlib.Path]) -> dict[str, str]:
    return {name: sha256(path) for name, path in paths.items()}


def _content(path: pathlib.Path) -> bytes:
    """Return the file's bytes; a file over the limit is never read in full."""
    data = input_files.read(path, LIMIT)
    if len(data) > LIMIT:
        raise errors.DocumentError(f"{path}: is over {LIMIT // 1024**2} MiB", hint="use another file")
    return data


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
