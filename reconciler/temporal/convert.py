"""Convert between the server's schedule protos and `model.Schedule`: read, create, and edit in place."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler.schedule import fields, kinds, model, ownership, places, records, rows
from reconciler.temporal import payloads, protos
from reconciler.timing import timings

_COUNT = f"{ownership.MEMO_PREFIX}remaining_actions"
_Tree: TypeAlias = "dict[str, _Leaf | _Tree]"


@dataclasses.dataclass(frozen=True, slots=True)
class _Leaf:
    """A field of a message: the place of its value in a schedule, and the value's kind."""

    at: places.Lens[Any]
    kind: kinds.Kind[Any]


def _tree(leaves: Mapping[str, _Leaf]) -> _Tree:
    """Return fields by path as a tree: each under its name, within the names of the messages that contain it."""
    tree: _Tree = {}
    for path, leaf in leaves.items():
        *parents, name = path.split(".")
        at: Any = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[name] = leaf
    return tree


def _single(table: Iterable[rows.Row]) -> _Tree:
    """Return the rows whose value is a single field in the message."""
    found = (row for row in table if isinstance(row, rows.Field | rows.Times) and row.proto)
    return _tree({row.proto: _Leaf(row.at, row.kind) for row in found})


def _outside(table: Iterable[rows.Row]) -> _Tree:
    """Return the rows whose values the server stores outside the Schedule message; see `own`.

    Charters may omit these values, but the server always has them.
    """
    found = [row for row in table if isinstance(row, rows.Field) and row.own]
    kinds_ = (row.kind.of if isinstance(row.kind, records.Optional) else row.kind for row in found)
    return _tree({row.own: _Leaf(row.at, kind) for row, kind in zip(found, kinds_, strict=True)})


_SINGLE = _single(fields.TABLE)
_OUTSIDE = _outside(fields.TABLE)


@functools.cache
def _unset(*, outside: bool) -> places.Defaults:
    """Return the values of an empty message; almost all fields of most schedules have these values."""
    proto = schedule_pb2.Schedule()
    leaves = (*_leaves(proto, _SINGLE), *(_leaves(proto, _OUTSIDE) if outside else ()))
    return places.Defaults.of({leaf.at.path: protos.read(leaf.kind, *field) for leaf, *field in leaves})


def _leaves(message: protos.Message, tree: _Tree) -> Iterator[tuple[_Leaf, protos.Message, str]]:
    """Yield each field of a tree with the message that contains it and its name there."""
    for name, inner in tree.items():
        if isinstance(inner, _Leaf):
            yield inner, message, name
        else:
            yield from _leaves(getattr(message, name), inner)


def own(memo: common_pb2.Memo, attributes: common_pb2.SearchAttributes) -> schedule_pb2.Schedule:
    """Return the schedule's own memo and search attributes, in the message fields meant for those of its runs."""
    held = schedule_pb2.Schedule()
    held.action.start_workflow.memo.CopyFrom(memo)
    held.action.start_workflow.search_attributes.CopyFrom(attributes)
    return held


def read(
    schedule_id: str, proto: schedule_pb2.Schedule, attached: schedule_pb2.Schedule | None = None
) -> model.Schedule:
    """Return a described schedule in canonical form, including what `own` returned for it, if known."""
    start = proto.action.start_workflow
    draft = places.Draft(schedule_id, _unset(outside=attached is not None))
    _read_set(proto, _SINGLE, draft)
    if attached is not None:
        _read_set(attached, _OUTSIDE, draft)
    draft[places.TIMEZONE] = _timezone(proto.spec)
    draft[places.ARGUMENTS] = tuple(map(payloads.read_argument, start.input.payloads))
    draft[places.REMAINING] = proto.state.remaining_actions if proto.state.limited_actions else None
    draft[places.COUNTED_FROM] = _counted_from(start)
    draft["owner",] = owner(proto)
    draft["seal",] = _seal(start)
    return draft.build()


def _read_set(message: protos.Message, tree: _Tree, draft: places.Draft) -> None:
    """Put the values of the fields that are set into a draft."""
    for field, value in message.ListFields():
        match tree.get(field.name):
            case None:
                pass
            case dict() as inner:
                _read_set(value, inner, draft)
            case leaf:
                draft[leaf.at.path] = protos.read(leaf.kind, message, field.name)


def make(schedule: model.Schedule) -> schedule_pb2.Schedule:
    """Return the proto of a new schedule, including the values that `edit` would leave to the server's defaults."""
    proto = schedule_pb2.Schedule()
    proto.spec.timezone_name = schedule.timing.timezone
    if schedule.policies.overlap is not model.Overlap.UNKNOWN:
        proto.policies.overlap_policy = protos.OVERLAPS[schedule.policies.overlap]
    proto.policies.catchup_window.FromTimedelta(schedule.policies.catchup_window)
    edit(proto, schedule)
    return proto


def edit(proto: schedule_pb2.Schedule, schedule: model.Schedule) -> None:
    """Set the fields that we own to the values in `schedule`; every other field keeps its value.

    Equivalent values are not touched, down to each calendar, duration, and payload, so that unknown parts of them
    (fields from newer servers, fractions of a microsecond) are kept.
    """
    live = read(schedule.id, proto)
    for leaf, message, name in _leaves(proto, _SINGLE):
        protos.edit(leaf.kind, message, name, leaf.at.get(live), leaf.at.get(schedule))
    _edit_spec(proto.spec, live.timing, schedule.timing)
    start = proto.action.start_workflow
    protos.edit_arguments(start.input.payloads, live.action.arguments, schedule.action.arguments)
    if schedule.counted_from != live.counted_from:
        _edit_mark(start, _COUNT, schedule.counted_from)
    if schedule.owner != live.owner:
        _edit_mark(start, ownership.OWNER_MARK, schedule.owner)
    if schedule.seal != live.seal:
        _edit_mark(start, ownership.SEAL_MARK, schedule.seal)
    if live.remaining_actions != schedule.remaining_actions:
        proto.state.limited_actions = schedule.remaining_actions is not None
        proto.state.remaining_actions = schedule.remaining_actions or 0


def make_own(schedule: model.Schedule) -> schedule_pb2.Schedule:
    """Return the message with the schedule's own memo and search attributes, as `own` does."""
    held = schedule_pb2.Schedule()
    edit_own(held, schedule)
    return held


def edit_own(held: schedule_pb2.Schedule, schedule: model.Schedule) -> None:
    """Set the schedule's own memo and search attributes, but keep equivalent values and the server's attributes."""
    for leaf, message, name in _leaves(held, _OUTSIDE):
        wanted = leaf.at.get(schedule)
        if wanted is not None:
            protos.edit(leaf.kind, message, name, protos.read(leaf.kind, message, name), wanted)


@functools.lru_cache(maxsize=20_000)
def timing(spec: bytes) -> timings.Timing:
    """Return the times of a serialized spec; cached, because a listing repeats the same ones."""
    proto = schedule_pb2.Schedule(spec=schedule_pb2.ScheduleSpec.FromString(spec))
    return timings.Timing(timezone=_timezone(proto.spec), **dict(_times(proto)))


def _times(proto: schedule_pb2.Schedule) -> Iterator[tuple[str, Any]]:
    for leaf, message, name in _leaves(proto, _SINGLE):
        group, *attributes = leaf.at.path
        if group == "timing":
            yield attributes[0], protos.read(leaf.kind, message, name)


def _timezone(spec: schedule_pb2.ScheduleSpec) -> str:
    return f"{spec.timezone_name} (with its own data)" if spec.timezone_data else spec.timezone_name or "UTC"


def _counted_from(start: workflow_pb2.NewWorkflowExecutionInfo) -> int | None:
    """Return the declared number of remaining actions that the count started from; it is stored in the runs' memo."""
    value = payloads.read(start.memo.fields[_COUNT]) if _COUNT in start.memo.fields else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def owner(proto: schedule_pb2.Schedule) -> str | None:
    """Return the owner's mark, or None if there is none; an unreadable one is treated as another owner's."""
    start = proto.action.start_workflow
    if ownership.OWNER_MARK not in start.memo.fields:
        return None
    value = payloads.read(start.memo.fields[ownership.OWNER_MARK])
    return value if isinstance(value, str) and value else "(an owner that cannot be read)"


def _seal(start: workflow_pb2.NewWorkflowExecutionInfo) -> str | None:
    mark = ownership.SEAL_MARK
    value = payloads.read(start.memo.fields[mark]) if mark in start.memo.fields else None
    return value if isinstance(value, str) else None


def _edit_spec(spec: schedule_pb2.ScheduleSpec, live: timings.Timing, wanted: timings.Timing) -> None:
    """Clear the other notations for times if the times change, and write the time zone."""
    if live == wanted:
        return
    for name in ("cron_string", "calendar", "exclude_calendar"):
        spec.ClearField(name)
    if live.timezone != wanted.timezone:
        spec.timezone_name = wanted.timezone
        spec.ClearField("timezone_data")  # which would take precedence over the name


def _edit_mark(start: workflow_pb2.NewWorkflowExecutionInfo, name: str, value: int | str | None) -> None:
    """Write one of our marks to the workflow's memo, or remove it."""
    start.memo.fields.pop(name, None)
    if value is not None:
        start.memo.fields[name].CopyFrom(payloads.make(value))
