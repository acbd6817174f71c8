"""Check the paths under `not_secret` and `ignore`: each must match a value in a charter to which it applies."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from reconciler import json_values, spelling
from reconciler.repospec import charters, problems, rules, values
from reconciler.schedule import encodings, faults, fields, ignored, model, paths, rows

KEYS = ("not_secret", "ignore")
ATTRIBUTES = "search_attributes"
_UNORDERED = ("retry_policy", "non_retryable_errors")  # sorted before it is compared
_EXAMPLE = "write it as plans do, for example input.scopeKey"
_ROOTS = {root for row in fields.TABLE for root in row.roots} | {*fields.ORDER}
_COMPARED = 1_000  # the maximum number of paths searched for a similar one


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A part of the section where one of `KEYS` can appear; `environment` or `charter` is None if it covers all."""

    at: values.Path
    environment: str | None
    charter: str | None


def check(document: values.Document, environments: Mapping[str | None, values.Document]) -> Iterator[problems.Problem]:
    """Yield a problem for each path that is malformed or has no match; the document must have passed all other rules.

    A charter's own path must match in at least one environment, and a path in defaults must match at least one charter.
    `environments` maps each environment's name to its view of the document; if an environment is missing, paths
    that apply to it are assumed to match.
    """
    names: list[str | None] = [None, *_keys(document, rules.ENVIRONMENTS)]
    layers = [
        (layer, key, seen)
        for key in KEYS
        for layer, seen in _seen(document, environments)
        if rules.value_at(seen, (*layer.at, key))
    ]
    if not layers:
        return
    words = {name: _fields(seen, name) for name, seen in environments.items()}
    for layer, key, seen in layers:
        among = names if layer.environment is None else [layer.environment]
        candidates = [
            charter
            for name in among
            for declared, charter in words.get(name, {}).items()
            if layer.charter is None or layer.charter.lower() == declared
        ]
        yield from _layer(seen, layer, key, candidates if set(among) <= words.keys() else ())


def malformed(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for each path that is wrong regardless of the values; the document need not be valid."""
    for key in KEYS:
        for layer, seen in _seen(document, dict.fromkeys(_keys(document, rules.ENVIRONMENTS), document)):
            yield from _layer(seen, layer, key, ())


def _seen(
    document: values.Document, environments: Mapping[str | None, values.Document]
) -> Iterator[tuple[_Layer, values.Document]]:
    """Yield each layer with the document that contains its values."""
    yield _Layer(at=rules.DEFAULTS, environment=None, charter=None), document
    for index in range(rules.count(document)):
        at: values.Path = (*rules.SCHEDULES, index)
        name = str(rules.value_at(document, (*at, "charter")))
        yield _Layer(at=at, environment=None, charter=name), document
    for environment, seen in environments.items():
        if environment is not None:
            at = (*rules.ENVIRONMENTS, environment)
            yield _Layer(at=(*at, "defaults"), environment=environment, charter=None), seen
            for charter in _keys(seen, (*at, "charters")):
                yield _Layer(at=(*at, "charters", charter), environment=environment, charter=charter), seen


def _keys(document: values.Document, at: values.Path) -> list[str]:
    value = rules.value_at(document, at)
    return list(value) if isinstance(value, dict) else []


def _fields(document: values.Document, environment: str | None) -> dict[str, rows.Words]:
    """Return each charter's fields as plans write them, by the charter's name in lower case."""
    return {each.name.lower(): _words(each.schedule) for each in charters.read(document, environment)}


def _words(schedule: model.Schedule) -> rows.Words:
    """Return a schedule's fields, and its arguments, which contain the built-in object's fields a second time."""
    return {**fields.words(schedule), fields.ARGUMENTS: encodings.listed(schedule.action.arguments)}


def _layer(
    document: values.Document, layer: _Layer, key: str, candidates: Sequence[rows.Words]
) -> Iterator[problems.Problem]:
    texts = rules.value_at(document, (*layer.at, key))
    for index, text in enumerate(texts if isinstance(texts, list) else []):
        is_template = (*layer.at, key, index) in document.templates  # the path differs between charters
        if is_template or not isinstance(text, str) or not text:  # the schema reports the latter two
            continue
        fault = _fault(text, key, candidates, _where(layer))
        if fault is not None:
            place = document.places[(*layer.at, key, index)]
            yield problems.Problem(place=place, message=f"{key}: {fault.message}", hint=fault.hint)


def _fault(text: str, key: str, candidates: Sequence[rows.Words], where: str) -> faults.Fault | None:
    """Return what is wrong with a path, None if nothing is."""
    try:
        path = paths.parse(text)
    except ValueError as error:
        return faults.Fault(message=str(error), hint=_EXAMPLE)
    root, *inside = path
    if root in fields.TIMES and inside:
        return faults.Fault(
            message=f"{text!r} is part of the schedule's times, which are shown as a whole", hint=f"write {root!r}"
        )
    if key == "ignore":
        if len(path) == 1 and root in ignored.REQUIRED:
            hint = "specify a part of it, for example args[0]" if root == fields.ARGUMENTS else "remove this path"
            return faults.Fault(message=f"{text!r} is a key that a charter must declare", hint=hint)
        if root == ATTRIBUTES and len(inside) > 1:
            message = f"{text!r} is part of a search attribute, which is kept as a whole"
            return faults.Fault(message=message, hint=f"write {paths.render(path[:2])!r}")
        if path[:2] == _UNORDERED and len(path) > 2:
            message = f"{text!r} is part of an unordered list, which is kept as a whole"
            return faults.Fault(message=message, hint=f"write {paths.render(_UNORDERED)!r}")
        if len(path) == 1 and root in fields.ORDER:
            return None
    if root not in _ROOTS or (candidates and not any(_leads(words, path) for words in candidates)):
        more = "; declare an initial value at this path for new schedules" if key == "ignore" else ""
        return faults.Fault(message=f"{text!r} matches no value in {where}", hint=_hint(text, candidates) + more)
    return None


def _where(layer: _Layer) -> str:
    where = f"charter {layer.charter!r}" if layer.charter else "any charter"
    return where + (f" in environment {layer.environment!r}" if layer.environment else "")


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
    return f"did you mean {near!r}?" if near else _EXAMPLE


def _paths(value: json_values.Json, at: paths.Path) -> Iterator[paths.Path]:
    """Yield the paths of all parts of a value."""
    inner: Iterator[tuple[str | int, json_values.Json]] = iter(())
    if isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, (list, tuple)):
        inner = enumerate(value)
    for step, each in inner:
        yield (*at, step)
        yield from _paths(each, (*at, step))
