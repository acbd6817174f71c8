"""What a user case does when the server hangs, drops, refuses or loses: provoked on the loopback fake."""

from __future__ import annotations

import asyncio
import datetime
import logging
import threading
import time

import grpc
import pytest

from reconciler import errors
from reconciler.plan import apply as plan_apply
from reconciler.plan import locks, plans, ports
from reconciler.schedule import declarations, model
from reconciler.temporal import calls, connect, pacing, schedules
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import fake_temporal, relay, remote

SHORT = datetime.timedelta(seconds=0.3)


@pytest.fixture
async def server(fake: fake_temporal.FakeTemporal) -> connect.Server:
    return await remote.connected(fake.address)


@pytest.fixture
async def impatient(fake: fake_temporal.FakeTemporal) -> connect.Server:
    """The server, given little time for each call, but enough on a busy machine."""
    return await remote.connected(fake.address, request_timeout=datetime.timedelta(seconds=2))


@pytest.fixture
def soon_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server count as away once it has answered nothing for a moment."""
    monkeypatch.setattr(calls, "SILENCE", 3.0)  # long enough for a probe on a busy machine
    monkeypatch.setattr(calls, "_PROBE_EVERY", 0.1)
    monkeypatch.setattr(calls, "READ_TIMEOUTS", (SHORT, SHORT))


def declaration(*schedules: model.Schedule) -> declarations.Declaration:
    place = declarations.Place(path="spec.yaml", line=1, column=1)
    charters = (declarations.Charter(name=each.id, place=place, schedule=each) for each in schedules)
    return declarations.Declaration(path="spec.yaml", charters=tuple(charters))


async def plan(server: connect.Server, *schedules: model.Schedule) -> plans.Plan:
    return await read_plan(declaration(*schedules), server.schedules, server.target())


async def apply(server: connect.Server, planned: plans.Plan) -> list[tuple[str, plans.Status, str]]:
    reported: list[plans.Outcome] = []
    outcomes = (await apply_plan(planned, server.schedules, reported.append)).outcomes
    assert sorted(each.change.id for each in reported) == sorted(each.change.id for each in outcomes)
    return [(each.change.id, each.status, each.detail) for each in outcomes]


def refuse(code: grpc.StatusCode, text: str) -> fake_temporal.Fault:
    def fault() -> None:
        raise fake_temporal.Refusal(code, text)

    return fault


async def test_a_describe_that_hangs_is_asked_again(
    fake: fake_temporal.FakeTemporal, server: connect.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "READ_TIMEOUTS", (SHORT, SHORT * 10))
    fake.before["DescribeSchedule"] = [fake.hang]
    planned = await plan(server, remote.schedule())
    assert [change.verb for change in planned.changes] == [plans.Verb.CREATE]
    assert fake.calls["DescribeSchedule"] == 2


async def test_a_call_that_hangs_for_good_is_an_error_that_says_so(
    fake: fake_temporal.FakeTemporal, impatient: connect.Server
) -> None:
    fake.before["DescribeSchedule"] = [fake.hang] * 2
    with pytest.raises(errors.UnreachableError, match="did not respond in time"):
        await plan(impatient, remote.schedule())


@pytest.mark.usefixtures("soon_silent")
async def test_a_server_that_is_slow_is_waited_for_as_long_as_it_answers_anything(
    fake: fake_temporal.FakeTemporal, server: connect.Server, caplog: pytest.LogCaptureFixture
) -> None:
    fake.before["DescribeSchedule"] = [fake.hang] * 12  # longer than a server may be silent
    fake.before["CreateSchedule"] = [lambda: time.sleep(2 * calls.SILENCE)]
    outcomes = await apply(server, await plan(server, remote.schedule()))
    assert outcomes == [("governance:alpha", plans.Status.DONE, "")]
    assert caplog.messages == [f"Temporal at {fake.address} is responding slowly; waiting for up to 300 s"]


@pytest.mark.usefixtures("soon_silent")
async def test_a_server_that_answers_nothing_is_away_however_long_a_call_may_take(
    fake: fake_temporal.FakeTemporal,
) -> None:
    async with relay.running(f"postgresql://{fake.address}") as wire:
        server = await remote.connected(wire.address)
        wire.hold()
        with pytest.raises(errors.UnreachableError, match="did not respond in time"):
            await plan(server, remote.schedule())
        with pytest.raises(errors.UnreachableError, match="did not respond in time"):
            await server.schedules.create(remote.schedule())


def test_a_silent_server_is_given_up_within_ten_seconds() -> None:
    assert calls.SILENCE + calls._PROBE_EVERY < 10
    assert datetime.timedelta(seconds=10) > connect.CONNECT_TIMEOUT


async def test_a_listing_that_fails_is_an_error_and_never_an_empty_list(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    fake.before["ListSchedules"] = [refuse(grpc.StatusCode.PERMISSION_DENIED, "may not list")]
    with pytest.raises(errors.ServerError, match="may not list"):
        await plan(server, remote.schedule())


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_a_listing_that_fails_on_its_second_page_is_whole_or_an_error(
    fake: fake_temporal.FakeTemporal, server: connect.Server, monkeypatch: pytest.MonkeyPatch, code: grpc.StatusCode
) -> None:
    """What would be missing from a part of it would be taken for gone, or left running."""
    monkeypatch.setattr(schedules, "PAGE_SIZE", 2)
    orphans = [remote.schedule(f"orphan{number}") for number in range(5)]
    await apply(server, await plan(server, *orphans))
    fake.before["ListSchedules"] = [lambda: None, refuse(code, "page 2")]
    pages = fake.calls["ListSchedules"]
    try:
        found = await plan(server)
    except errors.ServerError as error:
        assert fake.address in error.message  # noqa: PT017  # either way is right, a part of it is not
    else:
        assert [change.id for change in found.steps] == [each.id for each in orphans]
        assert fake.calls["ListSchedules"] - pages == 4  # three pages, one of them twice


@pytest.mark.usefixtures("soon_silent")
async def test_a_plan_lists_before_it_describes_and_a_slow_listing_is_not_sent_again(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    described: list[int] = []

    def slow() -> None:
        time.sleep(3 * SHORT.total_seconds())
        described.append(fake.calls["DescribeSchedule"])

    fake.before["ListSchedules"] = [slow]
    assert (await plan(server, remote.schedule())).count(plans.Verb.CREATE) == 1
    assert (described, fake.calls["ListSchedules"]) == ([0], 1)


async def test_a_listing_whose_second_page_never_comes_is_an_error(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "PAGE_SIZE", 2)
    await apply(server, await plan(server, *(remote.schedule(f"orphan{number}") for number in range(5))))
    fake.before["ListSchedules"] = [lambda: None, fake.hang, fake.hang]
    with pytest.raises(errors.UnreachableError, match="did not respond in time"):
        await plan(impatient)


@pytest.mark.usefixtures("soon_silent")
async def test_a_connection_that_goes_silent_in_the_middle_of_an_apply_ends_it_in_time_and_the_next_converges(
    fake: fake_temporal.FakeTemporal,
) -> None:
    """The peer is gone and nobody says so: what is sent arrives nowhere, and no answer comes."""
    wanted = [remote.schedule(f"s{number:03}") for number in range(120)]
    async with relay.running(f"postgresql://{fake.address}") as wire:
        server = await remote.connected(wire.address)
        lease = await server.lock("governance:").acquire(ports.Holder(who="test"))
        planned = await plan(server, *wanted)
        reported: list[plans.Outcome] = []

        def tell(outcome: plans.Outcome) -> None:
            reported.append(outcome)
            if len(reported) == 30:
                wire.hold()

        outcomes = (await apply_plan(planned, server.schedules, tell, lost=lease.lost)).outcomes
        statuses = [each.status for each in outcomes]
        assert statuses.count(plans.Status.DONE) >= 30
        assert set(statuses) == {plans.Status.DONE, plans.Status.FAILED, plans.Status.SKIPPED}
        assert len(reported) == len(outcomes) == len(wanted)
        assert statuses.count(plans.Status.FAILED) <= 2 * plan_apply.CONCURRENCY
        wire.flow()
        await lease.release()
    mended = await remote.connected(fake.address)
    await remote.until(lambda: _is_settled(fake))
    assert {status for _, status, _ in await apply(mended, await plan(mended, *wanted))} <= {plans.Status.DONE}
    assert (await plan(mended, *wanted)).steps == ()


async def test_a_connection_that_breaks_again_and_again_is_used_ever_more_rarely(
    fake: fake_temporal.FakeTemporal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_PASSES_WITHIN", 2.0)
    caplog.set_level(logging.DEBUG, "reconciler.temporal.calls")
    async with relay.running(f"postgresql://{fake.address}") as wire:
        server = await remote.connected(wire.address)
        await wire.cut()
        with pytest.raises(errors.UnreachableError, match=r"is not responding \("):
            await plan(server, remote.schedule())
    assert 3 <= len(caplog.records) <= 12


async def _is_settled(fake: fake_temporal.FakeTemporal) -> bool:
    """Tell whether what lay on the wire has arrived: no more creates come."""
    before = fake.calls["CreateSchedule"]
    await asyncio.sleep(0.2)
    return fake.calls["CreateSchedule"] == before


@pytest.mark.usefixtures("soon_silent")
async def test_a_server_that_accepts_and_never_answers_cannot_be_locked_or_planned(
    fake: fake_temporal.FakeTemporal,
) -> None:
    async with relay.running(f"postgresql://{fake.address}") as wire:
        server = await remote.connected(wire.address)
        wire.hold()
        with pytest.raises(errors.UnreachableError, match="did not respond in time"):
            await server.lock("governance:").acquire(ports.Holder(who="test"))
        with pytest.raises(errors.UnreachableError, match="did not respond in time"):
            await plan(server, remote.schedule())


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_a_look_after_the_lock_that_fails_once_loses_it_only_when_it_is_gone(
    fake: fake_temporal.FakeTemporal, server: connect.Server, code: grpc.StatusCode
) -> None:
    fake.before["GetWorkflowExecutionHistory"] = [refuse(code, "injected")]
    lease = await server.lock("governance:").acquire(ports.Holder(who="test"))
    looks = fake.calls["GetWorkflowExecutionHistory"]

    async def has_looked_again() -> bool:
        return await lease.lost() != "" or fake.calls["GetWorkflowExecutionHistory"] >= looks + 2

    await remote.until(has_looked_again)
    assert await lease.lost() == (locks.TAKEN if code is grpc.StatusCode.NOT_FOUND else "")
    await lease.release()


async def test_a_lock_is_kept_while_most_calls_are_refused_for_their_rate(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    limited = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded")
    fake.before["GetWorkflowExecutionHistory"] = ([limited] * 7 + [lambda: None] * 3) * 9
    lease = await server.lock("governance:").acquire(ports.Holder(who="test"))
    looks = fake.calls["GetWorkflowExecutionHistory"]

    async def has_looked() -> bool:
        assert await lease.lost() == ""
        return fake.calls["GetWorkflowExecutionHistory"] >= looks + 10

    await remote.until(has_looked)
    await lease.release()


async def test_a_lock_after_which_nobody_can_look_counts_as_lost(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    fake.before["GetWorkflowExecutionHistory"] = [refuse(grpc.StatusCode.UNAVAILABLE, "away")] * 99
    lease = await server.lock("governance:", fresh=1, patience=0.2).acquire(ports.Holder(who="test"))

    async def is_lost() -> bool:
        return await lease.lost() == locks.UNSURE

    await remote.until(is_lost)
    await lease.release()


async def test_a_server_that_limits_the_rate_is_asked_again(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    limited = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded")
    for method in ("ListSchedules", "DescribeSchedule", "CreateSchedule"):
        fake.before[method] = [limited] * 2
    assert await apply(server, await plan(server, remote.schedule())) == [("governance:alpha", plans.Status.DONE, "")]


async def test_what_is_listed_but_not_found_is_gone(fake: fake_temporal.FakeTemporal, server: connect.Server) -> None:
    fake.ghosts.add("governance:ghost")
    assert (await plan(server)).changes == ()


async def test_what_is_not_ours_is_neither_read_nor_planned(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    raw = await remote.raw(fake.address)
    for schedule_id in ("nightly-backup", "4b0c3d0e-7a0f-4b52-8d6a-0f6f6d1d8a11", "Governance:x", "xgovernance:y"):
        await raw.create(schedule_id, remote.proto_of(remote.schedule()))
    assert (await plan(server)).changes == ()
    assert fake.calls["DescribeSchedule"] == 0


async def test_a_plan_costs_one_describe_for_each_charter_and_one_listing(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    before = fake.calls.copy()
    await plan(server, *(remote.schedule(f"s{number}") for number in range(30)))
    assert fake.calls - before == {"DescribeSchedule": 30, "ListSchedules": 1}


async def test_a_create_costs_a_write_and_a_read_and_an_update_one_read_more(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    await apply(server, await plan(server, remote.schedule("old", paused=True), remote.schedule("gone")))
    planned = await plan(server, remote.schedule("new"), remote.schedule("old", cron="5 * * * *"))
    assert [change.verb.word for change in planned.steps] == ["create", "resume", "pause"]
    before = fake.calls.copy()
    await apply(server, planned)
    assert fake.calls - before == {"CreateSchedule": 1, "UpdateSchedule": 2, "DescribeSchedule": 5}


async def test_reads_go_side_by_side_but_never_more_than_the_bound(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    lock = threading.Lock()
    under_way = most = 0

    def pass_through() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)  # long enough that others would come in between
        with lock:
            under_way -= 1

    fake.before["DescribeSchedule"] = [pass_through] * 100
    await plan(server, *(remote.schedule(f"s{number}") for number in range(100)))
    assert 1 < most <= pacing.WINDOW + 100 // pacing.WINDOW  # one more after each round


@pytest.mark.parametrize("refuses_stale_tokens", [False, True], ids=["dropped in silence", "refused"])
async def test_a_schedule_that_moved_since_the_plan_is_stale_and_left_as_it_is(refuses_stale_tokens: bool) -> None:
    with fake_temporal.running(refuses_stale_tokens=refuses_stale_tokens) as fake:
        server = await remote.connected(fake.address)
        await apply(server, await plan(server, remote.schedule()))
        planned = await plan(server, remote.schedule(cron="5 * * * *"))
        fake.patch("governance:alpha", lambda proto: setattr(proto.state, "paused", True))
        [(_, status, detail)] = await apply(server, planned)
        assert status is plans.Status.STALE
        assert "cron, paused" in detail
        live = await server.schedules.describe("governance:alpha")
        assert live is not None
        assert live.schedule == remote.schedule(paused=True, note="managed by reconciler: declared in spec.yaml")


async def test_an_id_that_somebody_took_since_the_plan_is_stale(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    planned = await plan(server, remote.schedule())
    raw = await remote.raw(fake.address)
    await raw.create("governance:alpha", remote.proto_of(remote.schedule(cron="9 * * * *")))
    assert [(status, "cron" in detail) for _, status, detail in await apply(server, planned)] == [
        (plans.Status.STALE, True)
    ]


@pytest.mark.parametrize("method", ["CreateSchedule", "UpdateSchedule"])
async def test_a_write_whose_answer_is_lost_is_done_once_and_known_to_be_done(
    fake: fake_temporal.FakeTemporal, server: connect.Server, method: str
) -> None:
    if method == "UpdateSchedule":
        await apply(server, await plan(server, remote.schedule(cron="1 * * * *")))
    fake.after[method] = [refuse(grpc.StatusCode.UNAVAILABLE, "connection reset")]
    [(_, status, detail)] = await apply(server, await plan(server, remote.schedule()))
    assert (status, detail) == (plans.Status.DONE, "")
    assert (await plan(server, remote.schedule())).steps == ()


async def test_a_write_that_hangs_but_was_done_counts_as_done(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server
) -> None:
    fake.after["CreateSchedule"] = [fake.hang]
    outcomes = await apply(impatient, await plan(server, remote.schedule()))
    assert outcomes == [("governance:alpha", plans.Status.DONE, "")]


async def test_a_write_that_hangs_and_was_not_done_fails_and_says_so(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server
) -> None:
    fake.before["UpdateSchedule"] = [fake.hang]
    await apply(server, await plan(server, remote.schedule()))
    [(_, status, detail)] = await apply(impatient, await plan(server, remote.schedule(cron="5 * * * *")))
    assert status is plans.Status.FAILED
    assert detail.startswith("the change did not appear on the server")


async def test_one_failure_hides_nothing_but_keeps_the_pauses_back(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    gone, good, bad = (remote.schedule(name) for name in ("gone", "good", "bad"))
    await apply(server, await plan(server, gone))
    planned = await plan(server, good, bad)
    fake.before["CreateSchedule"] = [refuse(grpc.StatusCode.INVALID_ARGUMENT, "the server dislikes it")]
    outcomes = await apply(server, planned)
    statuses = sorted(status.value for _, status, _ in outcomes)
    assert statuses == ["done", "failed", "skipped"]
    assert outcomes[-1][0] == "governance:gone"
    assert "the server dislikes it" in " ".join(detail for _, _, detail in outcomes)
    assert not fake.schedules["governance:gone"].proto.state.paused


async def test_after_the_server_is_gone_every_schedule_has_its_outcome(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server
) -> None:
    planned = await plan(server, *(remote.schedule(f"s{number:02}") for number in range(60)))
    fake.before["CreateSchedule"] = [fake.hang] * 60
    fake.before["DescribeSchedule"] = [fake.hang] * 60
    outcomes = await apply(impatient, planned)
    assert [id_ for id_, _, _ in outcomes] == [f"governance:s{number:02}" for number in range(60)]
    assert {status for _, status, _ in outcomes} == {plans.Status.FAILED, plans.Status.SKIPPED}
    for _, status, detail in outcomes:
        assert detail.startswith(
            "the write may or may not have taken effect" if status is plans.Status.FAILED else "not started"
        )


async def test_a_schedule_that_was_deleted_and_made_anew_is_not_overwritten(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    """Conflict tokens count from 1 for each new schedule, so that an old one fits."""
    raw = await remote.raw(fake.address)
    await raw.create("governance:alpha", remote.proto_of(remote.schedule()))
    planned = await plan(server, remote.schedule(cron="5 * * * *"))
    await raw.delete("governance:alpha")
    somebody_elses = remote.schedule(cron="7 7 * * *", paused=True, note="do not start")
    await raw.create("governance:alpha", remote.proto_of(somebody_elses))
    [(_, status, _)] = await apply(server, planned)
    assert status is plans.Status.STALE
    live = await server.schedules.describe("governance:alpha")
    assert live is not None
    assert live.schedule == somebody_elses


async def test_a_request_that_is_too_large_is_no_rate_limit_and_not_sent_again(
    fake: fake_temporal.FakeTemporal, server: connect.Server
) -> None:
    large = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5 vs. 4)")
    fake.before["CreateSchedule"] = [large] * 99
    [(_, status, detail)] = await apply(server, await plan(server, remote.schedule()))
    assert status is plans.Status.FAILED
    assert detail.startswith("the request is larger than Temporal at")


async def test_one_slow_step_does_not_end_the_others(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server
) -> None:
    planned = await plan(server, *(remote.schedule(f"s{number:02}") for number in range(40)))
    fake.before["CreateSchedule"] = [fake.hang]
    statuses = [status for _, status, _ in await apply(impatient, planned)]
    assert (statuses.count(plans.Status.DONE), statuses.count(plans.Status.SKIPPED)) == (39, 0)


async def test_a_schedule_whose_workflow_has_no_worker_is_asked_again(
    fake: fake_temporal.FakeTemporal, server: connect.Server, impatient: connect.Server
) -> None:
    absent = refuse(grpc.StatusCode.FAILED_PRECONDITION, "no poller seen for task queue recently")
    fake.before["DescribeSchedule"] = [absent]
    assert (await plan(server, remote.schedule())).count(plans.Verb.CREATE) == 1
    fake.before["DescribeSchedule"] = [absent] * 99
    with pytest.raises(errors.UnreachableError, match="no poller seen") as caught:
        await plan(impatient, remote.schedule())
    assert caught.value.exit_code == errors.ExitCode.ERROR
