"""Field changes between two schedules, named in the spec's words.

Both sides come in the model's canonical form, so a difference found here is one that the server acts on. Values
under names that sound like secrets leave here only as a digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

import deepdiff

from reconciler import model, redacting
from reconciler.timing import cron, durations

_IDENTITIES = ("temporalScheduleId", "dbScheduleId")
_BARE_ARGUMENT_KEYS = ("charter", "entrypoint", "input", *_IDENTITIES)

Fields: TypeAlias = dict[str, model.Json]


def diff(live: model.Schedule, desired: model.Schedule) -> tuple[model.FieldChange, ...]:
    """Return what must change in `live` to make it `desired`, in the order of the spec's fields."""
    if live == desired and same_json(live.action.arguments, desired.action.arguments):
        return ()
    old, new = _fields(live), _fields(desired)
    for name in _same_times(live.timing, desired.timing):
        old.pop(name, None)
        new.pop(name, None)
    tree = deepdiff.DeepDiff(
        old,
        new,
        view="tree",
        ignore_private_variables=False,  # else keys that start with two underscores are passed over
        zip_ordered_iterables=True,  # lists are compared place by place
        threshold_to_diff_deeper=0,  # else objects that share little are reported whole
    )
    order = {name: place for place, name in enumerate(dict.fromkeys([*new, *old]))}
    changes = [_change(level) for levels in tree.values() for level in levels]
    return tuple(sorted(changes, key=lambda change: (order[_root(change.path)], change.path)))


def everything(schedule: model.Schedule) -> tuple[model.FieldChange, ...]:
    """Return every field that says something as an addition, for a schedule that does not exist yet.

    Left out are the identities among the arguments, which follow from the schedule's id, and what is empty.
    """
    return tuple(
        model.FieldChange(path=name, old=model.ABSENT, new=redacting.redact(value, name))
        for name, value in _fields(schedule).items()
        if name not in _IDENTITIES and value
    )


def same_json(left: tuple[model.Argument, ...], right: tuple[model.Argument, ...]) -> bool:
    """Compare as JSON does: unlike in Python, true is not 1."""
    return _canonical(left) == _canonical(right)


def _canonical(arguments: tuple[model.Argument, ...]) -> str:
    return json.dumps(arguments, sort_keys=True, default=repr)


def _same_times(left: model.Timing, right: model.Timing) -> list[str]:
    """Return the fields that fire alike, whatever words each side has for it."""
    same = []
    if left.calendars == right.calendars and left.intervals == right.intervals:
        same.append("cron")
    if left.exclude == right.exclude:
        same.append("exclude")
    return same


def _fields(schedule: model.Schedule) -> Fields:
    """Return the schedule's fields in the spec's words and order; those that say nothing are left out."""
    timing, policies, action = schedule.timing, schedule.policies, schedule.action
    said: Fields = {
        "cron": _one_or_many([cron.render(times) for times in (*timing.calendars, *timing.intervals)]),
        "exclude": _one_or_many([cron.render(calendar) for calendar in timing.exclude]),
        "timezone": timing.timezone,
        "start_at": timing.start_at.isoformat() if timing.start_at else None,
        "end_at": timing.end_at.isoformat() if timing.end_at else None,
        "jitter": durations.render(timing.jitter) if timing.jitter != durations.ZERO else None,
        "overlap": policies.overlap.value,
        "catchup_window": durations.render(policies.catchup_window),
        "pause_on_failure": policies.pause_on_failure or None,
        "workflow": action.workflow,
        "task_queue": action.task_queue,
        "workflow_id": action.workflow_id,
    }
    present = {name: value for name, value in said.items() if value is not None}
    return present | _arguments(action.arguments) | {"paused": schedule.paused}


def _one_or_many(texts: list[str]) -> model.Json:
    return texts[0] if len(texts) == 1 else texts or None


def _arguments(arguments: tuple[model.Argument, ...]) -> Fields:
    """Return the keys of a governed workflow's one argument object; any other shape as `arguments`."""
    values = [_shown(argument) for argument in arguments]
    if len(values) == 1 and isinstance(values[0], Mapping):
        bare: Fields = {key: values[0][key] for key in _BARE_ARGUMENT_KEYS if key in values[0]}
        others = {key: value for key, value in values[0].items() if key not in bare}
        return bare | ({"arguments": [others]} if others or not bare else {})
    return {"arguments": values} if values else {}


def _shown(argument: model.Argument) -> model.Json:
    if isinstance(argument, model.Opaque):
        return f"({argument.encoding} payload, sha256:{argument.sha256[:12]})"
    return argument


def _change(level: deepdiff.model.DiffLevel) -> model.FieldChange:
    parts = level.path(output_format="list")
    path = _path(parts)
    names = [part for part in parts if isinstance(part, str)]
    return model.FieldChange(
        path=path,
        old=_side(level.t1, names),
        new=_side(level.t2, names),
    )


def _side(value: object, names: list[str]) -> model.Json | model.Absent:
    if value is deepdiff.helper.notpresent:
        return model.ABSENT
    return redacting.redact(value, *names)  # type: ignore[arg-type]  # deepdiff hands back what went in


def _path(parts: list[str | int]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier() or ("-" in part and part.replace("-", "_").isidentifier()):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]
