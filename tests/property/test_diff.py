from __future__ import annotations

import dataclasses

import hypothesis

from reconciler.plan import diff
from reconciler.schedule import model
from tests.property import strategies


@hypothesis.given(strategies.any_schedule)
def test_a_schedule_does_not_differ_from_itself(schedule: model.Schedule) -> None:
    assert diff.diff(schedule, schedule) == ()


@hypothesis.given(strategies.near_schedules())
def test_schedules_have_no_difference_only_if_they_are_equal(pair: tuple[model.Schedule, model.Schedule]) -> None:
    left, right = pair
    assert (diff.diff(left, right) == ()) == strategies.identical(left, diff.settled(left, right))


@hypothesis.given(strategies.near_schedules())
def test_the_way_back_changes_the_same_fields(pair: tuple[model.Schedule, model.Schedule]) -> None:
    left, right = pair
    right = dataclasses.replace(
        right, note=left.note, remaining_actions=left.remaining_actions
    )  # these have a direction
    there = {(each.path, str(each.old), str(each.new)) for each in diff.diff(left, right)}
    back = {(each.path, str(each.new), str(each.old)) for each in diff.diff(right, left)}
    assert without_times(there) == without_times(back)
    assert bool(there) == bool(back)


def without_times(changes: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Leave out calendars, which are named and numbered as the desired side declares them."""
    return {each for each in changes if not each[0].startswith(("cron", "calendars"))}
