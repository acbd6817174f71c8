"""How the server's messages store each kind of value: reading it, and editing it in place.

An equivalent value is not touched, so that its unknown parts are kept: fields from newer servers and fractions of a
microsecond.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import google.protobuf.duration_pb2
import google.protobuf.timestamp_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler import json_values
from reconciler.plan import diff
from reconciler.schedule import kinds, model, records
from reconciler.temporal import payloads
from reconciler.timing import calendars, canonical, ranges, timings

T = TypeVar("T")
Message: TypeAlias = Any  # a generated class, whose fields are accessed by name

OVERLAPS = {
    model.Overlap.SKIP: enums_pb2.SCHEDULE_OVERLAP_POLICY_SKIP,
    model.Overlap.BUFFER_ONE: enums_pb2.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
    model.Overlap.BUFFER_ALL: enums_pb2.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
    model.Overlap.CANCEL_OTHER: enums_pb2.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
    model.Overlap.TERMINATE_OTHER: enums_pb2.SCHEDULE_OVERLAP_POLICY_TERMINATE_OTHER,
    model.Overlap.ALLOW_ALL: enums_pb2.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}
_OVERLAP_WORDS = {proto: overlap for overlap, proto in OVERLAPS.items()} | {
    enums_pb2.SCHEDULE_OVERLAP_POLICY_UNSPECIFIED: model.Overlap.SKIP
}
_NO_NUMBER = -1.0  # for NaN and infinity, which JSON cannot contain (and NaN is not equal to itself)


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    """How a kind is read from a field of a message, and how the field is edited."""

    read: Callable[[Any, Message, str], Any]
    edit: Callable[[Any, Message, str, Any, Any], None]


def read(kind: kinds.Kind[Any], message: Message, name: str) -> Any:
    """Return the value of a field."""
    return _CODECS[type(kind)].read(kind, message, name)


def edit(kind: kinds.Kind[Any], message: Message, name: str, live: Any, wanted: Any) -> None:
    """Change a field from the value `live` to `wanted`."""
    _CODECS[type(kind)].edit(kind, message, name, live, wanted)


def edit_arguments(protos: Any, live: Sequence[model.AnyArgument], wanted: Sequence[model.AnyArgument]) -> None:
    """Replace the arguments that differ, in place; the others stay the same, byte for byte."""
    if diff.same_json(live, wanted):
        return
    del protos[len(wanted) :]
    for number, argument in enumerate(wanted):
        if number >= len(live):
            protos.append(payloads.make_argument(argument))
        elif not diff.same_json(live[number], argument):
            protos[number].CopyFrom(payloads.make_argument(argument))


def _read_plain(kind: object, message: Message, name: str) -> Any:
    del kind
    return getattr(message, name)


def _edit_plain(kind: object, message: Message, name: str, live: Any, wanted: Any) -> None:
    del kind
    if live != wanted:
        setattr(message, name, wanted)


def _read_number(kind: kinds.Number, message: Message, name: str) -> float:
    value: float = getattr(message, name)
    if not math.isfinite(value):
        return _NO_NUMBER
    return json_values.short_float(value) if kind.single else value


def _read_duration(kind: kinds.Duration, message: Message, name: str) -> datetime.timedelta:
    value: datetime.timedelta = getattr(message, name).ToTimedelta() if message.HasField(name) else kind.unset
    return value if kind.least is None else max(value, kind.least)


def _edit_duration(kind: object, message: Message, name: str, live: Any, wanted: datetime.timedelta) -> None:
    del kind
    if live == wanted:
        return
    if wanted:
        getattr(message, name).FromTimedelta(wanted)
    else:
        message.ClearField(name)


def _read_moment(kind: object, message: Message, name: str) -> datetime.datetime | None:
    """Return the time; one outside the years 1 to 9999 becomes the earliest or latest possible one."""
    del kind
    if not message.HasField(name):
        return None
    stamp: google.protobuf.timestamp_pb2.Timestamp = getattr(message, name)
    try:
        return stamp.ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        beyond = datetime.datetime.max if stamp.seconds > 0 else datetime.datetime.min
        return beyond.replace(tzinfo=datetime.UTC)


def _edit_moment(kind: object, message: Message, name: str, live: Any, wanted: datetime.datetime | None) -> None:
    del kind
    if live == wanted:
        return
    if wanted is None:
        message.ClearField(name)
    else:
        getattr(message, name).FromDatetime(wanted)


def _read_overlap(kind: object, message: Message, name: str) -> model.Overlap:
    del kind
    return _OVERLAP_WORDS.get(getattr(message, name), model.Overlap.UNKNOWN)


def _edit_overlap(kind: object, message: Message, name: str, live: Any, wanted: model.Overlap) -> None:
    del kind
    if live is not wanted and wanted is not model.Overlap.UNKNOWN:
        setattr(message, name, OVERLAPS[wanted])


def _read_texts(kind: object, message: Message, name: str) -> tuple[str, ...]:
    del kind
    return tuple(sorted(set(getattr(message, name))))


def _edit_texts(kind: object, message: Message, name: str, live: Any, wanted: Iterable[str]) -> None:
    del kind
    if live != wanted:
        message.ClearField(name)
        getattr(message, name).extend(wanted)


def _read_payload(kind: object, message: Message, name: str) -> model.Argument:
    del kind
    return payloads.read(getattr(message, name)) if message.HasField(name) else None


def _edit_payload(kind: object, message: Message, name: str, live: Any, wanted: model.Argument) -> None:
    del kind
    if diff.same_json(live, wanted):
        return
    message.ClearField(name)
    if wanted is not None:
        getattr(message, name).CopyFrom(payloads.make(wanted))


def _is_message(message: Message, name: str) -> bool:
    return message.DESCRIPTOR.fields_by_name[name].message_type is not None


def _read_optional(kind: records.Optional[Any], message: Message, name: str) -> Any:
    """Return a value that may be missing; a string is missing if it is empty."""
    is_set = message.HasField(name) if _is_message(message, name) else getattr(message, name)
    return read(kind.of, message, name) if is_set else None


def _edit_optional(kind: records.Optional[Any], message: Message, name: str, live: Any, wanted: Any) -> None:
    if live == wanted:
        return
    if wanted is None:
        message.ClearField(name)
    else:
        edit(kind.of, message, name, read(kind.of, message, name), wanted)
        if _is_message(message, name):
            getattr(message, name).SetInParent()  # even if every part has the server's default


def _read_record(kind: records.Record[Any], message: Message, name: str) -> Any:
    inner = getattr(message, name)
    return kind.make(**{part.name: read(part.kind, inner, part.proto or part.name) for part in kind.parts})


def _edit_record(kind: records.Record[Any], message: Message, name: str, live: Any, wanted: Any) -> None:
    inner = getattr(message, name)
    for part in kind.parts:
        edit(part.kind, inner, part.proto or part.name, getattr(live, part.name), getattr(wanted, part.name))


def _read_versioning(kind: object, message: Message, name: str) -> model.VersioningOverride | None:
    del kind
    override = getattr(message, name)
    match override.WhichOneof("override"):
        case "pinned":
            version = override.pinned.version
            return model.VersioningOverride(deployment=version.deployment_name, build_id=version.build_id)
        case "auto_upgrade" if override.auto_upgrade:
            return model.VersioningOverride()
        case _:
            return None


def _edit_versioning(
    kind: object, message: Message, name: str, live: Any, wanted: model.VersioningOverride | None
) -> None:
    del kind
    if live == wanted:
        return
    message.ClearField(name)
    override = getattr(message, name)
    if wanted is not None and wanted.deployment:
        override.pinned.behavior = workflow_pb2.VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED
        override.pinned.version.deployment_name = wanted.deployment
        override.pinned.version.build_id = wanted.build_id
    elif wanted is not None:
        override.auto_upgrade = True


def _read_named(kind: kinds.Named[Any], message: Message, name: str) -> Mapping[str, Any]:
    read_entry, _ = _ENTRIES[type(kind.of)]
    entries = sorted(getattr(message, name).items())
    return {key: read_entry(entry) for key, entry in entries if not kind.is_reserved(key)}


def _edit_named(
    kind: kinds.Named[Any], message: Message, name: str, live: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Write the entries that differ and delete those not in `wanted`; only the entries named in `live` are ours."""
    _, make = _ENTRIES[type(kind.of)]
    entries = getattr(message, name)
    for key in live:
        if key not in wanted:
            del entries[key]
    for key, value in wanted.items():
        if key not in live or not diff.same_json(live[key], value):
            entries[key].CopyFrom(make(value))


_ENTRIES: Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    kinds.Payload: (payloads.read, payloads.make),
    records.Attribute: (payloads.read_attribute, payloads.make_attribute),
}


def _read_calendar(proto: schedule_pb2.StructuredCalendarSpec) -> timings.Calendar:
    return _calendar(proto.SerializeToString(deterministic=True))


@functools.lru_cache(maxsize=20_000)
def _calendar(serialized: bytes) -> timings.Calendar:
    """Return a calendar; cached, because many schedules have the same ones, and they are read for each comparison."""
    proto = schedule_pb2.StructuredCalendarSpec.FromString(serialized)
    sets = {name: getattr(proto, name) for name in calendars.FIELDS}  # their messages are like `ranges.Range`
    return canonical.calendar_of(sets, comment=proto.comment)


def _make_calendar(calendar: timings.Calendar) -> schedule_pb2.StructuredCalendarSpec:
    proto = schedule_pb2.StructuredCalendarSpec(comment=calendar.comment)
    for name in calendars.FIELDS:
        parts = ranges.compress(getattr(calendar, name))
        made = (schedule_pb2.Range(start=part.start, end=part.end, step=part.step) for part in parts)
        getattr(proto, name).extend(made)
    return proto


def _read_interval(proto: schedule_pb2.IntervalSpec) -> timings.Interval:
    return timings.Interval(every=proto.interval.ToTimedelta(), offset=proto.phase.ToTimedelta())


def _make_interval(interval: timings.Interval) -> schedule_pb2.IntervalSpec:
    return schedule_pb2.IntervalSpec(interval=_duration(interval.every), phase=_duration(interval.offset))


def _duration(value: datetime.timedelta) -> google.protobuf.duration_pb2.Duration:
    proto = google.protobuf.duration_pb2.Duration()
    proto.FromTimedelta(value)
    return proto


def _set_of(read_one: Callable[[Any], Any], make: Callable[[Any], object]) -> _Codec:
    """Return the codec of a set of messages."""

    def read_set(kind: object, message: Message, name: str) -> Any:
        del kind
        return canonical.distinct(map(read_one, getattr(message, name)))

    def edit_set(kind: object, message: Message, name: str, live: Any, wanted: Any) -> None:
        """Delete the messages that are not wanted, keep the others as they are, and add the missing ones."""
        del kind
        if live == wanted:
            return
        repeated = getattr(message, name)
        present = [read_one(proto) for proto in repeated]
        missing = [item for item in wanted if item not in present]
        for number in reversed(range(len(present))):
            if present[number] not in wanted:
                del repeated[number]
        repeated.extend(map(make, missing))

    return _Codec(read_set, edit_set)


_PLAIN = _Codec(_read_plain, _edit_plain)
_CODECS: Mapping[type, _Codec] = {
    kinds.Flag: _PLAIN,
    kinds.Text: _PLAIN,
    kinds.Whole: _PLAIN,
    kinds.Number: _Codec(_read_number, _edit_plain),
    kinds.Duration: _Codec(_read_duration, _edit_duration),
    kinds.Moment: _Codec(_read_moment, _edit_moment),
    kinds.Overlap: _Codec(_read_overlap, _edit_overlap),
    kinds.Texts: _Codec(_read_texts, _edit_texts),
    kinds.Payload: _Codec(_read_payload, _edit_payload),
    kinds.Named: _Codec(_read_named, _edit_named),
    records.Optional: _Codec(_read_optional, _edit_optional),
    records.Record: _Codec(_read_record, _edit_record),
    records.Versioning: _Codec(_read_versioning, _edit_versioning),
    records.Calendars: _set_of(_read_calendar, _make_calendar),
    records.Intervals: _set_of(_read_interval, _make_interval),
}
