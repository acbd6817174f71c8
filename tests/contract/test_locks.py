"""What every lock promises of `ports.Lock` and `ports.Lease`, each on the real server."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import TypeAlias

import pytest

from reconciler import errors
from reconciler.plan import locks, ports
from reconciler.postgres import lock as postgres_lock
from tests.support import remote
from tools import devserver

ALICE = ports.Holder(who="alice@laptop", run="42")
BOB = ports.Holder(who="bob")

Make: TypeAlias = Callable[[], ports.Lock]


@pytest.fixture(params=["temporal", "several prefixes in temporal", "postgres"])
async def make(request: pytest.FixtureRequest) -> Make:
    """Return what makes another program's view of the same lock."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("database_url")
        return lambda: postgres_lock.PostgresLock(url)
    address = request.getfixturevalue("dev_server").address
    server = await remote.connected(address, request.getfixturevalue("namespace"))
    if request.param == "temporal":
        return lambda: server.lock("governance:")
    return lambda: locks.Several([server.lock("acme:"), server.lock("governance:")])


async def who(lock: ports.Lock) -> str:
    """Return who has the lock, empty when nobody has."""
    found = await lock.holder()
    return found.who if found else ""


async def test_nobody_holds_a_lock_that_nobody_took(make: Make) -> None:
    assert await make().holder() is None
    assert await make().free() is None


async def test_one_of_many_who_want_it_at_once_gets_it(make: Make) -> None:
    taken = await asyncio.gather(*(make().acquire(ALICE) for _ in range(10)), return_exceptions=True)
    won = [each for each in taken if not isinstance(each, BaseException)]
    assert [type(each) for each in taken if isinstance(each, BaseException)] == [errors.LockedError] * 9
    await won[0].release()


async def test_the_holder_is_known_to_all(make: Make) -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2)
    held = await make().acquire(ALICE)
    found = await make().holder()
    assert found is not None
    assert (found.who, found.run) == ("alice@laptop", "42")
    assert found.since is not None
    assert before < found.since < before + datetime.timedelta(minutes=1)
    assert await held.lost() == ""
    await held.release()


async def test_who_is_locked_out_is_told_who_has_it_and_what_to_do(make: Make) -> None:
    held = await make().acquire(ALICE)
    with pytest.raises(
        errors.LockedError, match=r"^the schedules have been locked by alice@laptop \(run 42\) for \d+ s$"
    ) as caught:
        await make().acquire(BOB)
    assert caught.value.exit_code == errors.ExitCode.LOCKED
    assert caught.value.hint.startswith("wait with --lock-timeout, or see reconciler lock show")
    assert await who(make()) == "alice@laptop"
    await held.release()


async def test_what_is_released_can_be_taken_at_once_and_not_released_by_its_last_holder(make: Make) -> None:
    first = await make().acquire(ALICE)
    await first.release()
    assert await make().holder() is None
    second = await make().acquire(BOB)
    await first.release()
    assert await who(make()) == "bob"
    await second.release()


async def test_what_is_freed_can_be_taken_at_once_and_its_holder_knows(make: Make) -> None:
    first = await make().acquire(ALICE)
    freed = await make().free()
    assert freed is not None
    assert (freed.who, freed.run) == ("alice@laptop", "42")
    second = await make().acquire(BOB)

    async def is_lost() -> bool:
        return (await first.lost()).startswith("the lock was released by another session")

    await remote.until(is_lost)
    await first.release()
    assert await who(make()) == "bob"
    assert await second.lost() == ""
    await second.release()


async def test_locks_of_overlapping_prefixes_exclude_each_other(
    dev_server: devserver.DevServer, namespace: str
) -> None:
    server = await remote.connected(dev_server.address, namespace)
    first, shared, last = (server.lock(prefix) for prefix in ("a:", "b:", "c:"))
    held = await locks.Several([shared, last]).acquire(ALICE)
    with pytest.raises(errors.LockedError, match="locked by alice@laptop"):
        await locks.Several([first, shared]).acquire(BOB)
    assert await first.holder() is None  # it was released again
    assert await who(locks.Several([first, shared])) == "alice@laptop"
    await (await first.acquire(BOB)).release()
    freed = await locks.Several([first, last]).free()
    assert freed is not None
    assert freed.who == "alice@laptop"
    held.doubt()
    assert await held.lost() == locks.TAKEN
    await held.release()
    assert await who(shared) == ""
