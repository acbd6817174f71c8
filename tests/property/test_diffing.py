from __future__ import annotations

import hypothesis

from reconciler import diffing, model
from tests.property import strategies


@hypothesis.given(strategies.any_schedule)
def test_a_schedule_does_not_differ_from_itself(schedule: model.Schedule) -> None:
    assert diffing.diff(schedule, schedule) == ()


@hypothesis.given(strategies.near_schedules())
def test_schedules_have_no_difference_only_if_they_are_equal(pair: tuple[model.Schedule, model.Schedule]) -> None:
    left, right = pair
    same = left == right and diffing.same_json(left.action.arguments, right.action.arguments)
    assert (diffing.diff(left, right) == ()) == same


@hypothesis.given(strategies.near_schedules())
def test_the_way_back_changes_the_same_fields(pair: tuple[model.Schedule, model.Schedule]) -> None:
    left, right = pair
    there = {(each.path, str(each.old), str(each.new)) for each in diffing.diff(left, right)}
    back = {(each.path, str(each.new), str(each.old)) for each in diffing.diff(right, left)}
    assert there == back
