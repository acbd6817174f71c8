"""Keep the live values at `ignore` paths, which belong to others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.schedule import arguments, fields, model, paths, places, rows

REQUIRED = ("charter", "name", "id", *fields.FIRINGS, *fields.BUILT_IN[:1], fields.ARGUMENTS)
"""The keys that `ignore` cannot name as a whole, because a charter must declare them."""


class _Missing:
    """The value of a path that does not exist."""


_MISSING = _Missing()


def kept(desired: model.Schedule, live: model.Schedule) -> model.Schedule:
    """Return the desired schedule with the live values at its `ignore` paths; values missing there are removed."""
    for path in map(paths.parse, desired.ignore):
        desired = places.replaced(desired, dict(_values(path, desired, live)))
    return desired


def _values(path: paths.Path, desired: model.Schedule, live: model.Schedule) -> Iterator[tuple[places.Path, Any]]:
    """Yield the new value of each place that the path leads into: the desired one with the live part spliced in."""
    root, *inside = path
    row = next((row for row in fields.TABLE if root in row.roots), None)
    match row:
        case arguments.Named():
            yield places.ARGUMENTS, _spliced(desired.action.arguments, live.action.arguments, (0, *path))
        case arguments.Arguments():
            yield places.ARGUMENTS, _spliced(desired.action.arguments, live.action.arguments, tuple(inside))
        case rows.Countdown():
            yield places.REMAINING, live.remaining_actions
            yield places.COUNTED_FROM, live.counted_from
        case rows.Field():
            yield row.at.path, _spliced(row.at.get(desired), row.at.get(live), tuple(inside))
        case _:
            return


def _spliced(desired: Any, live: Any, path: paths.Path) -> Any:
    """Return the desired value with the live value at a path."""
    if not path:
        return live
    step, *rest = path
    match desired:
        case model.Message():
            if not isinstance(live, model.Message):
                return desired
            return dataclasses.replace(live, value=_spliced(desired.value, live.value, tuple(rest)))
        case Mapping():
            other = live.get(step, _MISSING) if isinstance(live, Mapping) else _MISSING
            return _with(desired, str(step), _part(desired.get(step, _MISSING), other, tuple(rest)))
        case list() | tuple() if isinstance(step, int) and step < len(desired):
            other = live[step] if isinstance(live, list | tuple) and step < len(live) else _MISSING
            part = _part(desired[step], other, tuple(rest))
            whole = [*desired[:step], *([] if part is _MISSING else [part]), *desired[step + 1 :]]
            return type(desired)(whole)
        case _ if dataclasses.is_dataclass(desired) and not isinstance(desired, type):
            other = getattr(live if type(live) is type(desired) else type(desired)(), str(step))
            return dataclasses.replace(
                desired, **{str(step): _spliced(getattr(desired, str(step)), other, tuple(rest))}
            )
        case _:
            return desired


def _part(desired: Any, live: Any, path: paths.Path) -> Any:
    if live is _MISSING and not path:
        return _MISSING
    return desired if live is _MISSING else _spliced(desired, live, path)


def _with(whole: Mapping[str, Any], name: str, part: Any) -> dict[str, Any]:
    if part is _MISSING:
        return {key: value for key, value in whole.items() if key != name}
    return {**whole, name: part}
