"""A database that an application uses as well, with tables of the same names as ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from reconciler import settings, wiring
from reconciler.platform.postgres import tables
from tests.support import earlier, postgres, program, service, stored

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 9 1 1 *", entrypoint: ALPHA}
"""
APPLICATION = """
CREATE TABLE public.execution_grants (id text);
CREATE TABLE public.schedules (id text);
CREATE TABLE public.applies (id text);
CREATE VIEW public.installation AS SELECT 'hers'::text AS id;
INSERT INTO public.schedules VALUES ('hers');
"""
OURS = "SELECT tablename::text FROM pg_tables WHERE schemaname = %s ORDER BY 1"
OF_APPLIES = ["applies", "apply_steps", "readings", "reconciler_migrations"]
UNTOUCHED = [("applies",), ("execution_grants",), ("schedules",)]


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


@pytest.fixture
def shared_url(database_url: str) -> str:
    postgres.execute(database_url, APPLICATION)
    return database_url


@pytest.fixture
def limited_url(shared_url: str) -> Iterator[str]:
    """The URL of a role that may create nothing."""
    with postgres.role(shared_url, "LOGIN PASSWORD 'right'") as role:
        yield postgres.altered(shared_url, user=role, password="right")  # noqa: S106


def done(run: program.Program, *arguments: str, **environment: str) -> str:
    """Return what a command that succeeds prints."""
    ended = run.run(*arguments, **environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_an_apply_creates_only_its_own_tables_next_to_an_applications(
    declared: program.Program, shared_url: str
) -> None:
    done(declared, "apply", "--yes", DATABASE_URL=shared_url)
    assert "#1 " in done(declared, "history", DATABASE_URL=shared_url)
    assert [name for (name,) in postgres.execute(shared_url, OURS, "reconciler")] == OF_APPLIES
    assert postgres.execute(shared_url, OURS, "public") == UNTOUCHED
    status = done(declared, "db", "status", DATABASE_URL=shared_url).splitlines()
    assert status[0] == "Schema reconciler"
    assert [line.split()[1] for line in status[1:]] == [
        "applied",
        "applied",
        "pending",
        "pending",
        "pending",
        "applied",
        "applied",
    ]


def test_a_service_works_next_to_an_applications_tables(declared: program.Program, shared_url: str) -> None:
    with (
        service.running(declared, shared_url, "--repair-every", "0s") as served,
        served.user() as user,
        served.ops() as ops,
    ):
        assert ops.post(service.SYNC).json()["created"] == 1
        assert user.post(service.SCHEDULES, json=service.wanted()).json()["synced"]
    done(declared, "repair", "--yes", DATABASE_URL=shared_url)
    assert postgres.execute(shared_url, "SELECT id FROM public.schedules") == [("hers",)]
    assert postgres.execute(shared_url, OURS, "public") == UNTOUCHED


def test_an_applications_table_that_is_called_like_our_records_is_left_alone(
    declared: program.Program, database_url: str
) -> None:
    postgres.execute(database_url, "CREATE TABLE public.reconciler_migrations (id integer)")
    assert "Schema reconciler, which has no tables yet" in done(declared, "db", "status", DATABASE_URL=database_url)
    done(declared, "apply", "--yes", DATABASE_URL=database_url)
    done(declared, "db", "move", DATABASE_URL=database_url)
    assert postgres.execute(database_url, OURS, "public") == [("reconciler_migrations",)]
    assert postgres.execute(database_url, "SELECT * FROM public.reconciler_migrations") == []


def test_the_lock_needs_neither_tables_nor_the_right_to_create_them(
    declared: program.Program, shared_url: str, limited_url: str
) -> None:
    lock = {"DATABASE_URL": limited_url}
    refused = declared.run("apply", "--yes", "--lock", "postgres", **lock)
    assert refused.returncode == 1
    assert "does not allow this role to create schema reconciler" in refused.stderr
    assert "--no-audit" in refused.stderr
    done(declared, "apply", "--yes", "--lock", "postgres", "--no-audit", **lock)
    assert done(declared, "lock", "show", "--lock", "postgres", **lock).startswith("No one holds the lock")
    done(declared, "prune", "--yes", "--lock", "postgres", "--no-audit", **lock)
    assert postgres.execute(shared_url, OURS, "reconciler") == []
    assert postgres.execute(shared_url, OURS, "public") == UNTOUCHED


def test_without_an_audit_the_lock_still_excludes_others(declared: program.Program, database_url: str) -> None:
    with psycopg.connect(database_url, application_name="governance-sync", autocommit=True) as held:
        held.execute("SELECT pg_advisory_lock(hashtext('governance_sync'))")
        assert declared.run("apply", "--yes", "--no-audit", DATABASE_URL=database_url).returncode == 6


def test_tables_of_an_earlier_release_are_used_where_they_are_until_they_are_moved(
    declared: program.Program, database_url: str
) -> None:
    earlier.migrate(database_url)
    given = {"DATABASE_URL": database_url}
    done(declared, "apply", "--yes", **given)
    assert postgres.execute(database_url, "SELECT count(*) FROM public.applies") == [(1,)]
    status = declared.run("db", "status", **given)
    assert status.stdout.startswith("Schema public\n")
    assert "see reconciler db move" in status.stderr
    moved = done(declared, "db", "move", **given)
    assert moved.startswith("Moved from schema public to schema reconciler: applies, apply_steps, ")
    assert postgres.execute(database_url, OURS, "public") == []
    assert done(declared, "db", "move", **given) == "Nothing to move: the tables are in schema reconciler.\n"
    assert done(declared, "db", "status", **given).startswith("Schema reconciler\n")
    done(declared, "apply", "--yes", **given)
    assert done(declared, "history", **given).startswith("#2 ")


def test_an_audit_of_an_earlier_release_that_met_an_applications_tables_can_be_moved(
    declared: program.Program, database_url: str
) -> None:
    earlier.migrate(database_url, last=2)
    postgres.execute(database_url, "CREATE TABLE public.schedules (id text)")
    given = {"DATABASE_URL": database_url}
    done(declared, "apply", "--yes", **given)
    refused = declared.run("grant", "create", "alice", "--scope", "*", **given)
    assert (refused.returncode, 'relation "schedules" already exists' in refused.stderr) == (1, True)
    assert "reconciler db move" in refused.stderr
    done(declared, "db", "move", **given)
    done(declared, "grant", "create", "alice", "--scope", "*", **given)
    assert done(declared, "history", **given).startswith("#1 ")


def test_a_service_goes_on_while_its_tables_are_moved(declared: program.Program, database_url: str) -> None:
    earlier.migrate(database_url)
    with service.running(declared, database_url, "--repair-every", "0s") as served, served.user() as user:
        made = user.post(service.SCHEDULES, json=service.wanted()).json()
        done(declared, "db", "move", DATABASE_URL=database_url)
        at = f"{service.SCHEDULES}/{made['id']}"
        assert user.get(at).json()["id"] == made["id"]
        assert user.delete(at).status_code == 204


async def test_two_schemas_share_nothing(declared: program.Program, database_url: str) -> None:
    first, second = (settings.Database(url=database_url, schema=name) for name in ("one", 'The "second" %s'))
    async with tables.opened(first, size=1) as one, tables.opened(second, size=1) as two:
        row, _ = await one.schedules.create(stored.new())
        assert (await one.schedules.find(row.id), await two.schedules.find(row.id)) == (row, None)
        assert await one.schedules.owner() != await two.schedules.owner()
    await asyncio.to_thread(done, declared, "apply", "--yes", "--database-schema", "one", DATABASE_URL=database_url)
    variable = {"DATABASE_URL": database_url, "RECONCILER_DATABASE_SCHEMA": second.schema}
    assert (await asyncio.to_thread(done, declared, "history", **variable)) == "Nothing has been applied yet.\n"
    variable["RECONCILER_DATABASE_SCHEMA"] = "one"
    assert (await asyncio.to_thread(done, declared, "history", **variable)).startswith("#1 ")


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ("pg_ours", "is reserved by PostgreSQL"),
        ("information_schema", "is reserved by PostgreSQL"),
        ("$user", "means the role's own name in PostgreSQL"),
        ("x" * 64, "is longer than 63 bytes"),
        ("ä" * 32, "is longer than 63 bytes"),
        (" ", "is blank"),
        ("a\tb", "contains a control character"),
    ],
)
def test_a_name_that_no_schema_can_have_is_refused_before_anything_else(
    declared: program.Program, schema: str, fault: str
) -> None:
    refused = declared.run("apply", "--yes", "--database-schema", schema, DATABASE_URL="postgresql://127.0.0.1:1/app")
    assert (refused.returncode, fault in refused.stderr, "--database-schema" in refused.stderr) == (64, True, True)


def test_an_owner_creates_the_schema_and_the_tables_for_a_role_with_few_rights(
    declared: program.Program, database_url: str
) -> None:
    asyncio.run(wiring.migrate(settings.Database(url=database_url), ("audit",)))
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        rights = (
            "USAGE ON SCHEMA reconciler",
            "SELECT ON reconciler_migrations",
            "SELECT, INSERT, UPDATE ON applies",
            "SELECT, INSERT, UPDATE, DELETE ON readings",
            "INSERT, SELECT ON apply_steps",
        )
        for granted in rights:
            statement = sql.SQL(f"GRANT {granted} TO {{}}")
            postgres.execute(database_url, statement.format(sql.Identifier(role)))
        url = postgres.altered(database_url, user=role, password="right")  # noqa: S106
        done(declared, "apply", "--yes", DATABASE_URL=url)
        assert "#1 " in done(declared, "history", DATABASE_URL=url)
