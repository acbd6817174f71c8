"""Liveness and readiness, asked over real connections and told in the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import httpx
import pytest

from reconciler import errors
from reconciler.platform.worker import health, lifecycle, probes
from tests.support import remote
from tools import ports


async def ready() -> Mapping[str, str]:
    return {"polling": "", "database": ""}


async def unready() -> Mapping[str, str]:
    return {"polling": "draining", "database": ""}


@pytest.fixture
def address() -> tuple[str, int]:
    return "127.0.0.1", ports.reserve()


async def asked(address: tuple[str, int], path: str, method: str = "GET") -> httpx.Response:
    host, port = address
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, f"http://{host}:{port}{path}")


async def test_it_is_alive_and_ready(address: tuple[str, int]) -> None:
    async with health.served(address, ready):
        alive, able = await asked(address, "/healthz"), await asked(address, "/readyz?verbose")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (able.status_code, able.json()) == (200, {"status": "ready", "polling": "ok", "database": "ok"})


async def test_while_it_drains_it_is_alive_and_not_ready_and_says_why(address: tuple[str, int]) -> None:
    async with health.served(address, unready):
        alive, able = await asked(address, "/healthz"), await asked(address, "/readyz")
    assert alive.status_code == 200
    assert (able.status_code, able.json()) == (503, {"status": "not ready", "polling": "draining", "database": "ok"})


async def test_other_paths_and_methods_are_refused_and_a_head_has_no_body(address: tuple[str, int]) -> None:
    async with health.served(address, ready):
        assert (await asked(address, "/")).status_code == 404
        assert (await asked(address, "/healthz", "POST")).status_code == 405
        assert (await asked(address, "/healthz", "HEAD")).content == b""


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"\xff\x00\r\n\r\n", b"x" * 100_000, b"GET"])
async def test_what_is_no_request_harms_nobody(address: tuple[str, int], sent: bytes) -> None:
    async with health.served(address, ready):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        writer.write_eof()
        await reader.read()
        writer.close()
        assert (await asked(address, "/healthz")).status_code == 200


async def test_what_goes_away_is_told_once_and_that_it_is_back_at_most_every_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = {"polling": "the server returned UNAVAILABLE", "database": ""}
    slow, both = {**away, "polling": "did not respond in time"}, {**away, "database": "no response"}
    states = iter([await ready(), away, slow, both, await ready(), await ready()])
    passed = 0.0
    reported: list[tuple[float, str, Mapping[str, str]]] = []

    async def now() -> Mapping[str, str]:
        return next(states)

    async def pause(seconds: float) -> None:
        nonlocal passed
        reported.extend((passed, record.getMessage(), record.__dict__["fields"]) for record in caplog.records)
        caplog.clear()
        passed += seconds

    with pytest.raises(RuntimeError, match="StopIteration"):  # the states are at their end
        await lifecycle.watch(now, pause)
    lost = "the worker is not ready"
    assert reported == [
        (10, lost, {"polling": "the server returned UNAVAILABLE"}),
        (75, lost, {"polling": "the server returned UNAVAILABLE", "database": "no response"}),
        (135, "the worker is ready again", {}),
    ]


async def test_what_never_answers_is_reported_in_time_and_asked_once(address: tuple[str, int]) -> None:
    questions = 0
    is_back = asyncio.Event()

    async def frozen() -> None:
        nonlocal questions
        questions += 1
        while not is_back.is_set():  # it holds a cancelled question too, as a driver does
            with contextlib.suppress(asyncio.CancelledError):
                await is_back.wait()

    probe = probes.Probe(frozen, patience=0.01)

    async def state() -> Mapping[str, str]:
        return {"database": await probe.answer()}

    async with health.served(address, state):
        found = await asyncio.gather(*(asked(address, "/readyz") for _ in range(3)))
        assert {each.status_code for each in found} == {503}
        assert found[0].json() == {"status": "not ready", "database": "did not respond in time"}
        assert questions == 1
        is_back.set()
        await remote.until(lambda: _is_ready(address))


async def test_an_answer_that_came_too_late_is_not_given_to_a_later_request() -> None:
    is_back = asyncio.Event()
    wrong = ""

    async def ask() -> None:
        await is_back.wait()
        if wrong:
            raise errors.StoreError(wrong, hint="")

    probe = probes.Probe(ask, patience=0.01)
    assert await probe.answer() == "did not respond in time"
    is_back.set()
    await remote.until(lambda: _has_ended(probe))
    wrong = "the database is away"
    assert await probe.answer() == "no response"


async def _has_ended(probe: probes.Probe) -> bool:
    return probe._open is not None and probe._open.done()  # nothing else shows it


async def _is_ready(address: tuple[str, int]) -> bool:
    return (await asked(address, "/readyz")).status_code == 200
