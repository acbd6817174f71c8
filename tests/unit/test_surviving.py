"""What an update leaves alone: a field of a newer server in each message of a schedule, whatever else changes."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import google.protobuf.message
import google.protobuf.unknown_fields
import pytest
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler.schedule import fields, model, rows
from reconciler.temporal import convert
from reconciler.timing import calendars, timings
from tests.unit import builders

HOUR = datetime.timedelta(hours=1)
START = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
NUMBER = 1007  # of a field that no server has

SPEC = "spec"
START_WORKFLOW = "action.start_workflow"


def full() -> model.Schedule:
    """Return a schedule that says something in every field."""
    return builders.schedule(
        calendars=(builders.calendar("0 * * * *"), builders.calendar("0 0 1 * *")),
        intervals=(builders.interval("@every 6h/15m"), builders.interval("@every 7h")),
        exclude=(calendars.parse({"month": 12}, excludes=True), calendars.parse({"month": 11}, excludes=True)),
        start_at=START,
        end_at=START + 10_000 * HOUR,
        jitter=HOUR,
        arguments=({"charter": "A"}, "second"),
        execution_timeout=24 * HOUR,
        run_timeout=HOUR,
        task_timeout=HOUR,
        retry_policy=model.RetryPolicy(
            initial_interval=HOUR, backoff_coefficient=2.0, maximum_interval=2 * HOUR, maximum_attempts=5
        ),
        memo={"team": "platform", "tier": 1},
        search_attributes={
            "A": model.Attribute(type=model.AttributeType.KEYWORD, value="a"),
            "B": model.Attribute(type=model.AttributeType.INT, value=7),
        },
        priority=model.Priority(key=1, fairness_key="tenant", fairness_weight=2.5),
        summary="A summary",
        details="Some details",
        remaining_actions=10,
        counted_from=10,
        note="a note",
        owner="acme/app",
    )


def described() -> tuple[schedule_pb2.Schedule, dict[int, str]]:
    """Return what a newer server shows: a field that nobody knows in each message, its value the message's own."""
    proto = convert.make(full())
    start = proto.action.start_workflow
    start.header.fields["trace"].data = b'"on"'
    proto.spec.start_time.nanos = 123  # below a microsecond
    for calendar in proto.spec.structured_calendar:
        calendar.comment = f"{calendar.comment} # for people"
    marked = {}
    for value, (path, message) in enumerate(messages(proto), 1):
        message.MergeFromString(
            bytes([0xF8, 0x3E, value]) if value < 128 else bytes([0xF8, 0x3E, value & 127 | 128, value >> 7])
        )
        marked[value] = path
    return proto, marked


def messages(
    message: google.protobuf.message.Message, path: str = ""
) -> Iterator[tuple[str, google.protobuf.message.Message]]:
    """Yield the message and all in it, each with its path."""
    yield path, message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        at = f"{path}.{field.name}".lstrip(".")
        inner: Any = value if field.is_repeated else [value]
        if field.message_type.GetOptions().map_entry:
            inner = (
                [value[key] for key in sorted(value)] if field.message_type.fields_by_name["value"].message_type else []
            )
        for number, each in enumerate(inner):
            yield from messages(each, f"{at}[{number}]" if field.is_repeated else at)


def values(proto: schedule_pb2.Schedule) -> set[int]:
    """Return the values of the fields that nobody knows, in whichever message they are."""
    return {
        int(field.data) for _, message in messages(proto) for field in unknown(message) if field.field_number == NUMBER
    }


def unknown(message: google.protobuf.message.Message) -> Any:
    return google.protobuf.unknown_fields.UnknownFieldSet(message)


TIMING: dict[str, tuple[Any, tuple[str, ...]]] = {
    "calendars": (
        (builders.calendar("0 * * * *"), builders.calendar("5 5 * * *")),
        ("spec.structured_calendar[1]",),
    ),
    "intervals": (
        (builders.interval("@every 6h/15m"), builders.interval("@every 8h")),
        ("spec.interval[1]",),
    ),
    "exclude": ((calendars.parse({"month": 12}, excludes=True),), ("spec.exclude_structured_calendar[1]",)),
    "start_at": (START + HOUR, ()),
    "end_at": (None, ("spec.end_time",)),
    "jitter": (2 * HOUR, ()),
    "timezone": ("Europe/Berlin", ()),
}
_RETRY = full().action.retry_policy
assert _RETRY is not None
ACTION: dict[str, tuple[Any, tuple[str, ...]]] = {
    "workflow": ("Other", ()),
    "task_queue": ("other", ()),
    "workflow_id": ("other", ()),
    "arguments": (({"charter": "B"}, "second"), (f"{START_WORKFLOW}.input.payloads[0]",)),
    "execution_timeout": (HOUR, ()),
    "run_timeout": (datetime.timedelta(0), (f"{START_WORKFLOW}.workflow_run_timeout",)),
    "task_timeout": (2 * HOUR, ()),
    "retry_policy": (dataclasses.replace(_RETRY, initial_interval=HOUR / 2, non_retryable_errors=("Bad",)), ()),
    "memo": ({"team": "other", "tier": 1}, (f"{START_WORKFLOW}.memo.fields[2]",)),  # beside two names of our own
    "search_attributes": (
        {**full().action.search_attributes, "A": model.Attribute(type=model.AttributeType.KEYWORD, value="b")},
        (f"{START_WORKFLOW}.search_attributes.indexed_fields[0]",),
    ),
    "priority": (model.Priority(key=2, fairness_key="other", fairness_weight=3.5), ()),
    "versioning_override": (model.VersioningOverride(deployment="other", build_id="2"), ()),
    "summary": ("Another", (f"{START_WORKFLOW}.user_metadata.summary",)),
    "details": (None, (f"{START_WORKFLOW}.user_metadata.details",)),
}
POLICIES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "overlap": (model.Overlap.ALLOW_ALL, ()),
    "catchup_window": (HOUR, ()),
    "pause_on_failure": (True, ()),
    "keep_original_workflow_id": (True, ()),
}
OWN: dict[str, tuple[Any, tuple[str, ...]]] = {
    "paused": (True, ()),
    "remaining_actions": (11, ()),
    "counted_from": (11, (f"{START_WORKFLOW}.memo.fields[1]",)),
    "note": ("another", ()),
    "owner": ("acme/other", (f"{START_WORKFLOW}.memo.fields[0]",)),
    "seal": ("1/2", ()),
}
PARTS = {"timing": TIMING, "action": ACTION, "policies": POLICIES, "": OWN}


def plain() -> Iterator[tuple[str, str, Any, tuple[str, ...]]]:
    """Yield a case for each row of the field table that is not above: its example, which replaces no message."""
    for row in fields.TABLE:
        if isinstance(row, rows.Field) and row.proto:
            part, name = row.at.path if len(row.at.path) == 2 else ("", row.at.path[-1])
            if name not in PARTS[part]:
                yield part, name, row.kind.parse(row.examples[0]), ()


CASES = [*((part, name, *case) for part, cases in PARTS.items() for name, case in cases.items()), *plain()]


@pytest.mark.parametrize(("part", "name", "value", "lost"), CASES, ids=[name for _, name, _, _ in CASES])
def test_an_update_of_one_field_loses_nothing_but_the_message_that_it_replaces(
    part: str, name: str, value: Any, lost: tuple[str, ...]
) -> None:
    proto, marked = described()
    live = convert.read(builders.ID, proto)
    inner = dataclasses.replace(getattr(live, part), **{name: value}) if part else value
    wanted = dataclasses.replace(live, **{part or name: inner})
    assert wanted != live
    convert.edit(proto, wanted)
    assert convert.read(builders.ID, proto) == wanted
    expected = {path for path in marked.values() if path.startswith(lost)} if lost else set()
    assert {marked[value] for value in marked.keys() - values(proto)} == expected


def test_every_field_of_the_model_is_changed_here() -> None:
    types = {"timing": timings.Timing, "action": model.Action, "policies": model.Policies, "": model.Schedule}
    for part, type_ in types.items():
        kept_here = {row.at.path[-1] for row in fields.UNSHOWN if isinstance(row, rows.Field)}
        names = {field.name for field in dataclasses.fields(type_)} - {"id", "salt", *kept_here, *PARTS}
        beside = {"memo", "search_attributes"} if type_ is model.Schedule else set()  # see the test of these
        assert {name for at, name, _, _ in CASES if at == part} == names - beside


def test_an_update_of_the_own_memo_and_attributes_replaces_only_the_entries_that_differ() -> None:
    given = dataclasses.replace(full(), memo=full().action.memo, search_attributes=full().action.search_attributes)
    held = convert.make_own(given)
    start = held.action.start_workflow
    for entry in (start.memo.fields["tier"], start.search_attributes.indexed_fields["B"]):
        entry.metadata["unknown"] = b"kept"
    start.search_attributes.indexed_fields["TemporalSchedulePaused"].data = b"true"
    live = convert.read(builders.ID, convert.make(given), held)
    assert live.search_attributes == given.search_attributes
    attributes = {**full().action.search_attributes, "A": model.Attribute(type=model.AttributeType.KEYWORD, value="b")}
    wanted = dataclasses.replace(live, memo={"team": "other", "tier": 1}, search_attributes=attributes)
    convert.edit_own(held, wanted)
    assert convert.read(builders.ID, convert.make(wanted), held) == wanted
    assert start.memo.fields["tier"].metadata["unknown"] == b"kept"
    assert start.search_attributes.indexed_fields["B"].metadata["unknown"] == b"kept"
    assert start.search_attributes.indexed_fields["TemporalSchedulePaused"].data == b"true"
    before = held.SerializeToString(deterministic=True)
    convert.edit_own(held, dataclasses.replace(wanted, memo=None, search_attributes=None))
    assert held.SerializeToString(deterministic=True) == before


def test_fractions_below_a_microsecond_and_comments_survive_a_change_of_other_times() -> None:
    proto, _ = described()
    live = convert.read(builders.ID, proto)
    convert.edit(proto, dataclasses.replace(live, timing=dataclasses.replace(live.timing, jitter=3 * HOUR)))
    assert proto.spec.start_time.nanos == 123
    assert [each.comment for each in proto.spec.structured_calendar] == [
        "0 * * * * # for people",
        "0 0 1 * * # for people",
    ]


def test_an_update_that_changes_nothing_changes_no_byte() -> None:
    proto, marked = described()
    before = proto.SerializeToString(deterministic=True)
    convert.edit(proto, convert.read(builders.ID, proto))
    assert proto.SerializeToString(deterministic=True) == before
    assert len(marked) > 60
