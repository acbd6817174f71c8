"""Field changes between two schedules, named in the spec's words.

Both sides are in the model's canonical form, so every difference is one that the server acts on. Secrets appear only
as digests.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler import json_values
from reconciler.plan import plans
from reconciler.schedule import arguments, fields, governed, kinds, model, paths, places, records, rows

if TYPE_CHECKING:
    import deepdiff


def diff(live: model.Schedule, desired: model.Schedule) -> tuple[plans.FieldChange, ...]:
    """Return what must change in `live` to make it `desired`, in the order of the spec's fields."""
    return from_settled(live, settled(live, desired))


def from_settled(live: model.Schedule, desired: model.Schedule) -> tuple[plans.FieldChange, ...]:
    """Return the same as `diff`, for a desired schedule that already comes from `settled`."""
    if live == desired and same_json(_payloads(live), _payloads(desired)):
        return ()
    alike = dataclasses.replace(live, not_secret=desired.not_secret, salt=desired.salt)
    table, form = _differing(live, desired), _form(live, desired)
    old, new = _words(alike, table, like=form), _words(desired, table, like=form)
    return tuple(sorted([*_times(live, desired, old, new), *_others(old, new)], key=_place))


def _others(old: rows.Words, new: rows.Words) -> Iterator[plans.FieldChange]:
    """Yield the differences between fields other than times, down to the parts of values."""
    if not old and not new:
        return
    import deepdiff  # imported here because the import takes longer than most commands

    tree = deepdiff.DeepDiff(
        old,
        new,
        view="tree",
        ignore_private_variables=False,  # otherwise, keys that start with two underscores are skipped
        zip_ordered_iterables=True,  # lists are compared position by position
        threshold_to_diff_deeper=0,  # otherwise, objects that share little are reported as a whole
    )
    absent = deepdiff.helper.notpresent
    yield from (_change(level, absent) for levels in tree.values() for level in levels)


def _differing(live: model.Schedule, desired: model.Schedule) -> list[rows.Row]:
    """Return only the rows that can differ: redacting secrets in the others too would take most of the time."""

    def is_same(path: places.Path) -> bool:
        left, right = places.value(live, path), places.value(desired, path)
        return bool(left == right) and (path not in _PAYLOAD_PLACES or same_json(left, right))

    return [row for row in fields.TABLE if not all(map(is_same, row.sources))]


def _form(live: model.Schedule, desired: model.Schedule) -> model.Schedule:
    """Return the schedule in whose form both sides are shown: `desired`, but with `live`'s built-in argument, if any.

    This way, a change from the built-in workflow's argument to another input lists the same fields as the reverse.
    """
    if not governed.is_built_in(live.action.arguments):
        return desired
    action = dataclasses.replace(desired.action, arguments=live.action.arguments)
    return dataclasses.replace(desired, action=action)


def everything(schedule: model.Schedule) -> tuple[plans.FieldChange, ...]:
    """Return every non-empty field as an addition, for a schedule that does not exist yet.

    All arguments are included, because the workflow receives nulls too; only the identities among them are omitted,
    because they are derived from the schedule's id.
    """
    return tuple(
        plans.FieldChange(path=name, old=plans.ABSENT, new=value)
        for name, value in _words(schedule).items()
        if name not in governed.IDENTITIES and (value or _root(name) in _SHOWN_EMPTY)
    )


_SHOWN_EMPTY = (fields.ARGUMENTS, "remaining_actions")


def same_json(left: object, right: object) -> bool:
    """Compare decoded values as JSON does: unlike in Python, true is not 1."""
    return left is right or _canonical(left) == _canonical(right)


def _canonical(value: object) -> str:
    return _SORTED.encode(value)


_SORTED = json.JSONEncoder(sort_keys=True, default=repr)


def _payloads(schedule: model.Schedule) -> list[object]:
    """Return the fields that hold decoded values, which Python may consider equal although JSON does not."""
    return [places.value(schedule, path) for path in _PAYLOAD_PLACES]


def _holds_payloads(row: rows.Row) -> bool:
    if isinstance(row, arguments.Arguments):
        return True
    kind = row.kind if isinstance(row, rows.Field) else None
    return isinstance(kind.of if isinstance(kind, records.Optional) else kind, kinds.Payload | kinds.Named)


PAYLOADS = tuple(row for row in fields.TABLE if _holds_payloads(row))
_PAYLOAD_PLACES = tuple(path for row in PAYLOADS for path in row.sources)


def settled(live: model.Schedule, desired: model.Schedule) -> model.Schedule:
    """Return what should be on the server: `desired`, but with `live`'s remaining actions and undeclared values."""
    start = desired.remaining_actions if desired.counted_from is None else desired.counted_from
    remaining = live.remaining_actions
    counting = start is not None and remaining is not None and remaining <= start
    counting = counting and live.counted_from in (None, start)
    return dataclasses.replace(
        desired,
        remaining_actions=remaining if counting else desired.remaining_actions,
        counted_from=live.counted_from if counting else start,
        note=live.note if desired.note is None else desired.note,
        memo=live.memo if desired.memo is None else desired.memo,
        search_attributes=live.search_attributes if desired.search_attributes is None else desired.search_attributes,
    )


def _times(live: model.Schedule, desired: model.Schedule, old: rows.Words, new: rows.Words) -> list[plans.FieldChange]:
    """Remove the times from both sides and return those that differ; each is a set, so it is shown as a whole."""
    sides = [(name, old.pop(name, plans.ABSENT), new.pop(name, plans.ABSENT)) for name in fields.TIMES]
    same = {key for key, row in fields.TIMES.items() if row.at.get(live) == row.at.get(desired)}
    return [
        plans.FieldChange(path=name, old=was, new=wanted)
        for name, was, wanted in sides
        if name not in same and was != wanted
    ]


def _change(level: deepdiff.model.DiffLevel, absent: object) -> plans.FieldChange:
    field, *inner = level.path(output_format="list")
    path = paths.render(inner, within=field)
    return plans.FieldChange(path=path, old=_side(level.t1, absent), new=_side(level.t2, absent))


def _side(value: object, absent: object) -> json_values.Json | plans.Absent:
    if value is absent:
        return plans.ABSENT
    return value  # type: ignore[return-value]  # deepdiff returns the values that it was given


def _words(
    schedule: model.Schedule, table: Sequence[rows.Row] | None = None, like: model.Schedule | None = None
) -> rows.Words:
    """Return the rows' fields with secrets as digests, so that no part of a secret is compared or shown."""
    return fields.words(fields.redacted(schedule, table=table), like, table)


def _place(change: plans.FieldChange) -> tuple[int, list[tuple[int, str]]]:
    """Return the sort key of a change: the spec's order, and entry 2 of a list before entry 10."""
    steps = _STEP.findall(change.path)
    return fields.ORDER.index(_root(change.path)), [(int(number or 0), name) for number, name in steps]


_STEP = re.compile(r"\[(\d{1,9})\]|([^.\[]+)")


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]
