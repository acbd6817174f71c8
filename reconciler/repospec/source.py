"""Read the text of a spec file, up to a size limit."""

from __future__ import annotations

import pathlib

from reconciler import errors, input_files
from reconciler.repospec import dialects

SIZE_LIMIT = 16 * 1024 * 1024  # bytes; `nodes` and `values` limit the memory that they take
BYTE_ORDER_MARK = "\ufeff"


DEFAULTS = tuple(pathlib.Path(dialect.file) for dialect in dialects.ALL)


def default() -> pathlib.Path:
    """Return where the spec is that is not named: the first of the usual places with a file."""
    return next((path for path in DEFAULTS if path.exists()), DEFAULTS[0])


def read(path: pathlib.Path) -> str:
    """Return the file's text without a byte order mark; `errors.InvalidSpecError` if it cannot be read."""
    return whole(path).removeprefix(BYTE_ORDER_MARK)


def whole(path: pathlib.Path) -> str:
    """Return the file's text, including a byte order mark; raises as `read` does."""
    try:
        data = input_files.read(path, SIZE_LIMIT)
    except FileNotFoundError:
        neither = f", nor {DEFAULTS[1]}" if path == DEFAULTS[0] and default() == path else ""
        raise errors.InvalidSpecError(
            f"{path}: no such file{neither}", hint="run where the repository's root is, or name the file with --spec"
        ) from None
    except IsADirectoryError:
        raise errors.InvalidSpecError(f"{path}: is a directory", hint="name the file itself with --spec") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise errors.InvalidSpecError(
            f"{path}: cannot be read: {why}", hint="name a readable file, or - to read standard input"
        ) from error
    if len(data) > SIZE_LIMIT:
        raise errors.InvalidSpecError(f"{path}: is over 16 MiB", hint="name the right file, or declare less")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise errors.InvalidSpecError(f"{path}:{line}:{column}: is not UTF-8", hint="save the file as UTF-8") from error
