"""One walk through every command with a secret of every kind; what it leaves anywhere is searched for them.

What is printed and written to files is searched after every acceptance test, this one included.
"""

from __future__ import annotations

import base64
import json
import pathlib
import urllib.parse
from collections.abc import Callable, Iterator

import grpc
import pytest
from psycopg import sql

from reconciler.credentials import held
from tests.support import fake_temporal, postgres, program

SPEC = """\
governance:
  defaults: {memo: {team: platform, db_password: hunter2}}
  schedules:
    - charter: ALPHA
      cron: "0 * * * *"
      entrypoint: ALPHA
      input: {api_key: hunter2, model: small, nested: [{client_secret: hunter2}]}
    - {charter: BETA, cron: "15 * * * *", entrypoint: BETA, input: {accessToken: hunter2}}
"""
OTHER = SPEC.replace("hunter2", "hunter3").replace("15 *", "20 *")
LOUD = ("--log-level", "debug", "--log-format", "json")


@pytest.fixture
def database(database_url: str) -> Iterator[str]:
    """A database whose URL holds a password that is asked for."""
    with postgres.role(database_url, "LOGIN PASSWORD 'hunter2'") as role:
        name = sql.Identifier(role)
        postgres.execute(database_url, sql.SQL("CREATE SCHEMA reconciler AUTHORIZATION {}").format(name))
        yield postgres.altered(database_url, user=role, password="hunter2")  # noqa: S106  # of this test alone


def rows(url: str) -> str:
    """Return all that the tables hold."""
    return "\n".join(
        str(row)
        for table in ("applies", "apply_steps", "readings", "reconciler_migrations")
        for row in postgres.execute(url, sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
    )


def walk(reconciler: program.Program, url: str) -> list[int]:
    """Run every command, with all there is to say, and return the exit codes."""
    given = {"DATABASE_URL": url}
    ended = []

    def run(*arguments: str, **environment: str) -> None:
        ended.append(reconciler.run(*arguments, *LOUD, **{**given, **environment}).returncode)

    reconciler.declare(SPEC)
    run("validate")
    run("next")
    run("plan", "--verbose")
    run("apply", "--yes", "--verbose")
    reconciler.declare(OTHER)
    for style in ("text", "json", "markdown"):
        run("plan", "--verbose", "--format", style, "--out", f"plan-{style}.json")
    run("snapshot", "--out", "live.json")
    run("plan", "--live", "live.json", "--verbose")
    run("show", "plan-json.json", "--verbose")
    run("apply", "plan-json.json", "--yes", "--format", "json")
    reconciler.declare(SPEC.partition("    - {charter: BETA")[0])
    run("apply", "--yes", "--lock", "temporal", "--format", "json")
    run("status", "--format", "json")
    run("prune", "--yes")
    run("history", "--verbose", "--format", "json")
    run("lock", "show")
    run("db", "status")
    return ended


def test_no_command_leaves_a_secret_anywhere(reconciler: program.Program, database: str) -> None:
    assert set(walk(reconciler, database)) == {0}
    assert "CreateSchedule" in "".join(program.printed)  # so debug was on
    kept = rows(database)
    assert "governance:alpha" in kept
    assert "hunter" not in kept


@pytest.mark.parametrize("lock", ["temporal", "postgres"])
def test_the_record_of_a_lock_holds_no_secret(
    fake: fake_temporal.FakeTemporal, tmp_path: pathlib.Path, database: str, database_url: str, lock: str
) -> None:
    """While an apply stands at its first write, everything that the lock shows to others is looked at."""
    shown: list[str] = []

    def look() -> None:
        activity = postgres.execute(database_url, "SELECT application_name, query FROM pg_stat_activity")
        shown.append(str(activity) if lock == "postgres" else str(fake.runs))

    fake.before["CreateSchedule"] = [look]
    reconciler = program.Program(folder=tmp_path, address=fake.address)
    reconciler.declare(SPEC)
    options = ("--lock", lock, "--database-url", database)
    done = reconciler.run("apply", "--yes", *options, GITHUB_ACTOR="octocat", GITHUB_RUN_ID="777")
    assert done.returncode == 0
    assert "octocat" in shown[0]
    assert "hunter" not in shown[0]


@pytest.mark.parametrize(
    ("echo", "form"),
    [
        (str, "json"),
        (str, "text"),
        (urllib.parse.quote_plus, "json"),
        (lambda key: base64.b64encode(f"user:{key}".encode()).decode(), "json"),
        (json.dumps, "text"),
    ],
)
def test_a_credential_that_the_server_echoes_is_not_printed_or_recorded(
    fake: fake_temporal.FakeTemporal, tmp_path: pathlib.Path, database: str, echo: Callable[[str], str], form: str
) -> None:
    key = 'tk-"live"/9f+8e7d6c5b4a'

    def refuse() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"bad header {echo(key)} refused")

    fake.before["CreateSchedule"] = [refuse] * 4
    reconciler = program.Program(folder=tmp_path, address=fake.address)
    reconciler.declare(SPEC)
    given = {"TEMPORAL_API_KEY": key, "TEMPORAL_TLS": "false", "DATABASE_URL": database}
    done = reconciler.run("apply", "--yes", "--format", form, *LOUD, **given)
    history = reconciler.run("history", "--verbose", "--format", "json", DATABASE_URL=database)
    assert done.returncode == 1
    assert held.MARK in done.stdout + done.stderr
    assert held.MARK in history.stdout
    found = done.stdout + done.stderr + history.stdout + rows(database)
    assert [text for text in (key, "9f+8e7d6c5b4a", "9f%2B8e7d", echo(key)[8:20]) if text in found] == []


@pytest.mark.parametrize("mistake", ["address", "user", "database", "key", "spec", "codec", "plan"])
def test_no_mistake_brings_a_secret_out(reconciler: program.Program, mistake: str) -> None:
    reconciler.declare(SPEC)
    arguments, environment = ["apply", "--yes"], {}
    if mistake == "address":
        arguments += ["--address", "https://user:hunter2@127.0.0.1:1"]
    elif mistake == "user":
        arguments += ["--address", "user:hunter2@127.0.0.1:1"]
    elif mistake == "database":
        environment["DATABASE_URL"] = "postgresql://app:hunter2@127.0.0.1:1/app?sslmode=hunter2"
    elif mistake == "key":
        arguments += ["--grpc-meta", "authorization: Bearer hunter2"]
    elif mistake == "spec":
        reconciler.declare(SPEC.replace("accessToken: hunter2", "accessToken: !hunter2 hunter2"))
    elif mistake == "codec":
        arguments += ["--codec-endpoint", "http://user:hunter2@127.0.0.1:1/{namespace}", "--codec-header", "X=hunter2"]
    elif mistake == "plan":
        (reconciler.folder / "edited.txt").write_text(json.dumps({"format_version": "1.0", "password": "x"}))
        arguments = ["apply", "edited.txt", "--yes"]
    done = reconciler.run(*arguments, *LOUD, **environment)
    assert done.returncode in {1, 3, 5, 64}
    assert done.stderr
