"""Every call × every status × before and after the server has acted, once: the right outcome, and the next apply mends.

Provoked on the loopback fake. What a status means is the server's own use of it; the SDK sends again what it takes for
passing. A fault that stays is in the last tests. `make crash-test` has all statuses, the usual run one of each kind.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime
import functools

import grpc
import pytest
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import errors
from reconciler.plan import plans, ports
from reconciler.schedule import declarations, model
from reconciler.temporal import connect
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from reconciler.usecases.prune import read_prune_plan
from tests.support import fake_temporal, remote

Code = grpc.StatusCode
CODES = [code for code in Code if code is not Code.OK]
USUAL = [
    *(Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.ALREADY_EXISTS),
    *(Code.FAILED_PRECONDITION, Code.NOT_FOUND, Code.PERMISSION_DENIED),
]
PASSING = {
    *(Code.UNKNOWN, Code.RESOURCE_EXHAUSTED, Code.ABORTED, Code.OUT_OF_RANGE),
    *(Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS),
    Code.CANCELLED,  # at once, as if the connection broke
}
SLOW = {Code.DEADLINE_EXCEEDED}
CONFLICT = {Code.ALREADY_EXISTS, Code.FAILED_PRECONDITION}

KEPT = [remote.schedule(f"kept{number}") for number in range(2)]
OLD, GONE, BACK, NEW = (remote.schedule(name) for name in ("old", "gone", "back", "new"))
WANTED = [*KEPT, remote.schedule("old", cron="5 * * * *"), BACK, NEW]
STEPS = {"governance:old", "governance:gone", "governance:back", "governance:new"}


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """How a job ended, in a word, with what it said; `kept` when the lock could not be released."""

    word: str
    messages: str = ""
    kept: bool = False


def declaration(*schedules: model.Schedule) -> declarations.Declaration:
    place = declarations.Place(path="spec.yaml", line=1, column=1)
    charters = (declarations.Charter(name=each.id, place=place, schedule=each) for each in schedules)
    return declarations.Declaration(path="spec.yaml", charters=tuple(charters))


@functools.cache
def before() -> dict[str, fake_temporal.Stored]:
    """Return the schedules as two applies and a person left them: `back` is removed, `kept1` held."""
    with fake_temporal.running() as fake:
        for specs in ([*KEPT, OLD, GONE, BACK], [*KEPT, OLD, GONE]):
            assert asyncio.run(job(fake, *specs)).word == "done"
        fake.patch("governance:kept1", _hold)
        return copy.deepcopy(fake.schedules)


def _hold(proto: schedule_pb2.Schedule) -> None:
    proto.state.paused = True
    proto.state.notes = "held by a person"


class Faults:
    """One fault for one call, laid when its phase begins: planning, or applying."""

    def __init__(
        self, fake: fake_temporal.FakeTemporal, call: str, code: grpc.StatusCode, when: str, *, applying: bool
    ) -> None:
        self._fake = fake
        self._call = call
        self._code = code
        self._list = fake.before if when == "before" else fake.after
        self._applying = applying

    def lay(self, *, applying: bool) -> None:
        """Lay the fault if this is its phase."""
        if applying is self._applying:
            self._list[self._call] = [self._refuse]

    def _refuse(self) -> None:
        raise fake_temporal.Refusal(self._code, "injected")


async def job(
    fake: fake_temporal.FakeTemporal, *specs: model.Schedule, faults: Faults | None = None, prune: bool = False
) -> Result:
    """Do what apply does, from connecting to letting the lock go; with `prune`, what prune does."""
    if faults:
        faults.lay(applying=False)
    try:
        server = await remote.connected(fake.address)
        lease = await server.lock("governance:").acquire(ports.Holder(who="test"))
    except errors.ReconcilerError as error:
        return Result(type(error).__name__, error.message)
    result = await _changed(server, declaration(*specs), faults, prune=prune)
    try:
        await lease.release()
    except errors.ServerError:
        result = dataclasses.replace(result, kept=True)
    return result


async def _changed(
    server: connect.Server, wanted: declarations.Declaration, faults: Faults | None, *, prune: bool
) -> Result:
    target = server.target()

    async def planned() -> plans.Plan:
        if prune:
            return await read_prune_plan(wanted, server.schedules, target, datetime.timedelta(0), server.now)
        return await read_plan(wanted, server.schedules, target)

    try:
        plan = await planned()
    except errors.ReconcilerError as error:
        return Result(type(error).__name__, error.message)
    if faults:
        faults.lay(applying=True)
    again = None if prune else planned
    reported: list[plans.Outcome] = []
    applied = await apply_plan(plan, server.schedules, reported.append, again=again)
    assert sorted(each.change.id for each in reported) == sorted(each.id for each in plan.steps)
    return _summed(applied)


def _summed(applied: plans.Applied) -> Result:
    """Return the worst of what became of the steps."""
    for status in (plans.Status.FAILED, plans.Status.STALE, plans.Status.DONE):
        ended = [each for each in applied.outcomes if each.status is status]
        if ended:
            return Result(status.value, ended[0].detail)
    return Result("done")


def expected(call: str, code: grpc.StatusCode, when: str, *, applying: bool) -> set[str]:  # noqa: C901  # it is a table
    """Return how a job may end whose call answers once with this status."""
    acted = when == "after"
    if code in PASSING:
        return {"done"}
    match call:
        case "GetSystemInfo":
            return {"done"} if code in SLOW else {"UnreachableError", "ServerError"}
        case "StartWorkflowExecution" if code in SLOW:
            return {"done"} if acted else {"UnreachableError"}
        case "StartWorkflowExecution" if code in CONFLICT:
            return {"done"} if acted else {"LockedError"}
        case "StartWorkflowExecution":
            return {"ServerError", "NotFoundError"}
        case "GetWorkflowExecutionHistoryReverse" if code is Code.ALREADY_EXISTS:
            return {"UnreachableError"}  # no answer to a read: the server is not well
        case "TerminateWorkflowExecution" | "GetWorkflowExecutionHistoryReverse":
            return {"done"}
        case "ListSchedules" | "DescribeSchedule" if code in SLOW | {Code.FAILED_PRECONDITION}:
            return {"done"}
        case "DescribeSchedule" if code is Code.NOT_FOUND:
            return {"done", "stale"}  # it is taken for gone, until the server says otherwise
        case "DescribeSchedule" if applying:
            return {"failed"}
        case "ListSchedules" | "DescribeSchedule":
            return {"ServerError", "NotFoundError", "UnreachableError"}
        case "CreateSchedule" | "UpdateSchedule" if code in CONFLICT or acted:
            return {"done"}
        case "UpdateSchedule" if code is Code.NOT_FOUND:
            return {"done"}  # planned again
        case "DeleteSchedule" if code in CONFLICT | {Code.NOT_FOUND} and not acted:
            return {"stale"}
        case "DeleteSchedule" if acted:
            return {"done"}
        case _:
            return {"failed"}


CELLS = [
    *(("GetSystemInfo", False), ("StartWorkflowExecution", False), ("ListSchedules", False)),
    *(("DescribeSchedule", False), ("GetWorkflowExecutionHistoryReverse", False)),
    *(("DescribeSchedule", True), ("CreateSchedule", True), ("UpdateSchedule", True), ("DeleteSchedule", True)),
    ("TerminateWorkflowExecution", True),
]


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(USUAL, id="usual"),
        pytest.param([code for code in CODES if code not in USUAL], id="other", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("call", "applying"), CELLS)
async def test_a_fault_gives_the_right_outcome_and_the_next_apply_converges(
    call: str, when: str, codes: list[grpc.StatusCode], *, applying: bool
) -> None:
    prune = call == "DeleteSchedule"
    start = await asyncio.to_thread(before)
    wrong = []
    for code in codes:
        with fake_temporal.running() as fake:
            fake.schedules = copy.deepcopy(start)
            specs = [each for each in WANTED if applying or each is not NEW]  # all that is asked for is there
            specs = [*KEPT, OLD, GONE] if prune else specs
            faults = Faults(fake, call, code, when, applying=applying)
            result = await job(fake, *specs, faults=faults, prune=prune)
            if result.word not in expected(call, code, when, applying=applying):
                wrong.append(f"{code.name}: {result}")
            assert result.word == "done" or result.messages
            fake.runs.clear()  # a lock that is left ends by itself
            assert (await job(fake, *specs, prune=prune)).word == "done"
            await _is_converged(fake, specs, prune=prune)
    assert wrong == []


async def _is_converged(fake: fake_temporal.FakeTemporal, specs: list[model.Schedule], *, prune: bool) -> None:
    server = await remote.connected(fake.address)
    if prune:
        assert "governance:back" not in fake.schedules
        return
    plan = await read_plan(declaration(*specs), server.schedules, server.target())
    assert [(step.verb, step.id) for step in plan.steps] == []


async def test_a_server_that_stays_away_is_an_error_that_names_it() -> None:
    """All at once, as most of it is the SDK's patience."""
    start = await asyncio.to_thread(before)
    await asyncio.gather(*(_stays_away(start, call, applying=applying) for call, applying in CELLS))


async def _stays_away(start: dict[str, fake_temporal.Stored], call: str, *, applying: bool) -> None:
    prune = call == "DeleteSchedule"
    with fake_temporal.running() as fake:
        fake.schedules = copy.deepcopy(start)

        def away() -> None:
            fake.before[call].append(away)
            raise fake_temporal.Refusal(Code.UNAVAILABLE, "injected")

        faults = Faults(fake, call, Code.UNAVAILABLE, "before", applying=applying)
        faults._refuse = away  # type: ignore[method-assign]
        specs = [*KEPT, OLD, GONE] if prune else WANTED
        result = await job(fake, *specs, faults=faults, prune=prune)
        if call == "TerminateWorkflowExecution":
            assert (call, result.word, result.kept) == (call, "done", True)
        else:
            assert result.word in {"UnreachableError", "failed"}, call
            assert fake.address in result.messages
