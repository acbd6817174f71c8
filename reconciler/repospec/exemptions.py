"""The paths under `not_secret`: each must lead to a value of a charter that it applies to."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from reconciler import json_values, spelling
from reconciler.repospec import charters, problems, rules, values
from reconciler.schedule import fields, paths, rows

KEY = "not_secret"
_COMPARED = 1_000  # paths among which the nearest one is looked for


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A part of the section that can have the key: for one environment or all (None), for one charter or all."""

    at: values.Path
    environment: str | None
    charter: str | None


def check(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for each path that is malformed or matches nothing; the document has passed all other rules.

    A charter's own path may match in any environment only, one in defaults a single charter only.
    """
    layers = [layer for layer in _layers(document) if rules.value_at(document, (*layer.at, KEY))]
    if not layers:
        return
    names: list[str | None] = [None, *_keys(document, rules.ENVIRONMENTS)]
    fields = {name: _fields(document, name) for name in names}
    for layer in layers:
        environments = names if layer.environment is None else [layer.environment]
        found = [
            charter
            for name in environments
            for declared, charter in fields[name].items()
            if layer.charter is None or layer.charter.lower() == declared
        ]
        yield from _layer(document, layer, found)


def _layers(document: values.Document) -> Iterator[_Layer]:
    yield _Layer(at=rules.DEFAULTS, environment=None, charter=None)
    for index in range(rules.count(document)):
        at: values.Path = (*rules.SCHEDULES, index)
        yield _Layer(at=at, environment=None, charter=str(rules.value_at(document, (*at, "charter"))))
    for name in _keys(document, rules.ENVIRONMENTS):
        at = (*rules.ENVIRONMENTS, name)
        yield _Layer(at=(*at, "defaults"), environment=name, charter=None)
        for charter in _keys(document, (*at, "charters")):
            yield _Layer(at=(*at, "charters", charter), environment=name, charter=charter)


def _keys(document: values.Document, at: values.Path) -> list[str]:
    value = rules.value_at(document, at)
    return list(value) if isinstance(value, dict) else []


def _fields(document: values.Document, environment: str | None) -> dict[str, rows.Words]:
    """Return each charter's fields as plans write them, by its name in lower case."""
    return {each.name.lower(): fields.words(each.schedule) for each in charters.read(document, environment)}


def _layer(document: values.Document, layer: _Layer, candidates: Sequence[rows.Words]) -> Iterator[problems.Problem]:
    given = rules.value_at(document, (*layer.at, KEY))
    for index, text in enumerate(given if isinstance(given, list) else []):
        place = document.places[(*layer.at, KEY, index)]
        try:
            path = paths.parse(str(text))
        except ValueError as error:
            hint = "write it as plans do, for example input.scopeKey"
            yield problems.Problem(place=place, message=f"{KEY}: {error}", hint=hint)
            continue
        if path[0] in fields.TIMES and len(path) > 1:
            message = f"{KEY}: {text!r} is a part of the times, which are shown as a whole"
            yield problems.Problem(place=place, message=message, hint=f"write {path[0]!r}")
        elif candidates and not any(_leads(fields, path) for fields in candidates):
            where = f"charter {layer.charter!r}" if layer.charter else "any charter"
            where += f" in environment {layer.environment!r}" if layer.environment else ""
            hint = _hint(str(text), candidates)
            yield problems.Problem(place=place, message=f"{KEY}: {text!r} matches no value of {where}", hint=hint)


def _leads(value: json_values.Json, path: paths.Path) -> bool:
    match path, value:
        case (), _:
            return True
        case (str() as name, *rest), Mapping():
            return name in value and _leads(value[name], tuple(rest))
        case (int() as index, *rest), list() | tuple():
            return index < len(value) and _leads(value[index], tuple(rest))
        case _:
            return False


def _hint(text: str, candidates: Sequence[rows.Words]) -> str:
    known = (paths.render(path) for fields in candidates for path in _paths(fields, ()))
    near = spelling.nearest(text, dict.fromkeys(itertools.islice(known, _COMPARED)))
    return f"did you mean {near!r}?" if near else "write it as plans do, for example input.scopeKey"


def _paths(value: json_values.Json, at: paths.Path) -> Iterator[paths.Path]:
    """Yield the path of everything in a value."""
    inner: Iterator[tuple[str | int, json_values.Json]] = iter(())
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, (list, tuple)):
        inner = enumerate(value)
    for step, each in inner:
        yield (*at, step)
        yield from _paths(each, (*at, step))
