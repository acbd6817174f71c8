"""Preserve the live values at `ignore` paths, which other programs manage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, cast

from reconciler.schedule import arguments, encodings, fields, model, paths, places, rows

REQUIRED = ("charter", "name", "id", *fields.FIRINGS, *fields.BUILT_IN[:1], fields.ARGUMENTS)
"""The keys that `ignore` cannot list as a whole, because a charter must declare them."""


class _Missing:
    """The value of a path that does not exist."""


_MISSING = _Missing()


def kept(desired: model.Schedule, live: model.Schedule) -> model.Schedule:
    """Return the desired schedule with the live values at its `ignore` paths.

    A key that is missing from the live object is removed. An entry that is missing from the live list keeps its
    desired value, because removing it would shift later entries. So does any part of a value whose type is different in
    the live schedule.
    """
    for path in map(paths.parse, desired.ignore):
        desired = places.replaced(desired, dict(_values(path, desired, live)))
    return desired


def _values(path: paths.Path, desired: model.Schedule, live: model.Schedule) -> Iterator[tuple[places.Path, Any]]:
    """Yield the new value of each place that the path leads into: the desired one with the live part spliced in."""
    root, *inside = path
    row = next((row for row in fields.TABLE if root in row.roots), None)
    match row:
        case arguments.Named():
            yield places.ARGUMENTS, _arguments(desired.action.arguments, live.action.arguments, (0, *path))
        case arguments.Arguments():
            yield places.ARGUMENTS, _arguments(desired.action.arguments, live.action.arguments, tuple(inside))
        case rows.Countdown():
            yield places.REMAINING, live.remaining_actions
            yield places.COUNTED_FROM, live.counted_from
        case rows.Field():
            yield row.at.path, _spliced(row.at.get(desired), row.at.get(live), tuple(inside))
        case _:
            return


def _arguments(
    desired: tuple[model.AnyArgument, ...], live: tuple[model.AnyArgument, ...], path: paths.Path
) -> tuple[model.AnyArgument, ...]:
    """Return the desired arguments with the live value at a path."""
    match path:
        case (int() as index, *inside) if index < min(len(desired), len(live)):
            part = _argument(desired[index], live[index], tuple(inside))
            return (*desired[:index], part, *desired[index + 1 :])
        case _:
            return desired


def _argument(desired: model.AnyArgument, live: model.AnyArgument, path: paths.Path) -> model.AnyArgument:
    """Return the desired argument with the live value at a path within the argument, as it is written in a spec."""
    if not path:
        return live
    words = encodings.words(desired)
    if words is desired:  # plain JSON, which appears unchanged in a spec
        return cast("model.AnyArgument", _spliced(desired, live, path))
    whole = _spliced(words, encodings.words(live), path)
    return desired if any(encodings.check(whole)) else encodings.parse(whole)


def _spliced(desired: Any, live: Any, path: paths.Path) -> Any:
    """Return the desired value with the live value at a path."""
    if not path:
        return live
    step, *rest = path
    match desired:
        case Mapping() if isinstance(live, Mapping):
            part = _part(desired.get(step, _MISSING), live.get(step, _MISSING), tuple(rest))
            return _with(desired, str(step), part)
        case list() | tuple() if isinstance(live, list | tuple) and isinstance(step, int):
            if step >= min(len(desired), len(live)):
                return desired
            part = _spliced(desired[step], live[step], tuple(rest))
            return type(desired)([*desired[:step], part, *desired[step + 1 :]])
        case model.VersioningOverride() if not (isinstance(live, model.VersioningOverride) and live.deployment):
            return desired  # a version always has both parts
        case _ if dataclasses.is_dataclass(desired) and not isinstance(desired, type):
            other = getattr(live if type(live) is type(desired) else type(desired)(), str(step))
            return dataclasses.replace(
                desired, **{str(step): _spliced(getattr(desired, str(step)), other, tuple(rest))}
            )
        case _:
            return desired


def _part(desired: Any, live: Any, path: paths.Path) -> Any:
    if live is _MISSING:
        return desired if path else _MISSING
    return _spliced(desired, live, path)


def _with(whole: Mapping[str, Any], name: str, part: Any) -> dict[str, Any]:
    if part is _MISSING:
        return {key: value for key, value in whole.items() if key != name}
    return {**whole, name: part}
