from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Iterable

import pytest

from reconciler.temporal import pacing


def window(size: int = pacing.WINDOW) -> pacing.Window:
    """A window without jitter."""
    made = pacing.Window(jitter=lambda: 0.5)
    made.size = size
    return made


def serve(to: pacing.Window, latency: float, now: float = 0.0) -> None:
    """Let the window see a full round of successes."""
    for _ in range(to.size):
        to.on_success(now, now + latency, is_full=True)


def starts(rate: pacing.Rate, asked: Iterable[float]) -> list[float]:
    return [now + rate.delay(now) for now in asked]


@pytest.mark.parametrize("per_second", [0.5, 3.0, 10.0, 100.0, 2500.0])
@pytest.mark.parametrize("asked", ["at once", "early and late", "one by one"])
def test_no_second_has_more_calls_than_the_rate_and_its_burst(per_second: float, asked: str) -> None:
    rate = pacing.Rate(per_second)
    count = int(per_second * 4) + 2
    if asked == "one by one":
        started, now = [], 0.0
        for _ in range(count):
            now += rate.delay(now)
            started.append(now)
    else:
        started = starts(rate, [0.0] * count if asked == "at once" else [0.0, *[7.3] * count])
    burst = max(per_second * 0.1, 1)
    for number, start in enumerate(started):
        within = bisect.bisect_left(started, start + 1 - 1e-6) - number
        assert within <= per_second + burst + 1e-6


def test_a_rate_is_used_up() -> None:
    rate = pacing.Rate(10)
    assert starts(rate, [0.0] * 41)[-1] == pytest.approx(4.0)
    assert rate.delay(100.0) == 0


def test_a_window_grows_by_one_after_each_full_round() -> None:
    grown = window()
    for size in range(pacing.WINDOW, pacing.WINDOW + 5):
        assert grown.size == size
        serve(grown, 0.05)


def test_a_window_that_is_not_full_does_not_grow() -> None:
    idle = window()
    for _ in range(10 * pacing.WINDOW):
        idle.on_success(0, 0.05, is_full=False)
    assert idle.size == pacing.WINDOW


def test_a_window_never_grows_beyond_its_bound() -> None:
    grown = window()
    for _ in range(2 * pacing.WIDEST):
        serve(grown, 0.05)
    assert grown.size == pacing.WIDEST


def test_a_window_stops_growing_where_calls_only_queue_in_the_server() -> None:
    queued = window()
    for _ in range(3 * pacing.WIDEST):
        serve(queued, queued.size * 0.01)  # the server serves one call after the other
    assert pacing.WINDOW < queued.size < pacing.WINDOW * 1.5


def test_a_window_recovers_although_calls_are_slower_than_before_a_refusal() -> None:
    narrow = window()
    serve(narrow, 0.001)
    narrow.on_refusal(1.0, 1.0)
    for _ in range(20):
        serve(narrow, 1.0, now=2.0)
    assert narrow.size == pacing.WINDOW


def test_a_refusal_halves_the_window_once_for_all_calls_in_progress() -> None:
    narrow = window()
    for _ in range(15):
        narrow.on_refusal(started=1.0, now=1.1)
    assert narrow.size == pacing.WINDOW // 2
    narrow.on_refusal(started=1.2, now=1.3)
    assert narrow.size == pacing.WINDOW // 4


def test_a_window_stays_open_for_one_call() -> None:
    narrow = window()
    for now in range(1, 30):
        narrow.on_refusal(float(now), float(now))
    assert narrow.size == 1


def test_pauses_get_longer_until_a_call_is_served() -> None:
    refused = window()
    pauses = []
    for now in (1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 40.0):
        refused.on_refusal(now, now)
        pauses.append(round(refused.opens_at - now, 3))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    refused.on_success(30.0, 41.0, is_full=False)  # started before the last refusal: that is not news
    refused.on_refusal(50.0, 50.0)
    assert refused.opens_at - 50 == 5.0
    refused.on_success(56.0, 57.0, is_full=False)
    refused.on_refusal(58.0, 58.0)
    assert refused.opens_at - 58 == pytest.approx(0.2)


def test_pauses_of_several_programs_differ() -> None:
    opened = set()
    for _ in range(20):
        refused = pacing.Window()
        refused.on_refusal(1.0, 1.0)
        opened.add(refused.opens_at)
        assert 1.15 <= refused.opens_at <= 1.25
    assert len(opened) > 10


def test_the_server_knows_best_when_to_send_again() -> None:
    for _ in range(20):
        advised = pacing.Window()
        advised.on_refusal(1.0, 1.0, 8.0)
        assert 9.0 <= advised.opens_at <= 11.0
    before = advised.opens_at
    advised.on_refusal(0.5, 1.1, 0.1)  # another of the same time asks for less
    assert advised.opens_at == before


async def test_the_window_is_the_most_that_is_in_progress() -> None:
    pace = pacing.Pace()
    now = most = 0

    async def call() -> None:
        nonlocal now, most
        async with pace.turn():
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(call() for _ in range(200)))
    assert (most, now) == (pacing.WINDOW, 0)


async def test_a_cancelled_call_leaves_its_turn_to_others() -> None:
    pace = pacing.Pace()
    entered = asyncio.Semaphore(0)

    async def call(*, hangs: bool) -> None:
        async with pace.turn():
            entered.release()
            if hangs:
                await asyncio.Event().wait()

    hanging = [asyncio.ensure_future(call(hangs=True)) for _ in range(pacing.WINDOW)]
    for _ in hanging:
        await entered.acquire()
    waiting = [asyncio.ensure_future(call(hangs=True)) for _ in range(3)]
    patient = asyncio.ensure_future(call(hangs=False))
    await asyncio.sleep(0)
    for each in (*waiting, *hanging):
        each.cancel()
    await asyncio.wait_for(patient, 10)
    await asyncio.gather(*waiting, *hanging, return_exceptions=True)


async def test_a_refusal_holds_back_the_calls_that_wait_for_the_rate() -> None:
    ticks = itertools.count()
    pace = pacing.Pace(pacing.Rate(1_000_000), clock=lambda: float(next(ticks)) / 1000)
    async with pace.turn() as started:
        pace.on_refusal(started, 0.05)
    async with pace.turn() as again:
        assert again - started >= 0.05


async def test_callers_that_share_a_rate_take_turns() -> None:
    rate = pacing.Rate(200)
    crowd, one = pacing.Pace(rate), pacing.Pace(rate)
    started: list[str] = []

    async def call(pace: pacing.Pace, name: str) -> None:
        async with pace.turn():
            started.append(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(call(crowd, "crowd"))
        await asyncio.sleep(0)
        group.create_task(call(one, "one"))
    assert started.index("one") < 30
