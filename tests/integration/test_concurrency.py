"""Appliers side by side without a lock, and people in between: no accepted change is lost, none is made twice.

Every accepted write raises a schedule's conflict token by one, whoever makes it. So the token at the end counts the
writes that the server accepted, and is compared with those that were told to be done. On V1 the schedule's own
history says in addition which write was accepted, and upon which state.

PAIRS says how many pairs of appliers, PAIRS_SEED which; the usual run has the same ones each time.
"""

from __future__ import annotations

import asyncio
import collections
import datetime
import os
import random

import pytest
import temporalio.client
from google.protobuf import unknown_fields
from temporalio.api.enums.v1 import event_type_pb2 as enums_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

from reconciler.plan import plans
from reconciler.schedule import declarations, model, observed
from reconciler.temporal import connect
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import remote, servers
from tools import devserver

PAIRS = int(os.environ.get("PAIRS") or 20)
SEED = os.environ.get("PAIRS_SEED") or "steady"
LANES = 10  # schedules' prefixes that are worked on at once
IDS = ("alpha", "beta")


@pytest.fixture
async def appliers(dev_server: devserver.DevServer, namespace: str) -> tuple[connect.Server, connect.Server]:
    """Two appliers, each with a connection of its own."""
    return (
        await remote.connected(dev_server.address, namespace),
        await remote.connected(dev_server.address, namespace),
    )


@pytest.fixture
async def client(dev_server: devserver.DevServer, namespace: str) -> temporalio.client.Client:
    """What a person uses."""
    return await temporalio.client.Client.connect(dev_server.address, namespace=namespace)


def declaration(*schedules: model.Schedule) -> declarations.Declaration:
    place = declarations.Place(path="spec.yaml", line=1, column=1)
    charters = (declarations.Charter(name=each.id, place=place, schedule=each) for each in schedules)
    return declarations.Declaration(path="spec.yaml", charters=tuple(charters))


async def plan(server: connect.Server, prefix: str, minute: int) -> plans.Plan:
    wanted = (remote.schedule(f"{prefix}-{name}", cron=f"{minute} * * * *") for name in IDS)
    target = server.target((f"governance:{prefix}-",))
    return await read_plan(declaration(*wanted), server.schedules, target)


async def apply(server: connect.Server, planned: plans.Plan) -> tuple[plans.Outcome, ...]:
    return (await apply_plan(planned, server.schedules, lambda _: None)).outcomes


def token(live: observed.Live) -> int:
    """Return a conflict token as the counter that it is."""
    return int.from_bytes(live.token, "little" if live.token[0] else "big")


class Tally:
    """What became of every step, by schedule."""

    def __init__(self) -> None:
        self.created: collections.Counter[str] = collections.Counter()
        self.done: dict[str, list[int]] = collections.defaultdict(list)  # the tokens that updates were planned upon
        self.stale = 0
        self.failed: list[plans.Outcome] = []

    def add(self, outcomes: tuple[plans.Outcome, ...]) -> None:
        for outcome in outcomes:
            change = outcome.change
            if outcome.status is plans.Status.STALE:
                self.stale += 1
            elif outcome.status is not plans.Status.DONE or outcome.detail:
                self.failed.append(outcome)
            elif change.live is None:
                self.created[change.id] += 1
            else:
                self.done[change.id].append(token(change.live))


async def accepted(client: temporalio.client.Client, schedule_id: str) -> list[int]:
    """Return the token of each write that V1 accepted, by going through the schedule's history as it does.

    It is 0 where the write named none, as a person's does. Of the pauses that come before one and the same workflow
    task V1 takes the last, then of the updates the last, and forgets the others.
    """
    found: list[int] = []
    patched = False
    waiting: int | None = None
    request = rpc_pb2.GetWorkflowExecutionHistoryRequest(namespace=client.namespace)
    request.execution.workflow_id = f"temporal-sys-scheduler:{schedule_id}"
    while True:
        answer = await client.workflow_service.get_workflow_execution_history(request)
        for event in answer.history.events:
            signal = event.workflow_execution_signaled_event_attributes
            if event.event_type == enums_pb2.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                found += [0] * patched
                if waiting is not None and waiting in (0, len(found) + 1):
                    found.append(waiting)
                patched, waiting = False, None
            elif signal.signal_name == "patch":
                patched = True
            elif signal.signal_name == "update":
                waiting = _token_of(signal.input.payloads[0].data)
        request.next_page_token = answer.next_page_token
        if not answer.next_page_token:
            return found


def _token_of(update: bytes) -> int:
    """Return the token of the server's own FullUpdateRequest.

    It has the schedule in the field in which a Describe's answer has it, and a number where that has a message.
    """
    unread = unknown_fields.UnknownFieldSet(rpc_pb2.DescribeScheduleResponse.FromString(update))
    return next((unread[at].data for at in range(len(unread)) if unread[at].field_number == 2), 0)


async def forgotten(
    client: temporalio.client.Client, server: connect.Server, schedule_id: str, tally: Tally, writes: int
) -> int:
    """Return how many of a person's writes V1 forgot, after checking that all other writes are accounted for."""
    live = await server.schedules.describe(schedule_id)
    assert live is not None
    done = sorted(tally.done[schedule_id])
    assert done == sorted(set(done))  # no two were done upon the same state
    if servers.backend() == "v2":
        assert token(live) - 1 >= len(done) + writes
        return 0
    written = await accepted(client, schedule_id)
    assert len(written) == token(live) - 1
    assert set(done) <= set(written)  # what was told to be done was accepted, upon the state it was planned on
    gone = [at for at, given in enumerate(written) if given and given not in done]
    assert [written[at + 1] for at in gone] == [0] * len(gone)  # a person wrote before it was read back
    return writes - written.count(0)


async def test_pairs_of_appliers_with_different_specs_lose_no_update(
    appliers: tuple[connect.Server, connect.Server], client: temporalio.client.Client
) -> None:
    print(f"seed {SEED}, {PAIRS} pairs")
    tally = Tally()

    async def lane(number: int) -> None:
        choose = random.Random(f"{SEED}/{number}")  # noqa: S311
        for _ in range(number, PAIRS, LANES):
            minutes = choose.sample(range(60), 2)
            both = await asyncio.gather(
                *(plan(each, f"l{number}", m) for each, m in zip(appliers, minutes, strict=True))
            )
            for outcomes in await asyncio.gather(*map(apply, appliers, both)):
                tally.add(outcomes)

    await asyncio.gather(*map(lane, range(LANES)))
    assert tally.failed == []
    assert tally.stale >= PAIRS // 2  # they did meet
    for schedule_id in tally.created:
        live = await appliers[0].schedules.describe(schedule_id)
        assert live is not None
        done = sorted(tally.done[schedule_id])
        assert tally.created[schedule_id] == 1
        assert done == sorted(set(done))  # no two were done upon the same state
        assert token(live) - 1 == len(done)  # each that was told is there, and none that was not told
        if servers.backend() == "v1":
            assert await accepted(client, schedule_id) == done
    print(f"{tally.stale} stale, {sum(map(len, tally.done.values()))} done")


async def test_a_persons_change_is_never_undone_by_an_apply_that_did_not_see_it(
    appliers: tuple[connect.Server, connect.Server], client: temporalio.client.Client
) -> None:
    """A person pauses and unpauses while appliers write other times; each pause is one write, and so is each update.

    A pause that comes between an applier's accepted write and its reading back makes that step stale, not done.
    """
    people: collections.Counter[str] = collections.Counter()
    tally = Tally()

    async def person(schedule_id: str, choose: random.Random) -> None:
        handle = client.get_schedule_handle(schedule_id)
        for _ in range(choose.randrange(1, 4)):
            await (handle.pause(note="by hand") if choose.random() < 0.5 else handle.unpause(note="by hand"))
            people[schedule_id] += 1
            await handle.describe()  # V1 forgets a pause that comes before the last one is dealt with

    async def lane(number: int) -> None:
        choose = random.Random(f"{SEED}/person/{number}")  # noqa: S311
        tally.add(await apply(appliers[0], await plan(appliers[0], f"p{number}", 0)))
        ids = [f"governance:p{number}-{name}" for name in IDS]
        for round_ in range(5):
            planned = await plan(appliers[round_ % 2], f"p{number}", choose.randrange(1, 60))
            applying = asyncio.ensure_future(apply(appliers[round_ % 2], planned))
            await asyncio.gather(*(person(each, choose) for each in ids))
            tally.add(await applying)

    await asyncio.gather(*map(lane, range(PAIRS // 4)))
    assert tally.failed == []
    assert tally.stale > 0
    for schedule_id, writes in people.items():
        assert await forgotten(client, appliers[0], schedule_id, tally, writes) == 0
    print(f"{len(people)} schedules, {sum(people.values())} by people, {tally.stale} stale")


async def test_a_persons_edit_is_never_undone_by_an_apply_that_did_not_see_it(
    appliers: tuple[connect.Server, connect.Server], client: temporalio.client.Client
) -> None:
    """A person edits by the SDK, which reads, and writes the whole schedule without a token, whoever wrote meanwhile.

    So an applier's accepted write may be gone when it reads back; it is then told as stale, never as done. V1 itself
    forgets the first of two updates that it has not dealt with, whoever sent them; nobody can tell from outside.
    """
    people: collections.Counter[str] = collections.Counter()
    tally = Tally()

    async def person(schedule_id: str, seconds: int) -> None:
        def edit(seen: temporalio.client.ScheduleUpdateInput) -> temporalio.client.ScheduleUpdate:
            seen.description.schedule.spec.jitter = datetime.timedelta(seconds=seconds)
            return temporalio.client.ScheduleUpdate(schedule=seen.description.schedule)

        await client.get_schedule_handle(schedule_id).update(edit)
        people[schedule_id] += 1

    async def lane(number: int) -> None:
        choose = random.Random(f"{SEED}/edit/{number}")  # noqa: S311
        tally.add(await apply(appliers[0], await plan(appliers[0], f"e{number}", 0)))
        ids = [f"governance:e{number}-{name}" for name in IDS]
        for round_ in range(5):
            planned = await plan(appliers[round_ % 2], f"e{number}", choose.randrange(1, 60))
            applying = asyncio.ensure_future(apply(appliers[round_ % 2], planned))
            await asyncio.gather(*(person(each, choose.randrange(1, 60)) for each in ids))
            tally.add(await applying)

    await asyncio.gather(*map(lane, range(PAIRS // 5)))
    assert tally.failed == []
    assert tally.stale > 0
    lost = [await forgotten(client, appliers[0], each, tally, writes) for each, writes in people.items()]
    print(f"{sum(people.values())} edits, {sum(lost)} of them forgotten by the server, {tally.stale} stale")


async def test_what_came_between_plan_and_apply_stands(
    appliers: tuple[connect.Server, connect.Server], client: temporalio.client.Client
) -> None:
    """In turns: another's create, another's update, a person's pause, and a person's delete."""
    first, second = appliers
    handles = [client.get_schedule_handle(f"governance:between-{name}") for name in IDS]

    async def minutes() -> list[int]:
        return [(await each.describe()).schedule.spec.calendars[0].minute[0].start for each in handles]

    for expected, came_between in ((1, 0), (2, 5)):
        late = await plan(first, "between", came_between)
        assert {each.status for each in await apply(second, await plan(second, "between", expected))} == {
            plans.Status.DONE
        }
        assert {each.status for each in await apply(first, late)} == {plans.Status.STALE}
        assert await minutes() == [expected] * 2

    late = await plan(first, "between", 7)
    for each in handles:
        await each.pause(note="by hand")
    assert {each.status for each in await apply(first, late)} == {plans.Status.STALE}
    assert [(await each.describe()).schedule.state.paused for each in handles] == [True] * 2
    assert await minutes() == [2] * 2

    late = await plan(first, "between", 7)
    for each in handles:
        await each.delete()
    assert {each.status for each in await apply(first, late)} == {plans.Status.STALE}
    assert await first.schedules.describe_all([each.id for each in handles]) == {}
