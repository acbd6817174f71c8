from __future__ import annotations

import asyncio

import pytest

from reconciler import concurrency


async def test_results_have_the_order_of_the_works() -> None:
    turn = asyncio.Event()

    async def first() -> str:
        await turn.wait()
        return "first"

    async def second() -> str:
        turn.set()
        return "second"

    assert await concurrency.gathered([first(), second()]) == ["first", "second"]


async def test_after_an_error_nothing_is_left_running() -> None:
    ended = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # as a call that is canceled: it takes a moment
            ended.append("endless")

    async def broken() -> None:
        await asyncio.sleep(0)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await concurrency.gathered([endless(), broken(), endless()])
    assert ended == ["endless", "endless"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancellation_ends_the_works_too() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.ensure_future(concurrency.gathered([endless()]))
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_no_more_than_the_limit_are_in_progress() -> None:
    running, most = 0, 0

    async def square(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number * number

    assert await concurrency.mapped(square, range(10), 3) == [number * number for number in range(10)]
    assert most == 3
    assert await concurrency.mapped(square, (), 3) == []


async def test_after_an_error_no_further_item_is_begun() -> None:
    started = []

    async def broken(number: int) -> None:
        started.append(number)
        await asyncio.sleep(0)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await concurrency.mapped(broken, range(10), 2)
    assert started == [0, 1]
