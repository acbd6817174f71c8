"""Files that a command saves and reads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import tempfile

from reconciler import errors


def save(path: pathlib.Path, text: str) -> None:
    """Write the file whole or not at all; raise `errors.OutputError` when it cannot be written."""
    shown = path
    try:
        if path.exists() and not path.is_file():  # a pipe or /dev/stdout cannot be replaced
            path.write_text(text, encoding="utf-8")
            return
        path = path.resolve()  # through a link, so that the link stays
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = pathlib.Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.OutputError(f"{shown}: cannot be written: {reason}", hint="name another --out") from error


def read(path: pathlib.Path) -> str:
    """Return a text file's content.

    Raises `errors.UsageError` when there is none to read, `errors.DocumentError` when it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise errors.UsageError(f"{path}: cannot be read: {error.strerror}", hint="name another file") from error
    except UnicodeDecodeError as error:
        raise errors.DocumentError(f"{path}: is not UTF-8 text", hint="name another file") from error


def sha256(path: pathlib.Path) -> str:
    """Return the checksum of a file's bytes, in hex; raise `errors.UsageError` when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise errors.UsageError(f"{path}: cannot be read: {error.strerror}", hint="name another file") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
