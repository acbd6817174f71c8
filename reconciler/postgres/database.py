"""Connections to PostgreSQL, and its errors reworded for users; no error raised here contains a password or a URL."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeAlias

import psycopg
from psycopg import conninfo, rows, sql
from psycopg.types.datetime import TimestamptzLoader

from reconciler import errors
from reconciler.credentials import held

Connection: TypeAlias = psycopg.AsyncConnection[rows.DictRow]
Row: TypeAlias = rows.DictRow

PROGRAM = "reconciler"
CONNECT_TIMEOUT = 8  # seconds; a command that cannot connect exits within 10, including its startup
PATIENCE = 20  # seconds for one operation, including connecting
_DEFAULTS = {  # a URL may override them; a lost peer is detected within half a minute
    "connect_timeout": CONNECT_TIMEOUT,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = re.compile(r"(\d+(,\d+)*)?")
AWAY = "check that PostgreSQL is running there, then try again"
_CONNECTING = (  # a phrase in an error from libpq or the server, its meaning, and a hint
    (
        "connection refused",
        "nothing is listening there",
        "check that PostgreSQL is running there, on that host and port",
    ),
    (
        "no such file or directory",
        "nothing is listening there",
        "check that PostgreSQL is running there, on that host and port",
    ),
    ("resolve host", "no such host", "check the host in the database URL"),
    ("translate host", "no such host", "check the host in the database URL"),
    ("timeout", "no response in time", "check the host and port in the database URL, and the network"),
    ("pg_hba.conf", "", "allow this host and user to connect, or try sslmode=require in the database URL"),
    ("password", "no password", "check the user and password in the database URL; percent-encode special characters"),
    ("role", "", "check the user in the database URL"),
    ("does not exist", "", "create the database, or check its name in the database URL"),
    ("permission denied", "", "grant the role CONNECT on the database, or check the database URL"),
    ("too many", "", "wait until other sessions end, or raise the server's limit"),
    ("slots", "", "wait until other sessions end, or raise the server's limit"),
    ("certificate", "no TLS connection", "check sslmode and sslrootcert in the database URL"),
    ("ssl", "no TLS connection", "check sslmode in the database URL"),
)
_TOO_LONG = "54000"  # for an index
_LOCKED = "55P03"
_STATES = {  # an SQLSTATE or its class, and a hint
    "42501": "grant the role the missing privilege, or connect as the tables' owner",
    "25006": "point the database URL at a server that accepts writes",
    _LOCKED: "another session holds a lock: try again",
    "40P01": "another session holds a lock: try again",
    "42P07": "the schema contains another application's table with the same name: see reconciler db status, "
    "then choose a different schema with --database-schema or run reconciler db move",
    "57014": "another session holds a lock, or the server is overloaded: try again",
    "57P": AWAY,
    "08": AWAY,
    "22": "send plain text and plain JSON, without NUL characters, and use shorter keys",
    "53": "check that the server has enough resources, then try again",
}


class _Moments(TimestamptzLoader):
    """Reads a time that Python cannot represent, such as `infinity`, as the earliest or latest time that it can."""

    def load(self, data: bytes | bytearray | memoryview) -> datetime.datetime:
        """Return the time in UTC."""
        try:
            return super().load(data).astimezone(datetime.UTC)
        except (psycopg.DataError, OverflowError):
            is_early = bytes(data).startswith(b"-") or bytes(data).endswith(b"BC")
            return (datetime.datetime.min if is_early else datetime.datetime.max).replace(tzinfo=datetime.UTC)


async def connect(url: str, *, name: str = PROGRAM) -> Connection:
    """Connect and return the session, in autocommit mode; `name` is its application_name.

    Raises `errors.StoreError` for an invalid URL, or if the server cannot be reached or refuses the connection.
    """
    where = place(url)
    try:
        connecting = asyncio.ensure_future(psycopg.AsyncConnection.connect(**parameters(url, name=name)))
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:  # psycopg would leave the session open until it is garbage-collected
            connecting.add_done_callback(_end)
            raise
    except (psycopg.Error, OSError, ValueError) as error:
        raise _connect_error(str(error), where) from None


def _end(connecting: asyncio.Future[Connection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().pgconn.finish()


def parameters(url: str, *, name: str = PROGRAM) -> dict[str, Any]:
    """Return the connection parameters for all of our sessions, including the password."""
    return {
        **_DEFAULTS,
        **_parsed(url),
        "application_name": name,
        "client_encoding": "utf8",
        "autocommit": True,
        "row_factory": rows.dict_row,
        "prepare_threshold": None,  # poolers lose prepared statements
    }


@contextlib.asynccontextmanager
async def opened(url: str, *, path: Iterable[str] = ()) -> AsyncIterator[Connection]:
    """Provide a connection with this search path, or the role's own; every failure is an `errors.StoreError`."""
    connection = await connect(url)
    try:
        connection.adapters.register_loader("timestamptz", _Moments)
        with translated(place(url)):
            if path:
                await connection.execute(search_path(path))
            yield connection
    finally:
        await connection.close()


def search_path(schemas: Iterable[str], *, is_local: bool = False) -> sql.Composed:
    """Return the statement that limits a session, or with `is_local` a transaction, to these schemas.

    It is not sent as a startup option, because poolers reject that or drop it without an error.
    """
    kind = sql.SQL("LOCAL " if is_local else "")
    return sql.SQL("SET {}search_path TO {}").format(kind, sql.SQL(", ").join(map(sql.Identifier, schemas)))


@contextlib.asynccontextmanager
async def answering(what: str, patience: float | None = None) -> AsyncIterator[None]:
    """Raise `errors.StoreError` if the body takes longer than `patience` seconds, by default `PATIENCE`.

    When a query is interrupted, psycopg waits up to 10 seconds for the server to end it, unless interrupted again.
    """
    patience = PATIENCE if patience is None else patience
    again = asyncio.get_running_loop().call_later(patience + _MOMENT, _interrupt, asyncio.current_task())
    try:
        async with asyncio.timeout(patience):
            yield
    except TimeoutError:
        raise errors.StoreError(f"{what} did not respond within {patience:g} s", hint=AWAY) from None
    finally:
        again.cancel()


_MOMENT = 0.1  # seconds


def _interrupt(task: asyncio.Task[object] | None) -> None:
    if task is not None:
        task.cancel()
        task.uncancel()  # so that only the timeout counts as a cancellation


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Convert psycopg's errors to `errors.StoreError`, with a message that starts with `what`."""
    try:
        yield
    except (psycopg.Error, UnicodeEncodeError) as error:
        state, text = _message(error)
        found = [hint for known, hint in _STATES.items() if state.startswith(known)]
        hint = found[0] if found else "see the server's log"
        kind = errors.BusyError if state == _LOCKED else errors.StoreError
        raise kind(f"{what} failed: {text}", hint=hint) from None


def unfit(error: psycopg.Error | UnicodeEncodeError) -> str:
    """Return why no database could store a value; empty if the error has another cause."""
    if isinstance(error, UnicodeEncodeError):
        return "an unpaired surrogate is not valid text"
    if isinstance(error, psycopg.DataError):
        return error.diag.message_primary or str(error)
    return error.diag.message_primary or "" if error.sqlstate == _TOO_LONG else ""


def _message(error: psycopg.Error | UnicodeEncodeError) -> tuple[str, str]:
    """Return an error's SQLSTATE and message; the driver provides neither for a lost connection."""
    text = unfit(error)
    if text:
        return "22", text
    assert isinstance(error, psycopg.Error)  # noqa: S101  # `unfit` always handles the other type
    return error.sqlstate or "08", error.diag.message_primary or "the connection was lost"


def place(url: str) -> str:
    """Return the parts of a URL that may be shown, such as `database app at localhost:5432`."""
    return _place(_parsed(url), url)


def text(value: str) -> str:
    """Return a string that the database can store, without NUL, undecodable file name bytes, or our credentials."""
    return held.scrub(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def moment(value: datetime.datetime | None) -> datetime.datetime | None:
    """Return a time from a row in UTC, regardless of the session's time zone."""
    return None if value is None else value.astimezone(datetime.UTC)


def _place(given: dict[str, Any], url: str) -> str:
    database = f"database {given['dbname']}" if given.get("dbname") else "the default database"
    host = given.get("host") or given.get("hostaddr") or ""
    if not host:
        return f"{database} at the default host"
    if _may_be_a_password(str(host), url):
        return f"{database} at the host in the database URL"
    return f"{database} at {host}" + (f":{given['port']}" if given.get("port") else "")


def _may_be_a_password(host: str, url: str) -> bool:
    """Return whether a host may actually be a password: `postgres://secret` is parsed as a host."""
    return "://" in url and "@" not in url and not host.startswith("/") and host not in _LOOPBACK


def _parsed(url: str) -> dict[str, Any]:
    """Return the parameters in a URL or a libpq `key=value` string, and register the passwords among them.

    An unescaped `@`, `/`, or `:` in a password moves part of it into the host, port, or database, so such a URL is
    rejected before any part of it is shown.
    """
    try:
        given: dict[str, Any] = conninfo.conninfo_to_dict(url)
    except (psycopg.Error, ValueError):  # its message quotes the URL
        given = {}
    moved = "@" in str(given.get("host", ""))[1:] or any(each in str(given.get("dbname", "")) for each in "@:/")
    if not given or moved or not _PORTS.fullmatch(str(given.get("port", ""))):
        raise errors.StoreError(
            "the database URL cannot be parsed",
            hint="use the form postgresql://user:password@host:5432/database; percent-encode special characters, "
            "such as %40 for @",
        )
    if given.get("password") != given.get("user"):
        held.hold(given.get("password"))
    held.hold(given.get("sslpassword"))
    return given


def _connect_error(text: str, where: str) -> errors.StoreError:
    """Return the error for a failed connection; it quotes only the server's own message."""
    _, _, message = text.partition("FATAL:")
    words = message.strip().partition("\n")[0]
    for phrase, meaning, hint in _CONNECTING:
        if phrase in (words or text).lower():
            text = words or meaning or "no connection"
            return errors.StoreError(f"cannot connect to {where} ({text})", hint=hint)
    return errors.StoreError(f"cannot connect to {where} ({words or 'no connection'})", hint=AWAY)
