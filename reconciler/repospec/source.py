"""Read the text of a spec file, up to a size limit."""

from __future__ import annotations

import dataclasses
import pathlib

from reconciler import errors, input_files
from reconciler.repospec import dialects

SIZE_LIMIT = 16 * 1024 * 1024  # bytes; `nodes` and `values` limit their own memory
BYTE_ORDER_MARK = "\ufeff"


DEFAULTS = tuple(pathlib.Path(dialect.file) for dialect in dialects.ALL)


def default() -> pathlib.Path:
    """Return the default path of the spec: the first of the usual paths where a file exists."""
    return next((path for path in DEFAULTS if path.exists()), DEFAULTS[0])


def read(path: pathlib.Path) -> str:
    """Return the file's text without a byte order mark; `errors.InvalidSpecError` if it cannot be read."""
    return whole(path).removeprefix(BYTE_ORDER_MARK)


def read_included(path: pathlib.Path, shown: str) -> str:
    """Return the text of an included file, which messages show as `shown`; raises the same errors as `read`."""
    hint = "correct the file, or the paths under include"
    return _text(path, shown, _Hints(missing=hint, folder=hint, unreadable=hint, large=hint)).removeprefix(
        BYTE_ORDER_MARK
    )


def whole(path: pathlib.Path) -> str:
    """Return the file's text, including a byte order mark; raises the same errors as `read`."""
    return _text(path, str(path), _Hints())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Hints:
    """What to do about a file that cannot be read; by default, one specified on the command line."""

    missing: str = "run from the repository root, or specify the file with --spec"
    folder: str = "specify the file itself with --spec"
    unreadable: str = "specify a readable file, or - to read standard input"
    large: str = "check the path, or shorten the file"


def _text(path: pathlib.Path, shown: str, hints: _Hints) -> str:
    try:
        data = input_files.read(path, SIZE_LIMIT)
    except FileNotFoundError:
        neither = f" ({DEFAULTS[1]} does not exist either)" if path == DEFAULTS[0] and default() == path else ""
        raise errors.InvalidSpecError(f"{shown}: no such file{neither}", hint=hints.missing) from None
    except IsADirectoryError:
        raise errors.InvalidSpecError(f"{shown}: is a directory", hint=hints.folder) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise errors.InvalidSpecError(f"{shown}: cannot be read: {why}", hint=hints.unreadable) from error
    if len(data) > SIZE_LIMIT:
        raise errors.InvalidSpecError(f"{shown}: exceeds 16 MiB", hint=hints.large)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise errors.InvalidSpecError(
            f"{shown}:{line}:{column}: is not UTF-8", hint="save the file as UTF-8"
        ) from error
