"""PostgreSQL as a lock, on a real one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import signal
import subprocess
import sys

import psycopg
import pytest

from reconciler import errors
from reconciler.plan import locks as core_locking
from reconciler.plan import ports
from reconciler.postgres import lock as postgres_lock
from tests.support import postgres, relay, remote

ALICE = ports.Holder(who="alice@laptop", run="42")
BOB = ports.Holder(who="bob")
EARLIER_SYNC = "SELECT pg_try_advisory_lock(hashtext('governance_sync'))"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
KILLED = """
import asyncio, sys
from reconciler.plan import ports
from reconciler.postgres import lock as postgres_lock

async def main() -> None:
    await postgres_lock.PostgresLock(sys.argv[1]).acquire(ports.Holder(who="alice@laptop", run="42"))
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_one_of_twenty_who_want_it_at_once_gets_it_and_the_others_leave_no_session(database_url: str) -> None:
    async def wanted(number: int) -> postgres_lock.PostgresLease | None:
        try:
            return await postgres_lock.PostgresLock(database_url).acquire(ports.Holder(who=f"racer {number}"))
        except errors.LockedError:
            return None

    won = [lease for lease in await asyncio.gather(*map(wanted, range(20))) if lease]
    assert len(won) == 1

    async def is_alone() -> bool:
        return postgres.execute(database_url, SESSIONS) == [(1,)]

    await remote.until(is_alone)
    await won[0].release()


async def test_a_holder_that_is_killed_frees_it_at_once(database_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, database_url), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    lock = postgres_lock.PostgresLock(database_url)
    found = await lock.holder()
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    assert found is not None
    assert (found.who, found.run) == ("alice@laptop", "42")

    async def is_free() -> bool:
        return await lock.holder() is None

    await remote.until(is_free, seconds=2)
    await (await lock.acquire(BOB)).release()


async def test_who_is_locked_out_is_told_who_has_it_and_since_when(database_url: str) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    since = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(minutes=5)
    held = await lock.acquire(ports.Holder(who="zoë@büro", run="12345678901/1", since=since))
    assert await lock.holder() == ports.Holder(who="zoë@büro", run="12345678901/1", since=since)
    with pytest.raises(errors.LockedError) as caught:
        await lock.acquire(BOB)
    assert caught.value.message == "the schedules have been locked by zoë@büro (run 12345678901/1) for 5 min"
    assert caught.value.hint.startswith("wait with --lock-timeout, or see reconciler lock show")
    await held.release()


async def test_the_earlier_sync_excludes_us_and_is_named(database_url: str) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    with psycopg.connect(database_url, autocommit=True, application_name="governance-sync") as earlier:
        assert earlier.execute(EARLIER_SYNC).fetchone() == (True,)
        with pytest.raises(
            errors.LockedError, match=r"locked by governance-sync \(database role \w+\) for \d+ s"
        ) as caught:
            await lock.acquire(ALICE)
        assert caught.value.exit_code == errors.ExitCode.LOCKED
        found = await lock.holder()
        assert found is not None
        assert found.since is not None
        assert abs(datetime.datetime.now(datetime.UTC) - found.since) < datetime.timedelta(minutes=1)


async def test_we_exclude_the_earlier_sync(database_url: str) -> None:
    held = await postgres_lock.PostgresLock(database_url).acquire(ALICE)
    assert postgres.execute(database_url, EARLIER_SYNC) == [(False,)]
    await held.release()
    assert postgres.execute(database_url, EARLIER_SYNC) == [(True,)]


@pytest.mark.parametrize(
    "other",
    [
        "SELECT pg_advisory_lock(hashtext('another_sync'))",
        "SELECT pg_advisory_lock(hashtext('governance_sync'), 0)",
        "SELECT pg_advisory_lock(-1, hashtext('governance_sync'))",
        "SELECT pg_advisory_lock(hashtext('governance_sync')::bigint & 4294967295)",
    ],
)
async def test_other_advisory_locks_are_not_taken_for_it(database_url: str, other: str) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    with psycopg.connect(database_url, autocommit=True) as someone:
        someone.execute(other.encode())
        assert await lock.holder() is None
        held = await lock.acquire(ALICE)
        assert await lock.holder() is not None
        await held.release()


async def test_the_same_lock_of_another_database_is_another_lock(database_url: str, database_server: str) -> None:
    with postgres.database(database_server) as other:
        held = await postgres_lock.PostgresLock(other).acquire(ALICE)
        assert await postgres_lock.PostgresLock(database_url).holder() is None
        await (await postgres_lock.PostgresLock(database_url).acquire(BOB)).release()
        await held.release()


async def test_a_holder_whose_session_is_ended_knows(database_url: str) -> None:
    held = await postgres_lock.PostgresLock(database_url).acquire(ALICE)
    assert await held.lost() == ""
    postgres.execute(
        database_url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'reconciler:%:42:%'"
        " AND datname = current_database()",
    )

    async def is_lost() -> bool:
        return await held.lost() == postgres_lock.TAKEN

    await remote.until(is_lost)
    again = await postgres_lock.PostgresLock(database_url).acquire(BOB)
    await held.release()  # frees no lock of others
    found = await postgres_lock.PostgresLock(database_url).holder()
    assert found is not None
    assert found.who == "bob"
    await again.release()


async def test_a_holder_whose_database_is_silent_cannot_say_that_it_holds_it_and_lets_go_in_time(
    database_url: str,
) -> None:
    async with relay.running(database_url) as wire:
        held = await postgres_lock.PostgresLock(wire.url, fresh=1, patience=0.2).acquire(ALICE)
        assert await held.lost() == ""
        wire.hold()

        async def is_lost() -> bool:
            return await held.lost() == core_locking.UNSURE

        await remote.until(is_lost, seconds=5)
        async with asyncio.timeout(10):
            await held.release()


async def test_a_write_waits_while_nobody_can_tell_whether_the_lock_is_held_and_goes_on_once_it_is(
    database_url: str,
) -> None:
    async with relay.running(database_url) as wire:
        held = await postgres_lock.PostgresLock(wire.url, fresh=1, patience=30).acquire(ALICE)
        wire.hold()
        await remote.until(lambda: _waits(held))
        asking = asyncio.ensure_future(held.lost())
        wire.flow()
        assert await asking == ""
        await held.release()
        assert await postgres_lock.PostgresLock(database_url).holder() is None


async def _waits(held: postgres_lock.PostgresLease) -> bool:
    """Tell whether the question is not answered at once."""
    try:
        async with asyncio.timeout(0.05):
            await held.lost()
    except TimeoutError:
        return True
    return False


async def test_another_program_can_be_freed_too_and_returns_who_it_was(database_url: str) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    assert await lock.free() is None
    with psycopg.connect(database_url, autocommit=True, application_name="governance-sync") as earlier:
        earlier.execute(EARLIER_SYNC)
        freed = await lock.free()
        assert freed is not None
        assert freed.who.startswith("governance-sync (database role ")
        assert await lock.holder() is None
        with pytest.raises(psycopg.OperationalError):
            earlier.execute("SELECT 1")


async def test_who_may_not_end_the_holders_session_is_told_what_to_do(database_url: str) -> None:
    with postgres.role(database_url, "LOGIN PASSWORD 'right'") as role:
        lock = postgres_lock.PostgresLock(postgres.altered(database_url, user=role, password="right"))  # noqa: S106
        held = await postgres_lock.PostgresLock(database_url).acquire(ALICE)
        found = await lock.holder()  # what a stranger may not see of the session is in its name
        assert found is not None
        assert (found.who, found.run, found.since is None) == ("alice@laptop", "42", False)
        with pytest.raises(errors.StoreError, match="to terminate the session of alice@laptop") as caught:
            await lock.free()
        assert "or grant this role pg_signal_backend" in caught.value.hint
        assert await held.lost() == ""
        await held.release()


@pytest.mark.parametrize("steps", range(1, 5))
async def test_who_is_interrupted_while_releasing_it_leaves_it_free(database_url: str, steps: int) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    lease = await lock.acquire(ALICE)
    assert await lease.lost() == ""
    releasing = asyncio.ensure_future(lease.release())
    for _ in range(steps):
        await asyncio.sleep(0)
    releasing.cancel()
    await asyncio.wait([releasing])

    async def is_free() -> bool:
        return await lock.holder() is None and postgres.execute(database_url, SESSIONS) == [(0,)]

    await remote.until(is_free)


async def test_who_is_interrupted_while_taking_it_leaves_it_free(database_url: str) -> None:
    lock = postgres_lock.PostgresLock(database_url)
    for seconds in (0.0, 0.002, 0.01, 0.02):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (await lock.acquire(ALICE)).release()

    async def is_free() -> bool:
        return await lock.holder() is None and postgres.execute(database_url, SESSIONS) == [(0,)]

    await remote.until(is_free)
