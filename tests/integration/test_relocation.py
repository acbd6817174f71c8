"""Moving the tables of an earlier release into the schema of their own, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime
import sys
import uuid
from typing import Any

import psycopg
import pytest
from psycopg import sql

from reconciler import errors, settings
from reconciler.plan import ports
from reconciler.platform.postgres import tables
from reconciler.postgres import audit, migrator, relocation
from reconciler.schedule import observed
from tests.support import earlier, postgres, remote, stored

OBJECTS = """
SELECT class.relname::text, class.relkind::text FROM pg_class AS class
WHERE relnamespace = %(schema)s::regnamespace
UNION SELECT proname, 'function' FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
UNION SELECT typname, 'type' FROM pg_type WHERE typnamespace = %(schema)s::regnamespace
UNION SELECT conname, 'constraint' FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
ORDER BY 1, 2
"""
COLUMNS = """
SELECT table_name::text, column_name::text, ordinal_position, data_type::text, column_default, is_nullable::text
FROM information_schema.columns WHERE table_schema = %(schema)s ORDER BY 1, 3
"""
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
MOVES = """
import asyncio, sys
from reconciler import settings
from reconciler.postgres import relocation

print(len(asyncio.run(relocation.move(settings.Database(url=sys.argv[1]))).names), flush=True)
"""
CREATED = {
    *("applies", "apply_steps", "installation", "execution_grants", "schedules", "schedule_runs"),
    *("execution_requests", "readings", "reconciler_migrations"),
}


def content(url: str, query: Any, schema: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, {"schema": schema}).fetchall()


def chosen(url: str, schema: str = "reconciler") -> settings.Database:
    return settings.Database(url=url, schema=schema)


async def test_what_is_moved_equals_what_a_new_database_has(database_server: str, database_url: str) -> None:
    earlier.migrate(database_url)
    before = content(database_url, OBJECTS, "public")
    moved = await relocation.move(chosen(database_url))
    assert (moved.source, set(moved.names)) == ("public", CREATED)
    assert content(database_url, OBJECTS, "public") == []
    assert content(database_url, OBJECTS, "reconciler") == before
    with postgres.database(database_server) as fresh:
        await migrator.migrate(chosen(fresh))
        for query in (OBJECTS, COLUMNS):
            assert content(database_url, query, "reconciler") == content(fresh, query, "reconciler")
    assert (await migrator.migrate(chosen(database_url))).names == ()


async def test_the_rows_stay_and_ids_go_on_counting(database_url: str) -> None:
    earlier.migrate(database_url)
    async with audit.opened(chosen(database_url)) as kept, tables.opened(chosen(database_url), size=1) as store:
        first = await kept.begin(ATTEMPT)
        row, _ = await store.schedules.create(stored.new())
        owner = await store.schedules.owner()
        await relocation.move(chosen(database_url))
        assert await kept.begin(ATTEMPT) == first + 1  # what was open before goes on
        assert (await store.schedules.find(row.id), await store.schedules.owner()) == (row, owner)
    async with audit.opened(chosen(database_url)) as kept, tables.opened(chosen(database_url), size=1) as store:
        assert await kept.begin(ATTEMPT) == first + 2
        assert (await store.schedules.find(row.id), await store.schedules.owner()) == (row, owner)


async def test_a_second_move_and_one_of_an_empty_database_change_nothing(database_url: str) -> None:
    nothing = await relocation.move(chosen(database_url))
    assert (nothing.names, nothing.location.exists) == ((), False)
    assert postgres.execute(database_url, "SELECT to_regnamespace('reconciler')") == [(None,)]
    earlier.migrate(database_url)
    assert set((await relocation.move(chosen(database_url))).names) == CREATED
    again = await relocation.move(chosen(database_url))
    assert (again.names, again.source, again.location.exists) == ((), "", True)


async def test_only_what_was_recorded_is_moved_so_that_an_applications_tables_stay(database_url: str) -> None:
    earlier.migrate(database_url, last=2)
    postgres.execute(database_url, "CREATE TABLE public.schedules (hers integer); CREATE TABLE public.other ()")
    moved = await relocation.move(chosen(database_url))
    assert set(moved.names) == {"applies", "apply_steps", "reconciler_migrations"}
    assert [name for name, kind in content(database_url, OBJECTS, "public") if kind == "r"] == ["other", "schedules"]
    await migrator.migrate(chosen(database_url))
    assert postgres.execute(database_url, "SELECT * FROM public.schedules") == []


async def test_a_move_that_cannot_be_completed_changes_nothing_and_succeeds_later(database_url: str) -> None:
    earlier.migrate(database_url)
    before = content(database_url, OBJECTS, "public")
    postgres.execute(database_url, "CREATE SCHEMA reconciler; CREATE TABLE reconciler.schedule_runs ()")
    with pytest.raises(errors.StoreError, match=r"schema reconciler in .* already contains schedule_runs") as caught:
        await relocation.move(chosen(database_url))
    assert caught.value.hint.startswith("rename or drop it, or choose another schema with --database-schema")
    assert content(database_url, OBJECTS, "public") == before
    assert (await migrator.status(chosen(database_url))).location.current == "public"
    postgres.execute(database_url, "DROP TABLE reconciler.schedule_runs")
    assert set((await relocation.move(chosen(database_url))).names) == CREATED


async def test_a_killed_move_leaves_everything_where_it_was(database_url: str) -> None:
    earlier.migrate(database_url)
    before = content(database_url, OBJECTS, "public")
    waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def is_blocked() -> bool:
        return len(postgres.execute(database_url, waits)) == 1

    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE public.execution_requests IN SHARE MODE")  # the others have moved by then
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MOVES, database_url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await remote.until(is_blocked)
        ((pid,),) = postgres.execute(database_url, waits)
        postgres.execute(database_url, "SELECT pg_terminate_backend(%s, 5000)", pid)
        await process.communicate()
        assert process.returncode == 1
    assert content(database_url, OBJECTS, "public") == before
    assert set((await relocation.move(chosen(database_url))).names) == CREATED


async def test_of_two_processes_one_moves_and_the_other_finds_it_done(database_url: str) -> None:
    earlier.migrate(database_url)
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MOVES, database_url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    counts = sorted([(await process.communicate())[0].decode().strip() for process in processes])
    assert counts == ["0", str(len(CREATED))]


async def test_a_move_keeps_the_rights_of_roles(database_url: str) -> None:
    earlier.migrate(database_url)
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        for granted in (
            "SELECT ON reconciler_migrations",
            "SELECT, INSERT, UPDATE ON applies",
            "SELECT, INSERT, UPDATE, DELETE ON readings",
        ):
            postgres.execute(database_url, sql.SQL(f"GRANT {granted} TO {{}}").format(sql.Identifier(role)))
        url = postgres.altered(database_url, user=role, password="right")  # noqa: S106
        async with audit.opened(chosen(url)) as kept:
            first = await kept.begin(ATTEMPT)
            await relocation.move(chosen(database_url))
            assert await kept.begin(ATTEMPT) == first + 1
        async with audit.opened(chosen(url)) as kept:
            assert await kept.begin(ATTEMPT) == first + 2
        with pytest.raises(errors.StoreError, match="permission denied"):
            async with tables.opened(chosen(url), size=1) as store:
                await store.grants.list()


async def test_only_the_owner_of_the_tables_may_move_them(database_url: str) -> None:
    earlier.migrate(database_url)
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        name = sql.Identifier(role)
        postgres.execute(database_url, sql.SQL("GRANT SELECT ON reconciler_migrations TO {}").format(name))
        postgres.execute(database_url, sql.SQL("CREATE SCHEMA reconciler AUTHORIZATION {}").format(name))
        url = postgres.altered(database_url, user=role, password="right")  # noqa: S106
        with pytest.raises(errors.StoreError, match=r"table applies in .* belongs to role ") as caught:
            await relocation.move(chosen(url))
        owner = postgres.execute(database_url, "SELECT current_user::text")[0][0]
        assert caught.value.hint == f"run reconciler db move as {owner}, or as a member of that role"


async def test_the_owner_of_the_tables_needs_the_right_to_create_in_the_schema(database_url: str) -> None:
    earlier.migrate(database_url)
    postgres.execute(database_url, "CREATE SCHEMA reconciler")
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        name = sql.Identifier(role)
        for table in CREATED - {"installation"}:
            owned = sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), name)
            postgres.execute(database_url, owned)
        url = postgres.altered(database_url, user=role, password="right")  # noqa: S106
        with pytest.raises(errors.StoreError, match=r"table installation in .* belongs to role "):
            await relocation.move(chosen(url))
        postgres.execute(database_url, sql.SQL("ALTER TABLE installation OWNER TO {}").format(name))
        with pytest.raises(errors.StoreError, match="does not allow this role to create objects in") as caught:
            await relocation.move(chosen(url))
        grant = caught.value.hint.removeprefix("have the schema's owner run ")
        assert grant == f'GRANT CREATE, USAGE ON SCHEMA "reconciler" TO "{role}"'
        postgres.execute(database_url, sql.SQL(grant))  # type: ignore[arg-type]
        assert set((await relocation.move(chosen(url))).names) == CREATED


async def test_two_sets_of_tables_are_not_mixed(database_url: str) -> None:
    await migrator.migrate(chosen(database_url))
    earlier.migrate(database_url)
    with pytest.raises(errors.StoreError, match=r"several schemas \(reconciler and public\); those in reconciler are"):
        await relocation.move(chosen(database_url))
    assert (await migrator.status(chosen(database_url))).location.current == "reconciler"


@pytest.mark.parametrize("schema", ['Our "tables" %s', "ä" * 31])
async def test_a_move_goes_to_any_schema_and_from_any_of_the_search_path(database_url: str, schema: str) -> None:
    postgres.execute(database_url, "CREATE SCHEMA app")
    ((name,),) = postgres.execute(database_url, "SELECT current_database()::text")
    path = sql.SQL("ALTER DATABASE {} SET search_path TO app, public").format(sql.Identifier(name))
    postgres.execute(database_url, path)
    earlier.migrate(database_url, schema="app")
    assert (await migrator.status(chosen(database_url, schema))).location.current == "app"
    assert (await relocation.move(chosen(database_url, schema))).source == "app"
    async with tables.opened(chosen(database_url, schema), size=1) as store:
        assert await store.schedules.find(uuid.uuid4()) is None
    assert content(database_url, OBJECTS, "app") == []
