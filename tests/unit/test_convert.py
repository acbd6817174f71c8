from __future__ import annotations

import dataclasses
import datetime
import json

import pytest
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import json_values
from reconciler.plan import diff
from reconciler.schedule import model
from reconciler.temporal import convert
from tests.unit import builders


def read(proto: schedule_pb2.Schedule) -> model.Schedule:
    return convert.read(builders.ID, proto)


def made() -> schedule_pb2.Schedule:
    return convert.make(builders.schedule())


def described() -> schedule_pb2.Schedule:
    """Return what a server shows of a schedule that somebody gave more than we model."""
    proto = made()
    proto.spec.start_time.FromNanoseconds(1_893_456_000_123_456_789)
    start = proto.action.start_workflow
    start.header.fields["trace"].data = b'"on"'
    start.memo.fields["reconciler.later"].data = b'"platform"'
    start.task_queue.kind = 1  # type: ignore[assignment]  # NORMAL, as it comes back
    return proto


def with_payload(data: bytes, encoding: bytes = b"json/plain") -> schedule_pb2.Schedule:
    proto = made()
    payload = common_pb2.Payload(metadata={"encoding": encoding} if encoding else {}, data=data)
    proto.action.start_workflow.input.payloads[0].CopyFrom(payload)
    return proto


def argument(proto: schedule_pb2.Schedule) -> model.AnyArgument:
    (found,) = read(proto).action.arguments
    return found


def test_an_unset_catchup_window_is_a_year_of_backfill() -> None:
    """The TypeScript and Go SDKs drop a zero, so that "none" becomes the opposite."""
    proto = made()
    proto.policies.ClearField("catchup_window")
    assert read(proto).policies.catchup_window == datetime.timedelta(days=365)


@pytest.mark.parametrize("seconds", [0, 5, 10])
def test_a_catchup_window_that_acts_as_ten_seconds_reads_as_ten_seconds(seconds: int) -> None:
    proto = made()
    proto.policies.catchup_window.FromSeconds(seconds)
    assert read(proto) == builders.schedule()


def test_an_unset_overlap_policy_is_skip() -> None:
    proto = made()
    proto.policies.overlap_policy = enums_pb2.SCHEDULE_OVERLAP_POLICY_UNSPECIFIED
    assert read(proto).policies.overlap is model.Overlap.SKIP


def test_no_time_zone_is_utc_and_no_jitter_is_none() -> None:
    proto = made()
    proto.spec.timezone_name = ""
    proto.spec.ClearField("jitter")
    assert read(proto) == builders.schedule()


def test_ranges_in_any_form_are_the_numbers_they_hold() -> None:
    proto = made()
    minutes = proto.spec.structured_calendar[0].minute
    del minutes[:]
    minutes.extend([schedule_pb2.Range(start=30), schedule_pb2.Range(start=0, end=30, step=15)])
    assert read(proto).timing.calendars == (builders.calendar("0,15,30 * * * *"),)


def test_calendars_and_intervals_in_any_order_are_the_same_timing() -> None:
    wanted = builders.schedule(
        calendars=(builders.calendar("0 0 * * *"), builders.calendar("0 12 * * *")),
        intervals=(builders.interval("@every 1h"), builders.interval("@every 1h/5m")),
    )
    proto = convert.make(wanted)
    for field in (proto.spec.structured_calendar, proto.spec.interval):
        items = [*field][::-1]
        del field[:]
        field.extend([*items, items[0]])
    assert read(proto) == wanted


def test_a_created_schedule_sends_every_field_of_a_calendar_and_the_cron_as_its_comment() -> None:
    """An empty list in a structured calendar matches nothing, the year aside."""
    (calendar,) = made().spec.structured_calendar
    assert calendar.comment == "0 * * * *"
    assert [(each.start, each.end, each.step) for each in calendar.hour] == [(0, 23, 1)]
    assert [(each.start, each.end, each.step) for each in calendar.second] == [(0, 0, 1)]
    assert not calendar.year


def test_a_created_schedule_sends_ten_seconds_and_never_less() -> None:
    assert made().policies.catchup_window.ToTimedelta() == datetime.timedelta(seconds=10)


def test_pausing_touches_the_state_alone() -> None:
    proto, paused = described(), described()
    after = dataclasses.replace(read(proto), paused=True, note="why")
    convert.edit(paused, after)
    proto.state.paused, proto.state.notes = True, "why"
    assert paused == proto


def test_what_the_model_does_not_know_survives_an_update_of_everything_else() -> None:
    proto = described()
    wanted = builders.schedule(
        calendars=(builders.calendar("5 * * * *"),),
        start_at=read(proto).timing.start_at,
        overlap=model.Overlap.ALLOW_ALL,
        input={"model": "small"},
        note="new",
    )
    convert.edit(proto, wanted)
    assert read(proto) == wanted
    before = described()
    kept = ("header", "memo", "task_queue")
    assert [getattr(proto.action.start_workflow, name) for name in kept] == [
        getattr(before.action.start_workflow, name) for name in kept
    ]


def test_fields_of_a_newer_server_survive_an_update() -> None:
    unknown = bytes([0xFA, 0x3E, 0x02]) + b"ok"  # field 1007, text
    proto = schedule_pb2.Schedule.FromString(made().SerializeToString() + unknown)
    convert.edit(proto, builders.schedule(calendars=(builders.calendar("5 * * * *"),)))
    assert unknown in proto.SerializeToString()


def test_an_update_replaces_the_cron_text_of_an_older_sync() -> None:
    proto = made()
    proto.spec.Clear()
    proto.spec.cron_string.append("30 * * * *")
    proto.spec.calendar.add(minute="30")
    convert.edit(proto, builders.schedule())
    assert (proto.spec.structured_calendar, read(proto)) == (made().spec.structured_calendar, builders.schedule())
    assert (list(proto.spec.cron_string), list(proto.spec.calendar)) == ([], [])


def test_times_that_are_taken_back_are_cleared() -> None:
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    before = builders.schedule(
        start_at=moment,
        end_at=moment + datetime.timedelta(days=1),
        jitter=datetime.timedelta(minutes=1),
        exclude=(builders.calendar("0 0 * * *"),),
        intervals=(builders.interval("@every 6h"),),
    )
    proto = convert.make(before)
    assert read(proto) == before
    convert.edit(proto, builders.schedule())
    assert read(proto) == builders.schedule()
    assert not proto.spec.HasField("start_time")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"b":2,"a":1}', {"a": 1, "b": 2}),
        (b' { "a" : 1.0 , "b": 2e0 } ', {"a": 1, "b": 2}),
        (b'{"a":"\\u00fc"}', {"a": "ü"}),
        ("text in ü".join('""').encode(), "text in ü"),
        (b"[1.5, null, true]", [1.5, None, True]),
    ],
)
def test_json_of_any_sdk_is_compared_by_what_it_means(data: bytes, value: json_values.Json) -> None:
    assert argument(with_payload(data)) == value


def test_a_null_payload_is_null() -> None:
    assert argument(with_payload(b"", encoding=b"binary/null")) is None


@pytest.mark.parametrize(
    ("data", "encoding", "shown"),
    [
        (b"\x00\x01", b"binary/plain", "binary/plain"),
        (b"\x00\x01", b"binary/encrypted", "binary/encrypted"),
        (b"\x00", b"", "raw"),
        (b"{not json", b"json/plain", "malformed json/plain"),
        (b"\xff", b"json/plain", "malformed json/plain"),
        (b'{"a":NaN}', b"json/plain", "malformed json/plain"),
        (b'{"a":1e999}', b"json/plain", "malformed json/plain"),
        (b"1" * 5000, b"json/plain", "malformed json/plain"),
        (b"[" * 200 + b"]" * 200, b"json/plain", "malformed json/plain"),
        (b"[" * 100_000 + b"]" * 100_000, b"json/plain", "malformed json/plain"),
    ],
)
def test_a_payload_that_is_not_plain_json_is_known_by_its_bytes(data: bytes, encoding: bytes, shown: str) -> None:
    found = argument(with_payload(data, encoding))
    assert isinstance(found, model.Opaque)
    assert found.encoding == shown
    assert found == argument(with_payload(data, encoding))
    assert found != argument(with_payload(data + b" ", encoding))


def test_an_opaque_argument_is_kept_byte_for_byte_when_something_else_changes() -> None:
    proto = with_payload(b"\x00\x01", b"binary/encrypted")
    convert.edit(proto, dataclasses.replace(read(proto), paused=True))
    assert (
        proto.action.start_workflow.input == with_payload(b"\x00\x01", b"binary/encrypted").action.start_workflow.input
    )


def test_arguments_that_mean_the_same_keep_their_bytes() -> None:
    data = json.dumps(builders.arguments()[0], indent=4).encode()
    proto = with_payload(data)
    convert.edit(proto, builders.schedule(task_queue="other"))
    assert proto.action.start_workflow.input.payloads[0].data == data


@pytest.mark.parametrize(("old", "new"), [(True, 1), (0, False), ([1], [True])])
def test_true_that_becomes_1_is_written_although_python_finds_them_equal(
    old: json_values.Json, new: json_values.Json
) -> None:
    proto, wanted = convert.make(builders.schedule(input={"a": old})), builders.schedule(input={"a": new})
    convert.edit(proto, wanted)
    assert diff.diff(read(proto), wanted) == ()


@pytest.mark.parametrize(
    "arguments",
    [(), ("one", "two"), ({"scheduleId": "governance:community", "entrypoint": "COMMUNITY"},), (None,), ([],)],
)
def test_arguments_of_older_shapes_are_read_and_replaced(arguments: tuple[model.Argument, ...]) -> None:
    proto = convert.make(builders.schedule(arguments=arguments))
    assert read(proto).action.arguments == arguments
    convert.edit(proto, builders.schedule())
    assert read(proto) == builders.schedule()


def test_an_overlap_policy_of_a_newer_server_is_shown_as_unknown_and_kept_by_a_pause() -> None:
    proto = made()
    proto.policies.overlap_policy = 99  # type: ignore[assignment]
    live = read(proto)
    assert live.policies.overlap is model.Overlap.UNKNOWN
    convert.edit(proto, dataclasses.replace(live, paused=True))
    assert (proto.policies.overlap_policy, proto.state.paused) == (99, True)


def test_a_zone_with_data_of_its_own_is_another_zone_and_an_update_takes_the_data_away() -> None:
    proto = made()
    proto.spec.timezone_data = b"TZif"  # counts for the server, whatever the name is
    wanted = builders.schedule()
    assert read(proto).timing.timezone == f"{wanted.timing.timezone} (with its own data)"
    convert.edit(proto, wanted)
    assert (proto.spec.timezone_data, read(proto).timing) == (b"", wanted.timing)


@pytest.mark.parametrize("seconds", [10**12, -(10**12)])
def test_a_time_that_no_calendar_of_ours_has_can_be_read(seconds: int) -> None:
    proto = made()
    proto.spec.end_time.seconds = seconds
    assert read(proto).timing.end_at is not None


def test_pausing_a_schedule_without_an_action_gives_it_none() -> None:
    proto = schedule_pb2.Schedule()
    convert.edit(proto, dataclasses.replace(read(proto), paused=True))
    assert not proto.HasField("action")


def test_the_start_of_a_count_is_remembered_so_that_another_one_begins_anew() -> None:
    first = builders.schedule(remaining_actions=5, counted_from=5)
    proto = convert.make(first)
    proto.state.remaining_actions = 2
    assert diff.diff(read(proto), first) == ()
    more = dataclasses.replace(first, remaining_actions=9, counted_from=9)
    assert [field.path for field in diff.diff(read(proto), more)] == ["remaining_actions"]


def test_a_coefficient_that_is_no_number_is_a_difference_that_an_update_ends() -> None:
    proto = made()
    proto.action.start_workflow.retry_policy.backoff_coefficient = float("nan")
    live, wanted = read(proto), builders.schedule(retry_policy=model.RetryPolicy(backoff_coefficient=2.0))
    assert [field.path for field in diff.diff(live, wanted)] == ["retry_policy.backoff_coefficient"]
    convert.edit(proto, wanted)
    assert diff.diff(read(proto), wanted) == ()
