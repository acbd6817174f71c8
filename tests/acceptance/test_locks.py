"""One writer at a time: who is kept out, what is said, and how a lock is let go."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import signal
from collections.abc import Awaitable, Callable

import pytest

from reconciler.plan import ports
from tests.support import program, remote

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


def waiting(run: program.Program, *arguments: str) -> program.Process:
    """Start an apply that waits for the lock, and return it once it says so."""
    process = run.start("apply", "--yes", "--lock-timeout", "60s", *arguments)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Waiting: the schedules have been locked by ")
    return process


async def test_a_busy_lock_is_exit_code_6_and_names_holder_run_and_age(declared: program.Program) -> None:
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("governance:").acquire(ports.Holder(who="alice@laptop", run="123/1", since=NOW))
    for command in (["apply"], ["prune"]):
        busy = await asyncio.to_thread(declared.run, *command, "--yes")
        assert (busy.returncode, busy.stdout) == (6, "")
        assert re.search(r"locked by alice@laptop \(run 123/1\) for \d+ s\n", busy.stderr)
        assert "--lock-timeout" in busy.stderr
    assert (await asyncio.to_thread(declared.run, "plan")).returncode == 0  # reading needs no lock
    await lease.release()
    assert (await asyncio.to_thread(declared.run, "apply", "--yes")).returncode == 0


async def test_an_apply_waits_for_the_lock_as_long_as_it_is_told(declared: program.Program) -> None:
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("governance:").acquire(ports.Holder(who="alice@laptop"))
    process = await asyncio.to_thread(waiting, declared)
    await lease.release()
    out, err = await asyncio.to_thread(program.rest, process)
    assert (process.returncode, err) == (0, "")
    assert "+ governance:community created" in out


async def test_another_prefix_is_another_lock(declared: program.Program) -> None:
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("team:").acquire(ports.Holder(who="alice@laptop"))
    assert (await asyncio.to_thread(declared.run, "apply", "--yes")).returncode == 0
    await lease.release()


async def test_without_a_lock_nobody_is_asked(declared: program.Program) -> None:
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("governance:").acquire(ports.Holder(who="alice@laptop"))
    assert (await asyncio.to_thread(declared.run, "apply", "--yes", "--lock", "none")).returncode == 0
    await lease.release()


async def test_the_holder_is_shown_and_can_be_put_out(declared: program.Program) -> None:
    assert declared.run("lock", "show").stdout == "No one holds the lock on governance:*.\n"
    assert declared.run("lock", "release", "--yes").stdout == "No one holds the lock on governance:*.\n"
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("governance:").acquire(ports.Holder(who="alice@laptop", run="9/1"))
    shown = await asyncio.to_thread(declared.run, "lock", "show")
    assert re.fullmatch(
        r"The lock on governance:\* has been held by alice@laptop \(run 9/1\) for \d+ s\.\n", shown.stdout
    )
    asked = await asyncio.to_thread(declared.run, "lock", "release")
    assert (asked.returncode, "pass --yes" in asked.stderr.lower()) == (64, True)
    freed = await asyncio.to_thread(declared.run, "lock", "release", "--yes", "--prefix", "governance:")
    assert (freed.returncode, freed.stdout.splitlines()[-1]) == (0, "Released the lock held by alice@laptop.")
    await remote.until(lambda: lost(lease.lost))
    await lease.release()
    assert declared.run("apply", "--yes").returncode == 0


async def lost(why: Callable[[], Awaitable[str]]) -> bool:
    return await why() == "the lock was released by another session"


def test_an_apply_in_a_job_is_named_by_its_actor_and_run(declared: program.Program) -> None:
    job = {"GITHUB_RUN_ID": "777", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_ACTOR": "octocat"}
    process = declared.start("apply", "--yes", **job)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=program.TIMEOUT)
    logged = declared.run("apply", "--yes", "--log-format", "json", **job).stderr.splitlines()
    taken = next(entry for entry in map(json.loads, logged) if entry["message"] == "lock acquired")
    assert (taken["who"], taken["run"]) == ("octocat", "777/2")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_apply_that_is_interrupted_lets_the_lock_go(declared: program.Program, sent: signal.Signals) -> None:
    declared.declare(
        "governance:\n  schedules:\n"
        + "".join(
            f"    - {{charter: C{n}, cron: '{n % 60} * * * *', entrypoint: C, input: {{n: {n}}}}}\n" for n in range(300)
        )
    )
    process = declared.start("apply", "--yes")
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith(" created\n"):
            break
    process.send_signal(sent)
    _, err = program.rest(process)
    assert (process.returncode, err) == (128 + sent, "Interrupted.\n")
    assert declared.run("lock", "show").stdout == "No one holds the lock on governance:*.\n"


@pytest.mark.parametrize("length", ["1s", "30s", "59s"])
def test_a_lease_in_which_nothing_could_be_written_is_a_usage_error(declared: program.Program, length: str) -> None:
    done = declared.run("apply", "--yes", "--lock-lease", length)
    assert (done.returncode, done.stdout) == (64, "")
    assert f"--lock-lease {length} is too short" in done.stderr
    assert "Pass 1m or more" in done.stderr
    assert declared.run("plan", "--detailed-exitcode").returncode == 2
    assert declared.run("apply", "--yes", "--lock-lease", "1m").returncode == 0


def test_postgres_without_a_database_is_said(declared: program.Program) -> None:
    done = declared.run("apply", "--yes", "--lock", "postgres")
    assert (done.returncode, "DATABASE_URL" in done.stderr) == (64, True)
