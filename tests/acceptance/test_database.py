"""With a database: its lock, and the record of who applied what."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from typing import Any

import psycopg
import pytest

from reconciler import published
from tests.support import fake_temporal, program, relay, remote, terminal

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA, input: {api_key: sk-hunter2}}
    - {charter: BETA, cron: "15 * * * *", entrypoint: BETA}
    - {charter: GAMMA, cron: "30 * * * *", entrypoint: GAMMA}
"""
JOB = {
    "GITHUB_RUN_ID": "777",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
    "GITHUB_REPOSITORY": "acme/work",
}


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


def test_an_apply_is_recorded_with_who_when_commit_digest_and_outcomes(
    declared: program.Program, database_url: str
) -> None:
    digest = json.loads(declared.run("plan", "--format", "json", **JOB).stdout)["digest"]
    assert declared.run("apply", "--yes", DATABASE_URL=database_url, **JOB).returncode == 0
    document = json.loads(declared.run("history", "--format", "json", DATABASE_URL=database_url).stdout)
    assert list(published.violations("history", document)) == []
    (record,) = document["records"]
    assert (record["who"], record["run"], record["commit"]) == ("octocat", "777/2", JOB["GITHUB_SHA"])
    assert (record["digest"], record["managed"], record["error"]) == (digest, 3, None)
    assert record["started_at"] <= record["ended_at"]
    assert [(step["id"], step["verb"], step["status"]) for step in record["steps"]] == [
        ("governance:alpha", "create", "done"),
        ("governance:beta", "create", "done"),
        ("governance:gamma", "create", "done"),
    ]
    assert "hunter2" not in json.dumps(document)


def test_the_history_reads_well_newest_first(declared: program.Program, database_url: str) -> None:
    assert declared.run("apply", "--yes", DATABASE_URL=database_url, **JOB).returncode == 0
    declared.declare(SPEC.replace("15 *", "20 *"))
    assert declared.run("apply", "--yes", "--owner", "acme/work", "--database-url", database_url).returncode == 0
    shown = declared.run("history", "--verbose", "--database-url", database_url).stdout
    second, first = shown.split("\n\n")
    assert re.match(r"#2  \w{3} \d\d \w{3} \d{4} \d\d:\d\d(:\d\d)? UTC  apply by \S+@\S+\n", second)
    assert "    1 updated\n      ~ governance:beta done" in second
    assert "apply by octocat, run 777/2, commit 0123456789ab\n" in first
    assert "    3 created\n" in first
    assert declared.run("history", "--count", "1", "--database-url", database_url).stdout.startswith("#2")


def records(run: program.Program, url: str) -> list[dict[str, Any]]:
    """Return the history, the newest first."""
    document = json.loads(run.run("history", "--format", "json", DATABASE_URL=url).stdout)
    assert list(published.violations("history", document)) == []
    found: list[dict[str, Any]] = document["records"]
    return found


def test_an_apply_with_nothing_to_do_is_recorded_too(declared: program.Program, database_url: str) -> None:
    for _ in range(2):
        assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    newest = records(declared, database_url)[0]
    assert (newest["number"], newest["managed"], newest["error"], newest["steps"]) == (2, 3, None, [])
    shown = declared.run("history", DATABASE_URL=database_url).stdout
    assert shown.split("\n\n")[0].splitlines()[-1] == "    nothing to do"


def test_what_is_refused_is_recorded_with_its_reason_and_counts_nothing(
    declared: program.Program, database_url: str
) -> None:
    def refused(*arguments: str, code: int) -> dict[str, Any]:
        assert declared.run("apply", *arguments, DATABASE_URL=database_url).returncode == code
        newest = records(declared, database_url)[0]
        assert (newest["managed"], newest["steps"], newest["ended_at"] is None) == (None, [], False)
        return newest

    assert "stdin is not a terminal" in refused(code=64)["error"]
    assert "not the one that was reviewed" in refused("--yes", "--expect-digest", "sha256:0", code=5)["error"]
    assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    declared.declare("governance: {schedules: []}\n")
    assert "stops all 3" in refused("--yes", code=4)["error"]
    shown = declared.run("history", DATABASE_URL=database_url).stdout
    assert "\n    refused: the plan stops all 3 running managed schedules: " in shown.split("\n\n")[0]


def test_one_that_is_declined_is_recorded_as_such(declared: program.Program, database_url: str) -> None:
    with terminal.running(declared, "apply", DATABASE_URL=database_url) as asked:
        asked.wait_for("Enter 'yes' to continue: ")
        asked.type("no")
        assert asked.end() == 1
    assert records(declared, database_url)[0]["error"] == "declined"


async def empty(run: program.Program, *names: str) -> None:
    """Delete schedules as somebody else does, and wait until no listing shows them any more."""
    server = await remote.connected(run.address, run.namespace)
    for name in names:
        await server.schedules.delete(f"governance:{name}")

    async def is_empty() -> bool:
        return not any(id_.startswith("governance:") for id_ in await server.schedules.ids())

    await remote.until(is_empty)


@pytest.mark.parametrize("more", [[], ["--owner", "acme/renamed"]], ids=["the same owner", "another owner"])
async def test_a_namespace_that_lost_everything_is_refused_until_it_is_meant(
    declared: program.Program, database_url: str, more: list[str]
) -> None:
    def apply(*arguments: str) -> subprocess.CompletedProcess[str]:
        return declared.run("apply", "--yes", *arguments, *more, DATABASE_URL=database_url)

    assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    await empty(declared, "alpha", "beta", "gamma")
    for _ in range(2):  # a refused one leaves the guard on
        refused = apply()
        assert refused.returncode == 4
        assert "the last apply left 3" in refused.stderr
        assert "--allow-empty-namespace" in refused.stderr
        assert "3 to create" in refused.stdout  # the plan is shown first
    assert declared.run("plan", "--detailed-exitcode").returncode == 2
    assert apply("--allow-empty-namespace").returncode == 0


async def test_a_namespace_that_another_owner_uses_is_not_empty(declared: program.Program, database_url: str) -> None:
    assert declared.run("apply", "--yes", "--owner", "acme/work", DATABASE_URL=database_url).returncode == 0
    declared.declare(SPEC.replace("ALPHA", "DELTA").replace("BETA", "EPSILON").replace("GAMMA", "ZETA"))
    assert declared.run("apply", "--yes", "--owner", "acme/new", DATABASE_URL=database_url).returncode == 0
    assert records(declared, database_url)[0]["managed"] == 3


async def test_a_prune_records_what_it_leaves_and_the_guard_stays_on(
    declared: program.Program, database_url: str
) -> None:
    assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    declared.declare("".join(line for line in SPEC.splitlines(keepends=True) if "GAMMA" not in line))
    assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    for expected in (["delete"], []):  # one that finds nothing to delete records the same
        assert declared.run("prune", "--yes", DATABASE_URL=database_url).returncode == 0
        newest = records(declared, database_url)[0]
        assert (newest["command"], newest["managed"]) == ("prune", 2)
        assert [step["verb"] for step in newest["steps"]] == expected
    await empty(declared, "alpha", "beta")
    refused = declared.run("apply", "--yes", DATABASE_URL=database_url)
    assert (refused.returncode, "the last apply left 2" in refused.stderr) == (4, True)


def test_the_database_is_the_lock_where_there_is_one(declared: program.Program, database_url: str) -> None:
    """An earlier sync program takes the same lock by the same words."""
    with psycopg.connect(database_url, application_name="governance-sync", autocommit=True) as held:
        taken = held.execute("SELECT pg_try_advisory_lock(hashtext('governance_sync'))").fetchone()
        assert taken == (True,)
        busy = declared.run("apply", "--yes", DATABASE_URL=database_url)
        assert (busy.returncode, "governance-sync" in busy.stderr) == (6, True)
        shown = declared.run("lock", "show", DATABASE_URL=database_url, TEMPORAL_ADDRESS="127.0.0.1:1")
        assert (shown.returncode, "has been held by" in shown.stdout) == (0, True)
        assert declared.run("apply", "--yes", "--lock", "temporal", DATABASE_URL=database_url).returncode == 0
        freed = declared.run("lock", "release", "--yes", DATABASE_URL=database_url)
        assert (freed.returncode, "Released the lock held by " in freed.stdout) == (0, True)
    assert declared.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0


def test_a_database_that_is_away_is_an_error_before_anything_is_written(declared: program.Program) -> None:
    url = "postgresql://app:sk-hunter2@127.0.0.1:1/app"
    for options in ([], ["--lock", "temporal"]):
        done = declared.run("apply", "--yes", *options, DATABASE_URL=url)
        assert (done.returncode, "127.0.0.1:1" in done.stderr, "hunter2" in done.stderr) == (1, True, False)
    assert declared.run("plan", "--detailed-exitcode").returncode == 2
    assert declared.run("lock", "show").stdout == "No one holds the lock on governance:*.\n"


def test_the_tables_are_made_when_they_are_needed_or_by_hand(declared: program.Program, database_url: str) -> None:
    assert "0001_audit  pending  (group audit)\n" in declared.run("db", "status", DATABASE_URL=database_url).stdout
    assert (
        "0001_audit applied in schema reconciler\n" in declared.run("db", "migrate", DATABASE_URL=database_url).stdout
    )
    assert (
        declared.run("db", "migrate", DATABASE_URL=database_url).stdout
        == "The database is up to date, in schema reconciler.\n"
    )
    assert re.search(
        r"0001_audit  applied \d{4}-\d\d-\d\d", declared.run("db", "status", DATABASE_URL=database_url).stdout
    )
    assert declared.run("history", DATABASE_URL=database_url).stdout == "Nothing has been applied yet.\n"


@pytest.mark.parametrize("command", [["history"], ["db", "migrate"], ["db", "status"]])
def test_what_needs_a_database_says_so(declared: program.Program, command: list[str]) -> None:
    done = declared.run(*command)
    assert (done.returncode, "DATABASE_URL" in done.stderr) == (64, True)


async def test_a_record_that_could_not_be_written_is_told_as_just_that(
    fake: fake_temporal.FakeTemporal, declared: program.Program, database_url: str
) -> None:
    """The database stops answering while the first schedule is written."""
    on_fake = program.Program(folder=declared.folder, address=fake.address)
    loop = asyncio.get_running_loop()
    async with relay.running(database_url) as wire:

        def hold() -> None:
            loop.call_soon_threadsafe(wire.hold)

        fake.after["CreateSchedule"] = [hold]
        url = f"{wire.url}{'&' if '?' in wire.url else '?'}connect_timeout=2"
        options = ("apply", "--yes", "--format", "json", "--lock", "temporal", "--database-url", url)
        done = await asyncio.to_thread(on_fake.run, *options)
        wire.flow()
    document = json.loads(done.stdout)
    assert (done.returncode, document["counts"]["done"]) == (1, 3)
    assert "Error: 3 of 3 steps were applied, but the audit record could not be written: " in done.stderr
    assert document["error"]["hint"].startswith("history shows #1 as not finished; ")
    shown = on_fake.run("history", DATABASE_URL=database_url).stdout
    assert "not finished: still running, killed, or unable to record its result" in shown
