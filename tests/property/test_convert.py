from __future__ import annotations

import dataclasses

import hypothesis

from reconciler.plan import diff
from reconciler.schedule import model
from reconciler.temporal import convert
from tests.property import strategies


@hypothesis.given(strategies.any_schedule)
def test_a_schedule_survives_the_wire(schedule: model.Schedule) -> None:
    read = convert.read(schedule.id, convert.make(schedule))
    assert strategies.identical(read, schedule)
    assert [each.comment for each in read.timing.calendars] == [each.comment for each in schedule.timing.calendars]


@hypothesis.given(strategies.near_schedules())
def test_an_edit_makes_any_schedule_any_other(pair: tuple[model.Schedule, model.Schedule]) -> None:
    live, wanted = pair
    proto = convert.make(live)
    convert.edit(proto, wanted)
    read = convert.read(wanted.id, proto)
    assert diff.diff(read, wanted) == ()
    assert strategies.identical(read, wanted)


@hypothesis.given(strategies.any_schedule)
def test_an_edit_that_changes_nothing_changes_no_byte(schedule: model.Schedule) -> None:
    proto = convert.make(schedule)
    before = proto.SerializeToString(deterministic=True)
    convert.edit(proto, dataclasses.replace(schedule))
    assert proto.SerializeToString(deterministic=True) == before
