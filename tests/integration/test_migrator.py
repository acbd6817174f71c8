"""Migrations, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import pathlib
import signal
import sys
import uuid

import psycopg
import pytest
from psycopg import sql

from reconciler import errors, settings
from reconciler.postgres import migrator, scripts
from tests.support import earlier, postgres, remote

TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = %s ORDER BY 1"
ALPHA = "CREATE TABLE alpha (n integer); -- 100 %"
BETA = "CREATE TABLE beta (n integer); INSERT INTO alpha VALUES (1);"
GATE = "LOCK TABLE public.gate;"
NAMES = (
    *("0001_audit", "0002_refusals", "0003_schedules", "0004_run_ends", "0005_create_responses", "0006_renames"),
    "0007_readings",
)
AUDIT, SCHEDULES = (*NAMES[:2], *NAMES[5:]), NAMES[2:5]
OF_APPLIES = ["applies", "apply_steps", "readings", "reconciler_migrations"]
OF_USERS = ["execution_grants", "execution_requests", "installation", "schedule_runs", "schedules"]
APPLY = """
INSERT INTO applies (who, run, commit, command, address, namespace, prefix, owner, spec_path, digest, started_at,
    ended_at, managed, present)
VALUES ('alice', '', '', 'apply', 'temporal:7233', 'default', 'governance:', 'cogni/app', 'spec.yaml', %s, now(), now(),
    3, 4)
"""
MIGRATES = """
import asyncio, pathlib, sys
from reconciler import settings
from reconciler.postgres import migrator

chosen = settings.Database(url=sys.argv[1])
print(asyncio.run(migrator.migrate(chosen, folder=pathlib.Path(sys.argv[2]))).names, flush=True)
"""
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'reconciler' AND wait_event_type = 'Lock'
"""


def written(folder: pathlib.Path, **files: str) -> pathlib.Path:
    """Write migrations of the audit; `_0001_alpha` is the file 0001_alpha.sql."""
    (folder / "audit").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "audit" / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")
    return folder


def tables(url: str, schema: str = "reconciler") -> list[str]:
    return [name for (name,) in postgres.execute(url, TABLES, schema)]


async def migrate(url: str, folder: pathlib.Path | None = None) -> tuple[str, ...]:
    """Return the names of what was applied."""
    chosen = settings.Database(url=url)
    return (await (migrator.migrate(chosen, folder=folder) if folder else migrator.migrate(chosen))).names


async def status(url: str, folder: pathlib.Path | None = None) -> tuple[migrator.Migration, ...]:
    """Return the migrations."""
    chosen = settings.Database(url=url)
    return (await (migrator.status(chosen, folder) if folder else migrator.status(chosen))).migrations


async def test_a_fresh_database_gets_every_migration_once_in_a_schema_of_its_own(database_url: str) -> None:
    waiting = await status(database_url)
    assert [(each.number, each.name, each.applied_at) for each in waiting] == [
        (number, name, None) for number, name in enumerate(NAMES, start=1)
    ]
    assert postgres.execute(database_url, "SELECT to_regnamespace('reconciler')") == [
        (None,)
    ]  # looking changes nothing
    assert await migrate(database_url) == NAMES
    assert tables(database_url) == sorted(OF_APPLIES + OF_USERS)
    assert tables(database_url, "public") == []
    first = await status(database_url)
    assert first[0].applied_at is not None
    assert await migrate(database_url) == ()
    assert await status(database_url) == first


async def test_each_group_is_migrated_without_the_other(database_url: str) -> None:
    chosen = settings.Database(url=database_url)
    first = await migrator.migrate(chosen, (scripts.AUDIT,))
    assert (first.names, first.pending) == (AUDIT, SCHEDULES)
    assert tables(database_url) == OF_APPLIES
    assert (await migrator.migrate(chosen, (scripts.AUDIT,))).names == ()
    assert [each.applied_at is None for each in await status(database_url)] == [False] * 2 + [True] * 3 + [False] * 2
    assert (await migrator.migrate(chosen, (scripts.SCHEDULES,))).names == SCHEDULES
    assert tables(database_url) == sorted(OF_APPLIES + OF_USERS)


async def test_users_tables_need_none_of_the_audit(database_url: str) -> None:
    chosen = settings.Database(url=database_url)
    assert (await migrator.migrate(chosen, (scripts.SCHEDULES,))).names == SCHEDULES
    assert tables(database_url) == sorted([*OF_USERS, "reconciler_migrations"])
    assert (await migrator.migrate(chosen)).names == AUDIT


async def test_many_at_once_apply_each_migration_once(database_url: str, tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA)
    applied = await asyncio.gather(*(migrate(database_url, folder) for _ in range(5)))
    assert sorted(name for names in applied for name in names) == ["0001_alpha", "0002_beta"]
    assert postgres.execute(database_url, "SELECT n FROM alpha") == [(1,)]


async def test_two_processes_at_once_apply_each_migration_once(database_url: str, tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA)
    command = (sys.executable, "-c", MIGRATES, database_url, str(folder))
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe) for _ in range(2)]
    ends = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert sorted(b"".join(out for out, _ in ends).decode().count(name) for name in ("0001_a", "0002_b")) == [1, 1]
    assert postgres.execute(database_url, "SELECT n FROM alpha") == [(1,)]


async def test_a_later_release_adds_to_what_is_there(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrate(database_url, written(tmp_path, _0001_alpha=ALPHA))
    folder = written(tmp_path, _0002_beta=BETA, _0010_gamma="CREATE TABLE gamma ()")
    assert await migrate(database_url, folder) == ("0002_beta", "0010_gamma")


async def test_a_file_that_changed_after_it_was_applied_is_refused(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrate(database_url, written(tmp_path, _0001_alpha=ALPHA))
    changed = written(tmp_path, _0001_alpha=ALPHA + " ", _0002_beta=BETA)
    for way in (migrate, status):
        with pytest.raises(errors.StoreError, match="migration 0001_alpha has changed since it was applied to"):
            await way(database_url, changed)
    assert tables(database_url) == ["alpha", "reconciler_migrations"]


async def test_a_database_that_is_newer_is_refused(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrate(database_url, written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA))
    (tmp_path / "audit" / "0002_beta.sql").unlink()
    for way in (migrate, status):
        with pytest.raises(errors.StoreError, match="newer than this release: it has migration 0002_beta") as caught:
            await way(database_url, tmp_path)
        assert caught.value.hint == "install the newer release of reconciler that migrated it"


async def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str, tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA + "SELECT 1 / 0;", _0003_gamma=ALPHA)
    with pytest.raises(errors.StoreError, match=r"migration 0002_beta of database test_.* failed: division by zero"):
        await migrate(database_url, folder)
    assert tables(database_url) == ["alpha", "reconciler_migrations"]
    assert postgres.execute(database_url, "SELECT n FROM alpha") == []
    applied = {each.name: each.applied_at is not None for each in await status(database_url, folder)}
    assert applied == {"0001_alpha": True, "0002_beta": False, "0003_gamma": False}
    mended = written(tmp_path, _0002_beta=BETA, _0003_gamma="CREATE TABLE gamma ()")
    assert await migrate(database_url, mended) == ("0002_beta", "0003_gamma")


@pytest.mark.parametrize("beta", [f"{GATE} {BETA}", f"{BETA} {GATE}"])
async def test_what_was_killed_between_two_files_or_within_one_continues_there(
    database_url: str, tmp_path: pathlib.Path, beta: str
) -> None:
    """The second file waits for a lock, before its first statement or after its last, when the process is killed."""
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=beta, _0003_gamma="CREATE TABLE gamma ()")
    postgres.execute(database_url, "CREATE TABLE public.gate ()")

    async def is_blocked() -> bool:
        return postgres.execute(database_url, BLOCKED) == [(1,)]

    async def is_over() -> bool:
        return postgres.execute(database_url, BLOCKED) == [(0,)]

    with psycopg.connect(database_url) as gate:
        gate.execute("LOCK TABLE public.gate")
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATES, database_url, str(folder))
        await remote.until(is_blocked)
        assert tables(database_url) == [
            "alpha",
            "reconciler_migrations",
        ]  # the second is not visible before it is whole
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        gate.rollback()
    await remote.until(is_over)
    assert await migrate(database_url, folder) == ("0002_beta", "0003_gamma")
    assert postgres.execute(database_url, "SELECT n FROM alpha") == [(1,)]


async def test_a_session_that_ends_within_a_file_leaves_it_to_the_next_call(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    cut = "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10);"
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta="CREATE TABLE beta (n integer);" + cut)
    with pytest.raises(errors.StoreError, match=r"migration 0002_beta of .* failed: terminating connection"):
        await migrate(database_url, folder)
    assert tables(database_url) == ["alpha", "reconciler_migrations"]
    assert await migrate(database_url, written(tmp_path, _0002_beta="CREATE TABLE beta (n integer)")) == ("0002_beta",)


async def test_a_database_with_applies_gets_the_tables_of_users_schedules_and_keeps_what_it_has(
    database_url: str,
) -> None:
    assert earlier.migrate(database_url, last=2) == list(NAMES[:2])
    postgres.execute(database_url, APPLY, "sha256:" + "0" * 64)
    before = postgres.execute(database_url, "SELECT * FROM applies")
    assert await migrate(database_url) == NAMES[2:]
    assert (len(before), postgres.execute(database_url, "SELECT * FROM applies")) == (1, before)
    assert postgres.execute(database_url, "SELECT count(*) FROM installation") == [(1,)]
    assert [each.applied_at is None for each in await status(database_url)] == [False] * 7
    assert tables(database_url, "public") == sorted(OF_APPLIES + OF_USERS)  # all of them stay together


async def test_runs_of_an_earlier_release_stay_and_its_workers_go_on_recording(database_url: str) -> None:
    earlier.migrate(database_url, last=3)
    id_ = uuid.uuid4()
    postgres.execute(
        database_url,
        "INSERT INTO schedules (id, owner, cron, timezone, workflow) VALUES (%s, 'a', 'c', 'UTC', 'w')",
        id_,
    )
    begin = "INSERT INTO schedule_runs (schedule_id, scheduled_for, started_at, status, attempt) "
    begin += "VALUES (%s, %s, now(), 'running', 1)"
    postgres.execute(database_url, begin, id_, "2026-01-01")
    assert await migrate(database_url) == NAMES[3:]
    postgres.execute(database_url, begin, id_, "2026-01-02")
    postgres.execute(
        database_url, "UPDATE schedule_runs SET status = 'done', ended_at = now() WHERE scheduled_for < '2026-01-02'"
    )
    rows = postgres.execute(database_url, "SELECT status, workflow_id, workflow_run_id FROM schedule_runs ORDER BY 1")
    assert rows == [("done", None, None), ("running", None, None)]


async def test_a_role_that_may_not_create_the_schema_is_asked_for_it(database_url: str) -> None:
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        chosen = settings.Database(url=postgres.altered(database_url, user=role, password="right"))  # noqa: S106
        with pytest.raises(errors.StoreError, match="not allow this role to create schema reconciler") as caught:
            await migrator.migrate(chosen)
        wanted = f'CREATE SCHEMA "reconciler" AUTHORIZATION "{role}"'
        assert wanted in caught.value.hint
        postgres.execute(database_url, sql.SQL(wanted))  # type: ignore[arg-type]
        assert (await migrator.migrate(chosen)).names == NAMES
        assert tables(database_url) == sorted(OF_APPLIES + OF_USERS)


@pytest.mark.parametrize("schema", ['"; DROP TABLE x; --', "Reconciler", "our tables", "a'b\\c%s", "ä" * 31 + "x"])
async def test_any_name_of_a_schema_is_kept_as_it_is(database_url: str, schema: str) -> None:
    chosen = settings.Database(url=database_url, schema=schema)
    assert settings.schema_fault(schema) == ""
    assert (await migrator.migrate(chosen)).names == NAMES
    assert tables(database_url, schema) == sorted(OF_APPLIES + OF_USERS)
    assert (await migrator.migrate(chosen)).names == ()
    assert (tables(database_url), tables(database_url, "public")) == ([], [])


async def test_two_schemas_of_a_database_are_two_installations(database_url: str) -> None:
    for schema in ("one", "two", "public"):
        assert (await migrator.migrate(settings.Database(url=database_url, schema=schema))).names == NAMES
    assert (await migrator.migrate(settings.Database(url=database_url, schema="three"))).names == NAMES
