from __future__ import annotations

import asyncio
import dataclasses
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

import hypothesis
from hypothesis import strategies as st

from reconciler.plan import build, diff, plans, prefixes
from reconciler.schedule import model, observed, ownership
from reconciler.usecases.plan import read_plan
from tests.property import strategies
from tests.support import lists

Sides = tuple[list[model.Schedule], list[model.Schedule]]


def plan(desired: list[model.Schedule], live: list[model.Schedule]) -> plans.Plan:
    return build.plan(strategies.declare(desired), strategies.described(live), strategies.TARGET)


def after(live: list[model.Schedule], plan: plans.Plan) -> dict[str, model.Schedule]:
    """Return what a server has when every step of the plan is done."""
    return {each.id: each for each in live} | {step.id: step.after for step in plan.steps}


@hypothesis.given(strategies.desired_and_live())
def test_a_plan_makes_live_what_is_desired(sides: Sides) -> None:
    desired, live = sides
    found = after(live, plan(desired, live))
    assert [diff.diff(found[each.id], each) for each in desired] == [()] * len(desired)


@hypothesis.given(strategies.desired_and_live())
def test_a_plan_pauses_undeclared_schedules_and_changes_nothing_else_in_them(sides: Sides) -> None:
    desired, live = sides
    found = after(live, plan(desired, live))
    wanted = {each.id for each in desired}
    unwanted = [each for each in live if each.id not in wanted]
    assert [dataclasses.replace(found[each.id], note=each.note) for each in unwanted] == [
        dataclasses.replace(each, paused=True) for each in unwanted
    ]
    assert set(found) == wanted | {each.id for each in unwanted}


@hypothesis.given(strategies.desired_and_live())
def test_a_second_plan_has_nothing_to_do(sides: Sides) -> None:
    desired, live = sides
    second = plan(desired, list(after(live, plan(desired, live)).values()))
    assert {change.verb for change in second.changes} <= {plans.Verb.KEEP}
    assert second.steps == ()
    assert second.digest == plan([], []).digest


@hypothesis.given(strategies.desired_and_live(), st.randoms(use_true_random=False))
def test_the_order_of_neither_side_counts(sides: Sides, order: random.Random) -> None:
    desired, live = sides
    declaration = strategies.declare(desired)
    first = build.plan(declaration, strategies.described(live), strategies.TARGET)
    charters, found = list(declaration.charters), list(live)
    order.shuffle(charters)
    order.shuffle(found)
    moved = dataclasses.replace(declaration, charters=tuple(charters))
    assert build.plan(moved, strategies.described(found), strategies.TARGET) == first


@hypothesis.given(strategies.desired_and_live())
def test_a_step_names_its_changes_and_a_keep_has_none(sides: Sides) -> None:
    for change in plan(*sides).changes:
        assert bool(change.fields) == (change.verb is not plans.Verb.KEEP)


class Memory:
    """The reading half of `ports.Schedules` over a dict; keeps the ids that were asked for."""

    def __init__(self, schedules: Iterable[model.Schedule]) -> None:
        self._found = strategies.described(list(schedules))
        self.asked: set[str] = set()

    async def ids(self) -> frozenset[str]:
        return frozenset(self._found)

    async def listed(self, is_wanted: Callable[[str], bool]) -> dict[str, observed.Listed]:
        return {id_: lists.entry(live.schedule) for id_, live in self._found.items() if is_wanted(id_)}

    async def describe(self, schedule_id: str) -> observed.Live | None:
        self.asked.add(schedule_id)
        return self._found.get(schedule_id)

    async def is_current(self, live: observed.Live) -> bool:
        return self._found.get(live.schedule.id) == live

    async def describe_all(self, schedule_ids: Iterable[str]) -> dict[str, observed.Live]:
        answers = [await self.describe(schedule_id) for schedule_id in schedule_ids]
        return {live.schedule.id: live for live in answers if live is not None}

    async def describe_marked(self, schedule_ids: Iterable[str], owner: str) -> dict[str, observed.Live]:
        found = await self.describe_all(schedule_ids)
        return {id_: live for id_, live in found.items() if live.schedule.owner == owner}

    async def explained(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        return found

    async def followed(self, found: Mapping[str, observed.Live]) -> Mapping[str, observed.Live]:
        raise AssertionError(f"a plan follows no runs, of {sorted(found)}")

    def guarded(self, permit: Callable[[], Awaitable[None]]) -> Memory:
        del permit
        return self

    async def create(self, schedule: model.Schedule) -> None:
        raise AssertionError(f"a plan writes nothing, not {schedule.id}")

    async def delete(self, schedule_id: str) -> None:
        raise AssertionError(f"a plan deletes nothing, not {schedule_id}")

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        raise AssertionError(f"a plan writes nothing, not {live.schedule.id} as {after}")


foreign = st.one_of(
    st.text(max_size=12), st.sampled_from(("governance", "Governance:a", " governance:a", "x-governance:a"))
).filter(lambda name: not name.startswith(ownership.GOVERNANCE_PREFIX))


@hypothesis.given(strategies.desired_and_live(), st.lists(strategies.schedules(foreign), max_size=3))
def test_what_is_not_ours_is_neither_read_nor_named_in_a_plan(sides: Sides, others: list[model.Schedule]) -> None:
    desired, live = sides
    server = Memory([*live, *others])
    found = asyncio.run(read_plan(strategies.declare(desired), server, strategies.TARGET))
    assert found == plan(desired, live)
    listed = {each.id for each in (*live, *others)}
    namesakes = prefixes.namesakes(listed, found).values()
    foreign = {id_ for id_ in server.asked if not ownership.covers(strategies.TARGET.prefixes, id_)}
    assert foreign <= set(itertools.chain(*namesakes))  # read to see whether they double what is created
