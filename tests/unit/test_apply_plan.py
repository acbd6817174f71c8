"""What an apply does with a step that is stale: planned again at most once, and done only if it is the same step."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import Awaitable, Callable, Iterable, Mapping

import pytest

from reconciler import errors
from reconciler.plan import plans, pollers
from reconciler.schedule import model, observed
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import lists
from tests.unit import builders

Event = Callable[[], None]

NEW = builders.schedule("new")
OLD = builders.schedule("old")
WANTED = builders.schedule("old", task_queue="other")
GONE = builders.schedule("gone")


class Server:
    """`ports.Schedules` over a dict; `then` is what somebody else does right before a write, by id and once."""

    def __init__(self, *found: model.Schedule) -> None:
        self.found: dict[str, observed.Live] = {}
        self.then: dict[str, list[Event]] = {}
        self._count = 0
        for each in found:
            self.put(each)

    def put(self, schedule: model.Schedule) -> None:
        self._count += 1
        known = self.found.get(schedule.id)
        created_at = known.created_at if known else self._count
        self.found[schedule.id] = observed.Live(
            schedule=schedule, token=str(self._count).encode(), created_at=created_at
        )

    def change(self, schedule_id: str, **fields: object) -> None:
        self.put(dataclasses.replace(self.found[schedule_id].schedule, **fields))  # type: ignore[arg-type]

    def _interfered(self, schedule_id: str) -> None:
        if self.then.get(schedule_id):
            self.then[schedule_id].pop(0)()

    async def ids(self) -> frozenset[str]:
        return frozenset(self.found)

    async def listed(self, is_wanted: Callable[[str], bool]) -> dict[str, observed.Listed]:
        return {id_: lists.entry(live.schedule) for id_, live in self.found.items() if is_wanted(id_)}

    async def describe(self, schedule_id: str) -> observed.Live | None:
        return self.found.get(schedule_id)

    async def is_current(self, live: observed.Live) -> bool:
        now = self.found.get(live.schedule.id)
        return now is not None and (now.token, now.created_at) == (live.token, live.created_at)

    async def describe_all(self, schedule_ids: Iterable[str]) -> dict[str, observed.Live]:
        return {id_: self.found[id_] for id_ in schedule_ids if id_ in self.found}

    async def describe_marked(self, schedule_ids: Iterable[str], owner: str) -> dict[str, observed.Live]:
        found = await self.describe_all(schedule_ids)
        return {id_: live for id_, live in found.items() if live.schedule.owner == owner}

    async def explained(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        return found

    async def followed(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        return found

    def guarded(self, permit: Callable[[], Awaitable[None]]) -> Server:
        del permit
        return self

    async def create(self, schedule: model.Schedule) -> None:
        self._interfered(schedule.id)
        if schedule.id in self.found:
            raise errors.ConflictError("taken")
        self.put(schedule)

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        """Drop a write under a stale token in silence, as V1 does."""
        self._interfered(after.id)
        if self.found[after.id].token == live.token:
            self.put(after)

    async def delete(self, schedule_id: str) -> None:
        del self.found[schedule_id]


class Job:
    """An apply of a spec, and how often it planned."""

    def __init__(self, server: Server, *desired: model.Schedule, keep: bool = False) -> None:
        self.server = server
        self.plans = 0
        self.reported: list[plans.Outcome] = []
        self._declaration = dataclasses.replace(builders.declaration(*desired), keep_manual_pauses=keep)

    async def plan(self) -> plans.Plan:
        self.plans += 1
        return await read_plan(self._declaration, self.server, builders.TARGET)

    async def _applied(self) -> plans.Applied:
        return await apply_plan(await self.plan(), self.server, self.reported.append, again=self.plan)

    def ended(self) -> dict[str, str]:
        """Apply, and return the word for each step; each is told once, as it ended."""
        applied = asyncio.run(self._applied())
        assert sorted(each.change.id for each in self.reported) == sorted(each.change.id for each in applied.outcomes)
        assert {each.change.id: each for each in self.reported} == {each.change.id: each for each in applied.outcomes}
        return {each.change.id.removeprefix("governance:"): each.status.value for each in applied.outcomes}

    def detail(self, name: str) -> str:
        return next(each.detail for each in self.reported if each.change.id == f"governance:{name}")


class Silent:
    """`ports.Pollers` of a server that does not report its workers."""

    async def of(self, task_queue: str, patience: datetime.timedelta | None = None) -> pollers.Queue:
        raise errors.UnreachableError(f"no response about {task_queue} in {patience}", hint="")


def test_it_is_reported_that_the_workers_of_a_changed_task_queue_are_unknown(caplog: pytest.LogCaptureFixture) -> None:
    plan = asyncio.run(read_plan(builders.declaration(WANTED), Server(OLD), builders.TARGET, Silent()))
    assert (len(plan.steps), plan.unpolled) == (1, frozenset())
    assert caplog.messages == [
        "the workers for changed task queues and workflows were not checked: no response about other in 0:00:03"
    ]


def test_a_stale_step_that_is_still_the_same_is_done_on_the_second_try() -> None:
    server = Server(OLD)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")]
    job = Job(server, WANTED)
    assert job.ended() == {"old": "done"}
    assert job.plans == 2
    assert server.found["governance:old"].schedule.action.task_queue == "other"


def test_a_stale_step_that_is_another_by_now_stays_stale() -> None:
    server = Server(OLD)
    server.then["governance:old"] = [lambda: server.put(builders.schedule("old", task_queue="a third"))]
    job = Job(server, WANTED)
    assert job.ended() == {"old": "stale"}
    assert server.found["governance:old"].schedule.action.task_queue == "a third"


def test_it_is_planned_again_once_at_most() -> None:
    server = Server(OLD)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")] * 3
    job = Job(server, WANTED)
    assert (job.ended(), job.plans) == ({"old": "stale"}, 2)
    assert len(server.then["governance:old"]) == 1


def test_a_pause_that_waited_for_a_stale_step_is_done_once_that_is() -> None:
    server = Server(OLD, GONE)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")]
    assert Job(server, WANTED).ended() == {"old": "done", "gone": "done"}
    assert server.found["governance:gone"].schedule.paused


@pytest.mark.parametrize("still_there", [True, False], ids=["another step by now", "nothing to do by now"])
def test_a_pause_is_not_done_while_a_stale_step_is_not_repeated(still_there: bool) -> None:
    server = Server(OLD, GONE)
    theirs = builders.schedule("old", task_queue="a third", jitter=builders.interval("@every 1m").every)

    def interfere() -> None:
        server.put(theirs)

    server.then["governance:old"] = [interfere]
    job = Job(server, WANTED)
    if not still_there:  # what somebody did is undone before it is planned again
        again = job.plan

        async def plan() -> plans.Plan:
            if job.plans:
                server.put(WANTED)
            return await again()

        job.plan = plan  # type: ignore[method-assign]
    assert job.ended() == {"old": "stale", "gone": "skipped"}
    assert job.detail("gone") == "not paused because an earlier step did not succeed"
    assert not server.found["governance:gone"].schedule.paused


def test_a_pause_is_not_done_when_one_of_two_stale_steps_is_not_repeated() -> None:
    server = Server(OLD, GONE)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")]
    server.then["governance:new"] = [lambda: server.put(builders.schedule("new", task_queue="theirs"))]
    assert Job(server, WANTED, NEW).ended() == {"old": "done", "new": "stale", "gone": "skipped"}


def test_a_pause_is_not_done_when_the_second_try_is_stale_too() -> None:
    server = Server(OLD, GONE)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")] * 2
    assert Job(server, WANTED).ended() == {"old": "stale", "gone": "skipped"}


def test_a_pause_that_is_itself_stale_is_repeated_alone() -> None:
    server = Server(OLD, GONE)
    server.then["governance:gone"] = [lambda: server.change("governance:gone", note="seen")]
    assert Job(server, WANTED).ended() == {"old": "done", "gone": "done"}


def test_a_waiting_pause_that_is_no_longer_wanted_is_left() -> None:
    server = Server(OLD, GONE)

    def interfere() -> None:
        server.change("governance:old", note="seen")
        server.change("governance:gone", paused=True, note="by hand")

    server.then["governance:old"] = [interfere]
    assert Job(server, WANTED).ended() == {"old": "done", "gone": "skipped"}
    assert server.found["governance:gone"].schedule.note == "by hand"


def test_a_resume_that_would_undo_another_persons_pause_by_now_is_another_step() -> None:
    ours = builders.schedule("old", paused=True, note=f"paused by reconciler: charter is not in {builders.PATH}")
    server = Server(ours)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="do not start")]
    assert Job(server, OLD).ended() == {"old": "stale"}
    assert server.found["governance:old"].schedule.paused


def test_when_planning_again_fails_what_is_stale_stays_so() -> None:
    server = Server(OLD, GONE)
    server.then["governance:old"] = [lambda: server.change("governance:old", note="seen")]
    job = Job(server, WANTED)
    again = job.plan

    async def plan() -> plans.Plan:
        if job.plans:
            raise errors.UnreachableError("away")
        return await again()

    job.plan = plan  # type: ignore[method-assign]
    assert job.ended() == {"old": "stale", "gone": "skipped"}


def test_a_defect_in_one_step_is_raised_once_every_other_step_is_told() -> None:
    server = Server(OLD, GONE)

    def fail() -> None:
        raise KeyError("odd")

    server.then[OLD.id] = [fail]
    job = Job(server, NEW, WANTED)
    with pytest.raises(KeyError, match="odd"):
        asyncio.run(job._applied())
    reported = {each.change.id: (each.status, each.detail) for each in job.reported}
    assert len(job.reported) == len(reported) == 3
    assert reported[OLD.id] == (plans.Status.FAILED, "the write may or may not have taken effect: a bug in reconciler")
    assert reported[NEW.id][0] is plans.Status.DONE
    assert reported[GONE.id][0] is plans.Status.SKIPPED
