from __future__ import annotations

import asyncio

import pytest

from reconciler.platform.api import limits, recent


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_client_of_ipv6_counts_as_one_whatever_address_it_takes(host: str, client: str) -> None:
    assert limits.network(host) == client


def test_of_many_tokens_the_ones_in_use_are_known() -> None:
    known = limits.Known(most=2)
    known.learn(b"a", "alice")
    known.learn(b"b", "bob")
    known.learn(b"a", "alice")
    known.learn(b"c", "carol")
    assert [known.subject(each) for each in (b"a", b"b", b"c")] == ["alice", None, "carol"]
    known.forget(b"a")
    known.forget(b"a")
    assert known.subject(b"a") is None


async def test_a_question_that_many_ask_at_once_is_asked_once_and_a_good_answer_is_repeated() -> None:
    asked: list[str] = []
    answers = iter(["away", "ok", "ok"])

    async def ask() -> str:
        await asyncio.sleep(0)
        asked.append(next(answers))
        return asked[-1]

    latest: recent.Recent[str] = recent.Recent(lambda found: found == "ok", seconds=3600)
    assert await asyncio.gather(*(latest.answer(ask) for _ in range(100))) == ["away"] * 100
    assert await latest.answer(ask) == "ok"
    assert await latest.answer(ask) == "ok"
    assert asked == ["away", "ok"]


async def test_who_stops_waiting_for_an_answer_does_not_take_it_from_the_others() -> None:
    go = asyncio.Event()

    async def ask() -> bool:
        return await go.wait()

    latest: recent.Recent[bool] = recent.Recent(bool, seconds=0)
    hurried, patient = (asyncio.create_task(latest.answer(ask)) for _ in range(2))
    await asyncio.sleep(0)
    hurried.cancel()
    await asyncio.wait({hurried})
    go.set()
    assert await patient
