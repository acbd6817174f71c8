"""Field changes between two schedules, named in the spec's words.

Both sides come in the model's canonical form, so a difference found here is one that the server acts on. Values
under names that sound like secrets leave here only as a digest.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from reconciler import json_values
from reconciler.plan import plans
from reconciler.schedule import arguments, fields, governed, kinds, model, paths, rows

if TYPE_CHECKING:
    import deepdiff


def diff(live: model.Schedule, desired: model.Schedule) -> tuple[plans.FieldChange, ...]:
    """Return what must change in `live` to make it `desired`, in the order of the spec's fields."""
    desired = settled(live, desired)
    if live == desired and same_json(_payloads(live), _payloads(desired)):
        return ()
    import deepdiff  # here, because it takes longer to import than most commands run

    alike = dataclasses.replace(live, not_secret=desired.not_secret, salt=desired.salt)
    old, new = _said(alike, like=desired), _said(desired)
    times = _times(live, desired, old, new)
    tree = deepdiff.DeepDiff(
        old,
        new,
        view="tree",
        ignore_private_variables=False,  # else keys that start with two underscores are passed over
        zip_ordered_iterables=True,  # lists are compared place by place
        threshold_to_diff_deeper=0,  # else objects that share little are reported whole
    )
    absent = deepdiff.helper.notpresent
    changes = [*times, *(_change(level, absent) for levels in tree.values() for level in levels)]
    return tuple(sorted(changes, key=_place))


def everything(schedule: model.Schedule) -> tuple[plans.FieldChange, ...]:
    """Return every field that is not empty as an addition, for a schedule that does not exist yet.

    Left out are the identities among the arguments, which follow from the schedule's id, and what is empty.
    """
    return tuple(
        plans.FieldChange(path=name, old=plans.ABSENT, new=value)
        for name, value in _said(schedule).items()
        if name not in governed.IDENTITIES and value
    )


def same_json(left: object, right: object) -> bool:
    """Compare decoded values as JSON does: unlike in Python, true is not 1."""
    return _canonical(left) == _canonical(right)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _payloads(schedule: model.Schedule) -> list[object]:
    """Return the fields that hold decoded values, where equal for Python is not equal for JSON."""
    return [value for row in PAYLOADS for value in row.encode(schedule).values()]


def _holds_payloads(row: rows.Row) -> bool:
    if isinstance(row, arguments.Arguments):
        return True
    return isinstance(row, rows.Field) and isinstance(row.kind, kinds.Payload | kinds.Named)


PAYLOADS = tuple(row for row in fields.TABLE if _holds_payloads(row))


def settled(live: model.Schedule, desired: model.Schedule) -> model.Schedule:
    """Return what should be on the server: desired, with what the server counts and what is not declared kept.

    A limit on actions that has started to count down stays where it is; a note that is not declared stays as well.
    """
    start = desired.remaining_actions if desired.counted_from is None else desired.counted_from
    left = live.remaining_actions
    counting = start is not None and left is not None and left <= start and live.counted_from in (None, start)
    return dataclasses.replace(
        desired,
        remaining_actions=left if counting else desired.remaining_actions,
        counted_from=live.counted_from if counting else start,
        note=live.note if desired.note is None else desired.note,
    )


def _times(live: model.Schedule, desired: model.Schedule, old: rows.Words, new: rows.Words) -> list[plans.FieldChange]:
    """Take the times out of both sides and return what differs; each is a set, so it is shown whole."""
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
    return value  # type: ignore[return-value]  # deepdiff hands back what went in


def _said(schedule: model.Schedule, like: model.Schedule | None = None) -> rows.Words:
    """Return the schedule's fields with secrets as digests, so that no part of a secret is compared or shown."""
    return fields.words(fields.redacted(schedule), like=like)


def _place(change: plans.FieldChange) -> tuple[int, list[tuple[int, str]]]:
    """Return what sorts changes in the spec's order, and entry 2 of a list before entry 10."""
    steps = _STEP.findall(change.path)
    return fields.ORDER.index(_root(change.path)), [(int(number or 0), name) for number, name in steps]


_STEP = re.compile(r"\[(\d{1,9})\]|([^.\[]+)")


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]
