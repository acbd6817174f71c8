"""Migrations, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import pathlib
import uuid

import pytest

from reconciler import errors
from reconciler.postgres import migrator
from tests.support import postgres

TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
ALPHA = "CREATE TABLE alpha (n integer); -- 100 %"
BETA = "CREATE TABLE beta (n integer); INSERT INTO alpha VALUES (1);"

APPLY = """
INSERT INTO applies (who, run, commit, command, address, namespace, prefix, owner, spec_path, digest, started_at,
    ended_at, managed, present)
VALUES ('alice', '', '', 'apply', 'temporal:7233', 'default', 'governance:', 'cogni/app', 'spec.yaml', %s, now(), now(),
    3, 4)
"""


def written(folder: pathlib.Path, **files: str) -> pathlib.Path:
    """Write migrations; `_0001_alpha` is the file 0001_alpha.sql."""
    for name, text in files.items():
        (folder / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")
    return folder


def tables(url: str) -> list[str]:
    return [name for (name,) in postgres.execute(url, TABLES)]


async def test_a_fresh_database_gets_every_migration_once(database_url: str) -> None:
    waiting = await migrator.status(database_url)
    assert [(each.number, each.name, each.applied_at) for each in waiting] == [
        (1, "0001_audit", None),
        (2, "0002_refusals", None),
        (3, "0003_schedules", None),
        (4, "0004_run_ends", None),
        (5, "0005_create_responses", None),
        (6, "0006_renames", None),
    ]
    assert tables(database_url) == []  # to look changes nothing
    assert await migrator.migrate(database_url) == (
        "0001_audit",
        "0002_refusals",
        "0003_schedules",
        "0004_run_ends",
        "0005_create_responses",
        "0006_renames",
    )
    assert tables(database_url) == [
        "applies",
        "apply_steps",
        "execution_grants",
        "execution_requests",
        "installation",
        "reconciler_migrations",
        "schedule_runs",
        "schedules",
    ]
    first = await migrator.status(database_url)
    assert first[0].applied_at is not None
    assert await migrator.migrate(database_url) == ()
    assert await migrator.status(database_url) == first


async def test_many_at_once_apply_each_migration_once(database_url: str, tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA)
    applied = await asyncio.gather(*(migrator.migrate(database_url, folder) for _ in range(5)))
    assert sorted(name for names in applied for name in names) == ["0001_alpha", "0002_beta"]
    assert postgres.execute(database_url, "SELECT n FROM alpha") == [(1,)]


async def test_a_later_release_adds_to_what_is_there(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrator.migrate(database_url, written(tmp_path, _0001_alpha=ALPHA))
    folder = written(tmp_path, _0002_beta=BETA, _0010_gamma="CREATE TABLE gamma ()")
    assert await migrator.migrate(database_url, folder) == ("0002_beta", "0010_gamma")


async def test_a_file_that_changed_after_it_was_applied_is_refused(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrator.migrate(database_url, written(tmp_path, _0001_alpha=ALPHA))
    changed = written(tmp_path, _0001_alpha=ALPHA + " ", _0002_beta=BETA)
    for way in (migrator.migrate, migrator.status):
        with pytest.raises(errors.StoreError, match="migration 0001_alpha has changed since it was applied to"):
            await way(database_url, changed)
    assert tables(database_url) == ["alpha", "reconciler_migrations"]


async def test_a_database_that_is_newer_is_refused(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrator.migrate(database_url, written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA))
    (tmp_path / "0002_beta.sql").unlink()
    for way in (migrator.migrate, migrator.status):
        with pytest.raises(errors.StoreError, match="newer than this release: it has migration 0002_beta") as caught:
            await way(database_url, tmp_path)
        assert caught.value.hint == "install the newer release of reconciler that made it"


async def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str, tmp_path: pathlib.Path) -> None:
    folder = written(tmp_path, _0001_alpha=ALPHA, _0002_beta=BETA + "SELECT 1 / 0;", _0003_gamma=ALPHA)
    with pytest.raises(errors.StoreError, match=r"migration 0002_beta of database test_.* failed: division by zero"):
        await migrator.migrate(database_url, folder)
    assert tables(database_url) == ["alpha", "reconciler_migrations"]
    assert postgres.execute(database_url, "SELECT n FROM alpha") == []
    applied = {each.name: each.applied_at is not None for each in await migrator.status(database_url, folder)}
    assert applied == {"0001_alpha": True, "0002_beta": False, "0003_gamma": False}
    mended = written(tmp_path, _0002_beta=BETA, _0003_gamma="CREATE TABLE gamma ()")
    assert await migrator.migrate(database_url, mended) == ("0002_beta", "0003_gamma")


async def test_a_database_with_applies_gets_the_tables_of_users_schedules_and_keeps_what_it_has(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    for each in migrator.FOLDER.iterdir():
        if each.name < "0003":
            (tmp_path / each.name).write_bytes(each.read_bytes())
    await migrator.migrate(database_url, tmp_path)
    postgres.execute(database_url, APPLY, "sha256:" + "0" * 64)
    before = postgres.execute(database_url, "SELECT * FROM applies")
    assert await migrator.migrate(database_url) == (
        "0003_schedules",
        "0004_run_ends",
        "0005_create_responses",
        "0006_renames",
    )
    assert (len(before), postgres.execute(database_url, "SELECT * FROM applies")) == (1, before)
    assert postgres.execute(database_url, "SELECT count(*) FROM installation") == [(1,)]
    assert [each.applied_at is None for each in await migrator.status(database_url)] == [False] * 5


async def test_runs_of_an_earlier_release_stay_and_its_workers_go_on_recording(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    for each in migrator.FOLDER.iterdir():
        if each.name < "0004":
            (tmp_path / each.name).write_bytes(each.read_bytes())
    await migrator.migrate(database_url, tmp_path)
    id_ = uuid.uuid4()
    postgres.execute(
        database_url,
        "INSERT INTO schedules (id, owner, cron, timezone, workflow) VALUES (%s, 'a', 'c', 'UTC', 'w')",
        id_,
    )
    begin = "INSERT INTO schedule_runs (schedule_id, scheduled_for, started_at, status, attempt) "
    begin += "VALUES (%s, %s, now(), 'running', 1)"
    postgres.execute(database_url, begin, id_, "2026-01-01")
    assert await migrator.migrate(database_url) == ("0004_run_ends", "0005_create_responses", "0006_renames")
    postgres.execute(database_url, begin, id_, "2026-01-02")
    postgres.execute(
        database_url, "UPDATE schedule_runs SET status = 'done', ended_at = now() WHERE scheduled_for < '2026-01-02'"
    )
    rows = postgres.execute(database_url, "SELECT status, workflow_id, workflow_run_id FROM schedule_runs ORDER BY 1")
    assert rows == [("done", None, None), ("running", None, None)]


def test_the_migrations_are_numbered_from_one_without_a_gap() -> None:
    numbers = sorted(int(each.name[:4]) for each in migrator.FOLDER.iterdir())
    assert numbers == list(range(1, len(numbers) + 1))
