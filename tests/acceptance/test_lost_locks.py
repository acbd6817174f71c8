"""An apply that loses its lock stops writing at once: when the thief has it, only what was under way still lands."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import re
import threading
from collections.abc import Iterator

import psycopg
import pytest

from reconciler import errors
from reconciler.plan import apply, ports
from tests.support import program, proxy, remote, terminal
from tools import devserver

COUNT = 120
TAKEN_AFTER = 25  # creates that have arrived
SPEC = "governance:\n  schedules:\n" + "".join(
    f"    - {{charter: C{number:03}, cron: '{number % 60} * * * *', entrypoint: C{number}}}\n"
    for number in range(COUNT)
)
THIEF = ports.Holder(who="thief")


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as served:
        yield served


@pytest.fixture
def through(reconciler: program.Program, before_server: proxy.Proxy) -> program.Program:
    """The program, its calls seen on their way."""
    found = program.Program(folder=reconciler.folder, address=before_server.address, namespace=reconciler.namespace)
    found.declare(SPEC)
    return found


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


class Theft:
    """Lets an apply go on until the lock is to be taken, and counts its creates from when somebody else has it.

    The creates wait from the first on until `ready`, so that what takes the lock may start in the meantime.
    """

    def __init__(self, before: proxy.Proxy) -> None:
        self._proxy = before
        self.started = threading.Event()
        self.ready = threading.Event()
        self.due = threading.Event()
        self._at = (0, 0)
        before.restart(self._boundary)

    def _boundary(self, _: int, name: str) -> None:
        if name != "CreateSchedule":
            return
        self.started.set()
        self.ready.wait(program.TIMEOUT)
        if self._proxy.started[name] >= TAKEN_AFTER:
            self.due.set()

    def done(self) -> None:
        """Count from now: somebody else has the lock."""
        started = self._proxy.started["CreateSchedule"]
        self._at = (started, started - self._proxy.ended["CreateSchedule"])

    def after(self) -> int:
        """Return how many creates came after the theft, and see that they are no more than may be under way."""
        started, under_way = self._at
        after = self._proxy.started["CreateSchedule"] - started
        print(f"{started} creates before somebody else had the lock, {under_way} under way then, {after} came after")
        assert started < COUNT
        assert after <= apply.CONCURRENCY
        return after


def reported(out: str) -> collections.Counter[str]:
    """Return how many steps ended how."""
    return collections.Counter(
        re.findall(
            r"^  \S \S+ (created|SKIPPED: not started \(the lock was released by another session|FAILED|STALE)",
            out,
            re.MULTILINE,
        )
    )


def test_when_the_database_session_is_ended_the_writing_stops(
    through: program.Program, before_server: proxy.Proxy, database_url: str
) -> None:
    theft = Theft(before_server)
    theft.ready.set()
    process = through.start("apply", "--yes", DATABASE_URL=database_url)
    reading = Reading(process)
    assert theft.due.wait(program.TIMEOUT)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with psycopg.connect(database_url, autocommit=True) as thief:
        thief.execute(end)
        thief.execute("SELECT pg_advisory_lock(hashtext('governance_sync'))")
        theft.done()
        assert reading.end() == 1
    theft.after()
    ended = reported(reading.out)
    assert (
        ended["SKIPPED: not started (the lock was released by another session"]
        >= COUNT - TAKEN_AFTER - 3 * apply.CONCURRENCY
    )
    assert sum(ended.values()) == COUNT
    again = through.run("apply", "--yes", DATABASE_URL=database_url)
    assert (again.returncode, f"{ended['created']} unchanged" in again.stdout) == (0, True)


async def test_when_another_process_releases_the_lease_the_writing_stops(
    through: program.Program, before_server: proxy.Proxy, dev_server: devserver.DevServer
) -> None:
    theft = Theft(before_server)
    process = through.start("apply", "--yes")
    reading = Reading(process)
    assert await asyncio.to_thread(theft.started.wait, 60)
    direct = program.Program(folder=through.folder, address=dev_server.address, namespace=through.namespace)
    server = await remote.connected(dev_server.address, through.namespace)
    with terminal.running(direct, "lock", "release") as release:
        await asyncio.to_thread(release.wait_for, "Enter 'yes' to continue: ")
        theft.ready.set()
        assert await asyncio.to_thread(theft.due.wait, 60)
        release.type("yes")
        await remote.until(lambda: _stolen(server.lock("governance:")))
        theft.done()
        assert await asyncio.to_thread(release.end) == 0
    assert await asyncio.to_thread(reading.end) == 1
    theft.after()
    ended = reported(reading.out)
    assert sum(ended.values()) == COUNT
    assert ended["SKIPPED: not started (the lock was released by another session"] > 0
    await server.lock("governance:").free()


async def _stolen(lock: object) -> bool:
    with contextlib.suppress(errors.LockedError):
        await lock.acquire(THIEF)  # type: ignore[attr-defined]
        return True
    return False


class Reading:
    """Reads what a process prints as it comes, so that its pipes never fill."""

    def __init__(self, process: program.Process) -> None:
        self._process = process
        self.out = ""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        self.out, _ = self._process.communicate(timeout=program.TIMEOUT)

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        self._thread.join()
        return self._process.wait()


@pytest.mark.parametrize("lock", ["temporal", "postgres"])
async def test_who_answers_after_the_lock_is_lost_is_told_so_and_nothing_is_applied(
    declared: program.Program, request: pytest.FixtureRequest, lock: str
) -> None:
    """Nobody looks after a lock while a person is asked."""
    url = request.getfixturevalue("database_url") if lock == "postgres" else ""
    with terminal.running(declared, "apply", DATABASE_URL=url) as shown:
        await asyncio.to_thread(shown.wait_for, "Enter 'yes' to continue: ")
        freed = await asyncio.to_thread(declared.run, "lock", "release", "--yes", DATABASE_URL=url)
        assert freed.returncode == 0
        shown.type("yes")
        assert await asyncio.to_thread(shown.end) == 6
        assert "nothing was applied: the lock was released by another session" in shown.seen
        assert "SKIPPED" not in shown.seen
    assert declared.run("plan", "--detailed-exitcode").returncode == 2
