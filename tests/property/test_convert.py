from __future__ import annotations

import dataclasses

import hypothesis

from reconciler import diffing, model
from reconciler.temporal import convert
from tests.property import strategies


def identical(left: model.Schedule, right: model.Schedule) -> bool:
    """Tell whether two schedules are equal in what is never compared as well, and in JSON's eyes."""
    return (
        left == right
        and left.note == right.note
        and [each.comment for each in left.timing.calendars] == [each.comment for each in right.timing.calendars]
        and diffing.same_json(left.action.arguments, right.action.arguments)
    )


@hypothesis.given(strategies.any_schedule)
def test_a_schedule_survives_the_wire(schedule: model.Schedule) -> None:
    assert identical(convert.read(schedule.id, convert.make(schedule)), schedule)


@hypothesis.given(strategies.near_schedules())
def test_an_edit_makes_any_schedule_any_other(pair: tuple[model.Schedule, model.Schedule]) -> None:
    live, wanted = pair
    proto = convert.make(live)
    convert.edit(proto, wanted)
    read = convert.read(wanted.id, proto)
    assert diffing.diff(read, wanted) == ()
    assert read.note == wanted.note


@hypothesis.given(strategies.any_schedule)
def test_an_edit_that_changes_nothing_changes_no_byte(schedule: model.Schedule) -> None:
    proto = convert.make(schedule)
    before = proto.SerializeToString(deterministic=True)
    convert.edit(proto, dataclasses.replace(schedule))
    assert proto.SerializeToString(deterministic=True) == before
