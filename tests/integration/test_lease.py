"""Temporal itself as a lock, on the real server."""

from __future__ import annotations

import asyncio
import datetime

import pytest

from reconciler import errors
from reconciler.plan import ports
from reconciler.temporal import connect, lease
from tests.support import remote
from tools import devserver

ALICE = ports.Holder(who="alice@laptop", run="42")
SHORT = datetime.timedelta(seconds=2)


@pytest.fixture
async def server(dev_server: devserver.DevServer, namespace: str) -> connect.Server:
    return await remote.connected(dev_server.address, namespace)


async def test_one_of_fifty_who_want_it_at_once_gets_it(server: connect.Server) -> None:
    async def wanted(number: int) -> bool:
        try:
            await server.lock("governance:").acquire(ports.Holder(who=f"racer {number}"))
        except errors.LockedError:
            return False
        return True

    assert sum(await asyncio.gather(*map(wanted, range(50)))) == 1


async def test_who_is_locked_out_is_told_who_has_it(server: connect.Server) -> None:
    held = await server.lock("governance:").acquire(ALICE)
    with pytest.raises(errors.LockedError, match=r"locked by alice@laptop \(run 42\) for \d+ s") as caught:
        await server.lock("governance:").acquire(ports.Holder(who="bob"))
    assert caught.value.exit_code == errors.ExitCode.LOCKED
    found = await server.lock("governance:").holder()
    assert found is not None
    assert (found.who, found.run) == ("alice@laptop", "42")
    assert await held.lost() == ""
    await held.release()


async def test_what_is_released_can_be_taken_again_and_other_prefixes_are_other_locks(server: connect.Server) -> None:
    first = await server.lock("governance:").acquire(ALICE)
    other = await server.lock("other:").acquire(ALICE)
    await first.release()
    assert await server.lock("governance:").holder() is None
    second = await server.lock("governance:").acquire(ALICE)
    await first.release()  # a run that has ended ends no other
    assert await server.lock("governance:").holder() is not None
    for held in (second, other):
        await held.release()


async def test_a_holder_that_is_gone_frees_it_when_its_lease_ends(server: connect.Server) -> None:
    await server.lock("governance:", length=SHORT).acquire(ALICE)

    async def is_free() -> bool:
        return await server.lock("governance:").holder() is None

    await remote.until(is_free)
    await (await server.lock("governance:").acquire(ALICE)).release()


async def test_a_holder_whose_lease_nears_its_end_has_lost_it(server: connect.Server) -> None:
    held = await server.lock("governance:", length=lease.MARGIN).acquire(ALICE)
    assert await held.lost() == "the lock's lease is about to expire"
    await held.release()


async def test_a_holder_from_whom_it_is_taken_knows(server: connect.Server) -> None:
    held = await server.lock("governance:").acquire(ALICE)
    freed = await server.lock("governance:").free()
    assert freed is not None
    assert freed.who == "alice@laptop"

    async def is_lost() -> bool:
        return await held.lost() == "the lock was released by another session"

    await remote.until(is_lost)
    assert await server.lock("governance:").free() is None
    await held.release()
