"""Servers that limit the rate of requests: nothing is lost, the program slows down, and a cap of its own is kept."""

from __future__ import annotations

import asyncio
import collections
import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

from reconciler import errors, settings
from reconciler.plan import apply as plan_apply
from reconciler.plan import locks, plans, ports
from reconciler.plan.apply import Lost
from reconciler.schedule import declarations, model
from reconciler.temporal import connect, pacing
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import fake_temporal, remote, servers
from tools import devserver

HOLDER = ports.Holder(who="test")
CAPPED = ("ListSchedules", "DescribeSchedule", "CreateSchedule")
SCHEDULES = ("DescribeSchedule", "CreateSchedule", "UpdateSchedule")
LIMIT = 10  # requests a second of the real server, for each namespace


async def connected(
    address: str, *, namespace: str = "default", rate: float | None = None, seconds: float = 60
) -> connect.Server:
    return await connect.connect(
        settings.Connection(
            address=address,
            namespace=namespace,
            disable_config_file=True,
            disable_config_env=True,
            request_timeout=datetime.timedelta(seconds=seconds),
            rate=rate,
        )
    )


def declaration(count: int) -> declarations.Declaration:
    place = declarations.Place(path="spec.yaml", line=1, column=1)
    wanted: list[model.Schedule] = [remote.schedule(f"s{number:04}") for number in range(count)]
    charters = (declarations.Charter(name=each.id, place=place, schedule=each) for each in wanted)
    return declarations.Declaration(path="spec.yaml", charters=tuple(charters))


async def applied(
    server: connect.Server, declared: declarations.Declaration, lost: Lost = plan_apply.never
) -> collections.Counter[str]:
    plan = await read_plan(declared, server.schedules, server.target())
    outcomes = (await apply_plan(plan, server.schedules, lambda _: None, lost=lost)).outcomes
    return collections.Counter(
        each.status.name if each.status is plans.Status.DONE else each.detail for each in outcomes
    )


async def test_a_run_takes_longer_than_a_call_may_and_loses_none(fake: fake_temporal.FakeTemporal) -> None:
    """The proportions of 10,000 schedules behind 10 requests a second, faster."""
    limiter = fake_temporal.Limiter(40, counts=SCHEDULES)
    fake.admit = limiter.admit
    started = time.monotonic()
    server = await connected(fake.address, seconds=2)
    assert await applied(server, declaration(100)) == {"DONE": 100}
    assert limiter.admitted == 300
    assert time.monotonic() - started > 3 * server.patience.total_seconds()
    assert limiter.refused < limiter.admitted


async def test_what_the_server_sustains_is_used(fake: fake_temporal.FakeTemporal) -> None:
    limiter = fake_temporal.Limiter(50, counts=SCHEDULES)
    fake.admit = limiter.admit
    server = await connected(fake.address)
    started = time.monotonic()
    await read_plan(declaration(200), server.schedules, server.target())
    assert time.monotonic() - started < 3 * (200 - 50) / 50


async def test_a_server_that_refuses_everything_is_given_up_after_the_patience(
    fake: fake_temporal.FakeTemporal,
) -> None:
    fake.admit = fake_temporal.Limiter(0, counts=SCHEDULES).admit
    server = await connected(fake.address, seconds=1)
    started = time.monotonic()
    with pytest.raises(errors.RateLimitedError, match="is still rate-limiting requests"):
        await server.schedules.describe("governance:alpha")
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("method", ["ListSchedules", "DescribeSchedule"])
async def test_the_server_is_not_asked_before_the_time_that_it_named(
    fake: fake_temporal.FakeTemporal, method: str
) -> None:
    times: list[float] = []

    def refuse() -> None:
        times.append(time.monotonic())
        raise fake_temporal.Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", retry_after=1.5)

    fake.before[method] = [refuse, lambda: times.append(time.monotonic())]
    server = await connected(fake.address)
    await read_plan(declaration(1), server.schedules, server.target())
    refused, served = times
    assert served - refused >= 1.5


async def test_a_wait_that_is_longer_than_the_patience_is_an_error_at_once(fake: fake_temporal.FakeTemporal) -> None:
    def refuse() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", retry_after=3600)

    fake.before["ListSchedules"] = [refuse]
    server = await connected(fake.address)
    with pytest.raises(errors.RateLimitedError, match="slow down"):
        await asyncio.wait_for(server.schedules.ids(), 30)


async def test_a_rate_caps_all_calls_and_the_lock_is_kept(fake: fake_temporal.FakeTemporal) -> None:
    server = await connected(fake.address, rate=25)
    lease = await server.lock("governance:").acquire(HOLDER)
    before = sum(map(fake.calls.__getitem__, CAPPED))
    started = time.monotonic()
    assert await applied(server, declaration(40), lease.lost) == {"DONE": 40}
    count, seconds = sum(map(fake.calls.__getitem__, CAPPED)) - before, time.monotonic() - started
    assert count == 3 * 40 + 1
    assert count <= seconds * 25 + 25 * 0.1 + 1
    assert await lease.lost() == ""
    await lease.release()
    assert fake.calls["GetWorkflowExecutionHistory"] <= seconds / locks.LOOK_EVERY + 2


async def test_an_apply_completes_at_a_rate_at_which_a_turn_takes_longer_than_a_check_of_the_lock_is_valid(
    fake: fake_temporal.FakeTemporal,
) -> None:
    server = await connected(fake.address, rate=1)
    lease = await server.lock("governance:", fresh=0.9, patience=5).acquire(HOLDER)
    started = time.monotonic()
    assert await applied(server, declaration(1), lease.lost) == {"DONE": 1}
    assert time.monotonic() - started == pytest.approx(3, abs=1)  # four calls, as an estimate has it
    await lease.release()


async def test_a_write_that_waits_for_its_turn_is_not_sent_once_the_lock_is_lost(
    fake: fake_temporal.FakeTemporal,
) -> None:
    declared = declaration(4)
    lease = await (await connected(fake.address)).lock("governance:").acquire(HOLDER)
    plan = await read_plan(declared, (unlimited := await connected(fake.address)).schedules, unlimited.target())
    server = await connected(fake.address, rate=2)
    applying = asyncio.ensure_future(apply_plan(plan, server.schedules, lambda _: None, lost=lease.lost))

    async def has_begun() -> bool:
        return fake.calls["CreateSchedule"] > 0

    await remote.until(has_begun)
    await server.lock("governance:").free()
    details = [each.detail for each in (await applying).outcomes]
    assert fake.calls["CreateSchedule"] <= 2
    assert details.count(f"not written: {locks.TAKEN}") >= 2


async def test_a_rate_below_the_servers_limit_is_never_refused(fake: fake_temporal.FakeTemporal) -> None:
    limiter = fake_temporal.Limiter(20, counts=SCHEDULES)
    fake.admit = limiter.admit
    server = await connected(fake.address, rate=18)
    assert await applied(server, declaration(30)) == {"DONE": 30}
    assert limiter.refused == 0


async def test_the_patience_of_a_read_does_not_include_its_wait_for_the_rate(fake: fake_temporal.FakeTemporal) -> None:
    server = await connected(fake.address, rate=2)
    calls_, patience = server.calls(), datetime.timedelta(seconds=0.3)
    request = rpc_pb2.ListSchedulesRequest(namespace="default")
    await asyncio.gather(*(calls_.read(server.service.list_schedules, request, patience=patience) for _ in range(3)))
    fake.before["ListSchedules"] = [fake.hang] * 9
    with pytest.raises(errors.UnreachableError, match="did not respond in time"):
        await asyncio.wait_for(calls_.read(server.service.list_schedules, request, patience=patience), 5)


async def test_a_slow_server_is_sent_more_at_once(fake: fake_temporal.FakeTemporal) -> None:
    """As over a long line, where a call takes its time however few there are."""
    lock = threading.Lock()
    under_way = most = 0

    def take_time() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.2)
        with lock:
            under_way -= 1

    fake.before["DescribeSchedule"] = [take_time] * 600
    server = await connected(fake.address)
    await read_plan(declaration(600), server.schedules, server.target())
    assert most > pacing.WINDOW


@pytest.fixture
def limited_server() -> Iterator[devserver.DevServer]:
    with servers.running(namespaces=("limited",), dynamic={"frontend.namespaceRPS": LIMIT}) as server:
        yield server


@pytest.mark.parametrize("rate", [None, LIMIT / 2])
async def test_a_real_server_that_limits_its_namespaces_gets_everything(
    limited_server: devserver.DevServer, rate: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "reconciler.temporal.calls")

    def is_refused() -> bool:
        calls = (each.__dict__["fields"] for each in caplog.records if each.levelno == logging.DEBUG)
        return any(each["status"] == "RESOURCE_EXHAUSTED" for each in calls)

    server = await connected(limited_server.address, namespace="limited", rate=rate)
    declared = declaration(8)
    async with asyncio.TaskGroup() as tasks:
        if rate is None:  # on a busy machine, our calls alone may stay below the limit
            tasks.create_task(_crowded(limited_server.address, until=is_refused))
        assert await applied(server, declared) == {"DONE": 8}
        assert (await read_plan(declared, server.schedules, server.target())).steps == ()
        assert rate or is_refused()


async def _crowded(address: str, *, until: Callable[[], bool]) -> None:
    """Ask more of the server than it admits, until a condition holds."""
    raw = await remote.raw(address, "limited")
    while not until():
        await asyncio.gather(*(raw.trigger("governance:none") for _ in range(2 * LIMIT)), return_exceptions=True)
