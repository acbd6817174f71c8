"""What a user reads when the database cannot be used, on a real PostgreSQL; never with the password in it."""

from __future__ import annotations

import datetime
from typing import LiteralString

import pytest
from psycopg import sql

from reconciler import errors, settings
from reconciler.plan import ports
from reconciler.platform.postgres import tables
from reconciler.postgres import audit, database, lock, migrator
from reconciler.schedule import observed
from tests.support import postgres
from tools import ports as tcp_ports

SECRET = "hunter2/@:%"  # noqa: S105  # no password of anything
GRANTS: tuple[LiteralString, ...] = (
    "USAGE ON SCHEMA reconciler",
    "SELECT ON reconciler_migrations",
    "SELECT, INSERT, UPDATE ON applies",
    "SELECT, INSERT ON apply_steps",
    "SELECT, INSERT, UPDATE, DELETE ON readings",
)
ATTEMPT = ports.Attempt(
    command="apply",
    who="alice",
    run="",
    commit="",
    started_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    target=observed.Target(address="temporal:7233", namespace="default"),
    spec_path="spec.yaml",
    environment=None,
    digest="sha256:" + "0" * 64,
)
PARTS = ("hunter2", "unter", "%40", "/@:")


async def pooled(url: str) -> None:
    async with tables.opened(settings.Database(url=url)):
        pass


async def refused(url: str) -> errors.StoreError:
    """Return the error of every way into the database: they say the same."""
    reported = []
    ways = (
        migrator.migrate(settings.Database(url=url)),
        migrator.status(settings.Database(url=url)),
        lock.PostgresLock(url).holder(),
        pooled(url),
    )
    for way in ways:
        with pytest.raises(errors.StoreError) as caught:
            await way
        reported.append((caught.value.message, caught.value.hint))
    with pytest.raises(errors.StoreError) as caught:
        await audit.Audit(url, ()).latest(1)
    messages = (caught.value.message, caught.value.hint)
    assert reported == [messages] * len(ways)
    assert [part for part in PARTS if part in caught.value.message + str(caught.value.args)] == []
    assert "hunter2" not in caught.value.hint
    assert caught.value.__cause__ is None  # the driver's words would show in a traceback
    return caught.value


async def test_a_port_that_nobody_listens_on_is_named() -> None:
    port = tcp_ports.reserve()
    error = await refused(postgres.altered(f"postgresql://127.0.0.1:{port}/app", user="me", password=SECRET))
    assert error.message == f"cannot connect to database app at 127.0.0.1:{port} (nothing is listening there)"
    assert error.hint == "check that PostgreSQL is running there, on that host and port"


async def test_a_host_that_does_not_exist_is_named() -> None:
    error = await refused(postgres.altered("postgresql://nowhere.invalid/app", user="me", password=SECRET))
    assert error.message == "cannot connect to database app at nowhere.invalid (no such host)"


async def test_a_wrong_password_is_told_and_not_shown(database_url: str) -> None:
    with postgres.role(database_url, "LOGIN PASSWORD 'another'") as role:
        error = await refused(postgres.altered(database_url, user=role, password=SECRET))
    assert f'(password authentication failed for user "{role}")' in error.message
    assert error.hint == "check the user and password in the database URL; percent-encode special characters"


async def test_a_role_that_may_not_log_in_is_told(database_url: str) -> None:
    with postgres.role(database_url, "NOLOGIN PASSWORD 'hunter2/@:%'") as role:
        error = await refused(postgres.altered(database_url, user=role, password=SECRET))
    assert f'(role "{role}" is not permitted to log in)' in error.message
    assert error.hint == "check the user in the database URL"


async def test_a_missing_database_is_named(database_server: str) -> None:
    error = await refused(postgres.altered(database_server, database="not_there"))
    assert error.message.startswith("cannot connect to database not_there at ")
    assert error.message.endswith('(database "not_there" does not exist)')
    assert error.hint == "create the database, or check its name in the database URL"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "postgresql+asyncpg://me:hunter2@localhost/app",
        "http://me:hunter2@localhost/app",
        "postgresql://me:hunter2%zz@localhost/app",
        "postgresql://me:hunter2@hunter2@localhost/app",
        "postgresql://me:hunter2/hunter2@localhost/app",
        "postgresql://me:1234/hunter2@localhost/app",
        "postgresql://me:hunter2@localhost/app?nonsense=hunter2",
        "postgresql://me:hunter2@localhost:hunter2/app",
        "postgresql:///me:hunter2",
        "postgresql:///me:hunter2/localhost",
        "postgresql:///me/hunter2",
    ],
)
async def test_a_url_that_cannot_be_read_is_an_error_that_repeats_nothing_of_it(url: str) -> None:
    error = await refused(url)
    assert error.message == "the database URL cannot be parsed"
    assert error.hint.startswith("use the form postgresql://user:password@host:5432/database")


@pytest.mark.parametrize("url", ["postgresql://hunter2.invalid", "postgresql://hunter2.invalid:1/app"])
async def test_a_host_that_may_be_a_password_is_not_repeated(url: str) -> None:
    error = await refused(url)
    assert "at the host in the database URL (no such host)" in error.message


async def test_a_setting_that_libpq_refuses_is_not_repeated() -> None:
    error = await refused("postgresql://me:hunter2@127.0.0.1:1/app?sslmode=hunter2")
    assert error.message == "cannot connect to database app at 127.0.0.1:1 (no TLS connection)"


async def test_a_role_that_may_not_make_tables_is_told_what_it_lacks(database_url: str) -> None:
    with postgres.role(database_url, "LOGIN PASSWORD 'hunter2/@:%'") as role:
        url = postgres.altered(database_url, user=role, password=SECRET)
        with pytest.raises(errors.StoreError, match="failed: permission denied for schema public") as caught:
            await migrator.migrate(settings.Database(url=url, schema="public"))
        assert caught.value.message.startswith("migration 0001_audit of database test_")
        assert caught.value.hint == "grant the role the missing privilege, or connect as the tables' owner"


async def test_a_role_that_may_only_write_the_audit_can_keep_it_once_the_tables_are_there(database_url: str) -> None:
    await migrator.migrate(settings.Database(url=database_url))
    with postgres.role(database_url, "LOGIN PASSWORD 'hunter2/@:%'") as role:
        for grant in GRANTS:
            postgres.execute(database_url, sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), sql.Identifier(role)))
        async with audit.opened(
            settings.Database(url=postgres.altered(database_url, user=role, password=SECRET))
        ) as kept:
            number = await kept.begin(ATTEMPT)
            step = ports.Step(id="governance:a", verb="create", status="done", detail="")
            await kept.end(number, [step], left=observed.Left(managed=1, present=1))
            assert [each.number for each in await kept.latest(1)] == [number]


def test_a_place_is_named_without_the_user_and_the_password() -> None:
    assert database.place("postgresql://me:hunter2@db:5433/app") == "database app at db:5433"
    assert database.place("host=db dbname=app password=hunter2") == "database app at db"
    assert database.place("postgresql:///?user=me") == "the default database at the default host"
