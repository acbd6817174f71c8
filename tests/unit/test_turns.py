from __future__ import annotations

import asyncio
import datetime
import threading

import pytest

from reconciler import errors
from reconciler.plan import ports
from reconciler.platform.api import threads, turns

NO_TIME = datetime.timedelta(0)
MINUTE = datetime.timedelta(minutes=1)


def holder(who: str) -> ports.Holder:
    return ports.Holder(who=who)


async def test_whoever_does_not_wait_is_told_whose_turn_it_is() -> None:
    turn = turns.Turn()
    async with turn.taken(holder("alice"), NO_TIME) as left:
        assert left == NO_TIME
        with pytest.raises(errors.LockedError, match="a sync by alice has been running for 0 s") as caught:
            async with turn.taken(holder("bob"), NO_TIME):
                pass
        assert (caught.value.who, caught.value.since is None) == ("alice", False)
    async with turn.taken(holder("bob"), NO_TIME):
        pass


async def test_whoever_waits_has_the_turn_next_and_the_rest_of_the_time() -> None:
    turn = turns.Turn()
    order: list[str] = []

    async def sync(who: str) -> None:
        async with turn.taken(holder(who), MINUTE) as left:
            assert NO_TIME < left <= MINUTE
            order.append(who)
            await asyncio.sleep(0)

    await asyncio.gather(*map(sync, "abc"))
    assert order == ["a", "b", "c"]


async def test_work_that_does_not_end_holds_up_neither_other_work_nor_the_end() -> None:
    found, released = threads.Threads(), threading.Event()
    waiting = [asyncio.ensure_future(found.run(released.wait)) for _ in range(50)]
    assert await found.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await found.run(lambda: 1 // 0)
    await found.settle(0)
    waiting[0].cancel()
    released.set()
    assert await asyncio.gather(*waiting[1:]) == [True] * 49
    await found.settle(10)
