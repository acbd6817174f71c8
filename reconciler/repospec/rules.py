"""Check the rules that a schema cannot express; the document need not be valid otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from reconciler import json_values, spelling
from reconciler.repospec import dialects, limits, problems, values
from reconciler.schedule import declarations, faults, fields, ownership, rows
from reconciler.timing import cron, moments

SECTION: values.Path = (dialects.GOVERNANCE.section,)
DEFAULTS: values.Path = (*SECTION, "defaults")
SCHEDULES: values.Path = (*SECTION, dialects.LIST)
ENVIRONMENTS: values.Path = (*SECTION, "environments")
VARIABLES = "vars"  # a key of the section and of an environment


def check(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for every violation; the schema reports values of wrong types."""
    for key in ("owner", "prefix"):
        for path, text in texts(document, (*SECTION, key)):
            for fault in faults.of_invisible(key, text):
                yield problems.Problem(place=document.places[path], message=fault.message, hint=fault.hint)
    yield from _prefixes(document, (*SECTION, "prefix"))
    yield from _inherited(document, DEFAULTS)
    named: dict[str, values.Path] = {}
    for index in range(count(document)):
        at: values.Path = (*SCHEDULES, index)
        charter = value_at(document, at)
        if isinstance(charter, dict):
            yield from _name(document, at, charter, named)
            yield from _keys(document, at, fields.ROWS)
            yield from _together(values.of_charter(document, index), at, (DEFAULTS, at))
    environments = value_at(document, ENVIRONMENTS)
    for name, environment in environments.items() if isinstance(environments, dict) else ():
        if environment:
            yield from _environment(document, (*ENVIRONMENTS, name), named)


def _prefixes(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check how many prefixes there are; repeated ones are ignored."""
    if len(ownership.declared(value_at(document, at))) > ownership.MOST_PREFIXES:
        message = f"'prefix' has more than {ownership.MOST_PREFIXES} entries"
        yield problems.Problem(place=document.places[at], message=message, hint="remove some")


def count(document: values.Document) -> int:
    """Return the number of listed charters."""
    schedules = value_at(document, SCHEDULES)
    return len(schedules) if isinstance(schedules, list) else 0


def _inherited(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check the keys that charters inherit."""
    yield from _keys(document, at, _INHERITED)
    own = {path[len(at)] for path in document.templates if path[: len(at)] == at}
    for index in document.identities if own else ():
        yield from _keys(values.of_charter(document, index), at, [row for row in fields.ROWS if row.key in own])
    defined = merged(document, at)
    yield from _ends(document, defined, at)
    yield from _size(document, defined, at)


_INHERITED = tuple(row for row in fields.ROWS if row.is_inherited)


def _keys(document: values.Document, at: values.Path, table: Iterable[rows.Row]) -> Iterator[problems.Problem]:
    """Check each key of a charter, an override, or defaults against its row in the table."""
    entry = value_at(document, at)
    keys = entry if isinstance(entry, dict) else {}
    for row in (row for row in table if row.key in keys):
        for fault in row.check(keys[row.key]):
            path = (*at, row.key, *fault.path)
            place = document.places[path] if fault.offset is None else inside(document, path, fault.offset)
            yield problems.Problem(place=place, message=fault.message, hint=fault.hint)


def _together(
    document: values.Document, at: values.Path, layers: tuple[values.Path, ...], environment: str = ""
) -> Iterator[problems.Problem]:
    """Check combinations of keys that may come from different layers; only those with a key in `at` are reported."""
    defined = merged(document, *layers)
    where = f" in environment {environment!r}" if environment else ""
    yield from _ends(document, defined, at, where)
    yield from _size(document, defined, at, where)
    yield from _arguments(document, defined, at, where)
    if "cron" in defined and any(_is_own(defined[key], at) for key in ("cron", "timezone") if key in defined):
        zone = defined["timezone"].value if "timezone" in defined else None
        yield from _zones(document, defined["cron"].path, zone, where)


class Defined(NamedTuple):
    """Where a key is defined, and its value there."""

    path: values.Path
    value: values.Value


Keys: TypeAlias = dict[str, Defined]


def _is_own(key: Defined, at: values.Path) -> bool:
    return key.path[: len(at)] == at


def merged(document: values.Document, *layers: values.Path) -> Keys:
    """Return the effective keys; later layers take precedence.

    A layer that has any of cron, calendars, and intervals replaces all three. Likewise, args replace an inherited
    entrypoint and input. A null is also a value: it resets what earlier layers define.
    """
    found: Keys = {}
    for layer in layers:
        keys = value_at(document, layer)
        if not isinstance(keys, dict):
            continue
        if found and any(key in keys for key in fields.FIRINGS):
            found = {key: each for key, each in found.items() if key not in fields.FIRINGS}
        if found and fields.ARGUMENTS in keys:
            found = {key: each for key, each in found.items() if key not in fields.BUILT_IN}
        found |= {key: Defined((*layer, key), value) for key, value in keys.items()}
    return found


def _environment(
    document: values.Document, at: values.Path, named: Mapping[str, values.Path]
) -> Iterator[problems.Problem]:
    yield from _inherited(document, (*at, "defaults"))
    charters = value_at(document, (*at, "charters"))
    overrides: dict[str, str] = {}
    for name in charters if isinstance(charters, dict) else {}:
        path: values.Path = (*at, "charters", name)
        yield from _keys(document, path, fields.ROWS)
        first = overrides.setdefault(name.lower(), name)
        if first != name:
            message = f"environment {at[-1]!r} changes charter {name!r} twice, first as {first!r}"
            yield problems.Problem(place=document.keys[path], message=message, hint="merge the two")
        if name.lower() not in named:
            near = spelling.nearest(name, named)
            hint = f"did you mean {near!r}?" if near else "use the name of a charter under schedules"
            message = f"environment {at[-1]!r} changes charter {name!r}, which is not declared"
            yield problems.Problem(place=document.keys[path], message=message, hint=hint)
    for index in range(count(document)):
        charter: values.Path = (*SCHEDULES, index)
        declared = value_at(document, (*charter, "charter"))
        override = overrides.get(declared.lower(), "") if isinstance(declared, str) else ""
        layers = (DEFAULTS, (*at, "defaults"), charter, (*at, "charters", override))
        yield from _together(values.of_charter(document, index), at, layers, str(at[-1]))


def value_at(document: values.Document, at: values.Path) -> values.Value:
    """Return the value at a path, None if there is none."""
    value = document.value
    for key in at:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            return None
    return value


def _name(
    document: values.Document, at: values.Path, charter: dict[str, values.Value], named: dict[str, values.Path]
) -> Iterator[problems.Problem]:
    """Check that names are unique; names that differ only in case would be the same schedule."""
    name = charter.get("charter")
    if not isinstance(name, str):
        return
    earlier = named.setdefault(name.lower(), at)
    if earlier == at:
        return
    place, first = (document.places[(*each, "charter")] for each in (at, earlier))
    if first != place:  # a charter that an alias repeats has the same place
        where = problems.seen_from(place, first)
        yield problems.Problem(
            place=place,
            message=f"charter {name!r} is declared twice (first {where}; names are case-insensitive)",
            hint="rename or remove one of them",
        )


def _ends(document: values.Document, defined: Keys, at: values.Path, where: str = "") -> Iterator[problems.Problem]:
    """Check that the end is not before the start, even if either is inherited."""
    if "start_at" not in defined or "end_at" not in defined:
        return
    own = [defined[key].path for key in ("end_at", "start_at") if _is_own(defined[key], at)]
    start, end = defined["start_at"].value, defined["end_at"].value
    if not own or not isinstance(start, str) or not isinstance(end, str):
        return
    try:
        ordered = moments.parse(start) <= moments.parse(end)
    except ValueError:  # reported separately
        return
    if not ordered:
        message = f"end_at {end} is before start_at {start}{where}"
        yield problems.Problem(place=document.places[own[0]], message=message, hint="swap them")


def _arguments(document: values.Document, defined: Keys, at: values.Path, where: str) -> Iterator[problems.Problem]:
    """Check that args are not combined with the keys of the built-in argument object."""
    if fields.ARGUMENTS not in defined:
        return
    for key in fields.BUILT_IN:
        each = defined.get(key)
        if each is not None and _is_own(each, at) and each.value is not None:
            message = f"{key!r} and 'args' cannot be combined{where}: with args, the workflow receives only those"
            hint = f"remove {key!r}, or pass it in args"
            yield problems.Problem(place=document.keys[each.path], message=message, hint=hint)


def _size(document: values.Document, defined: Keys, at: values.Path, where: str = "") -> Iterator[problems.Problem]:
    """Check the total size of a schedule's values; an excess is reported only if the keys in `at` cause it."""
    if json_values.size([each.value for each in defined.values()]) <= limits.SCHEDULE_SIZE:
        return
    sizes = {each.path: json_values.size(each.value) for each in defined.values()}
    total = sum(sizes.values())
    own = sum(size for path, size in sizes.items() if path[: len(at)] == at)
    if total > limits.SCHEDULE_SIZE >= total - own:
        largest = max(sizes, key=lambda path: sizes[path])
        message = f"the schedule is {total:,} bytes{where}, but Temporal accepts at most {limits.SCHEDULE_SIZE:,}"
        hint = "keep large data elsewhere and pass a reference to it"
        yield problems.Problem(place=document.places[largest], message=message, hint=hint)


def texts(document: values.Document, at: values.Path) -> list[tuple[values.Path, str]]:
    """Return the nonempty strings in a value that is one string or a list, each with its path."""
    declared = value_at(document, at)
    if isinstance(declared, str):
        return [(at, declared)] if declared else []  # the schema reports an empty one
    entries = declared if isinstance(declared, list) else []
    return [((*at, index), text) for index, text in enumerate(entries) if isinstance(text, str) and text]


def _text_at(document: values.Document, path: values.Path) -> str:
    return str(value_at(document, path))


def _zones(document: values.Document, at: values.Path, zone: values.Value, where: str) -> Iterator[problems.Problem]:
    """Check that all crons have the same time zone: the server rejects a list in which only some have one."""
    named: dict[values.Path, str] = {}
    for path, text in texts(document, at):
        try:
            named[path] = cron.parse(text).timezone
        except cron.CronError:  # reported separately
            return
    agreed = zone if isinstance(zone, str) and zone else next(filter(None, named.values()), "")
    for path, name in named.items():
        message = f"the cron has the time zone {name!r}, but the charter's is {agreed!r}{where}"
        if not name and any(named.values()):
            message = f"this cron has no time zone, but another one does{where}; Temporal rejects the combination"
            if cron.named_zone(_text_at(document, path))[0]:
                message = (
                    "Temporal ignores this cron's time zone, because the cron uses @every, but another cron has a time "
                    f"zone{where}; Temporal rejects the combination"
                )
        if (name or any(named.values())) and name != agreed:
            hint = "specify it once, under timezone:"
            yield problems.Problem(place=document.places[path], message=message, hint=hint)


def inside(document: values.Document, path: values.Path, offset: int) -> declarations.Place:
    """Return the position of a character of a value."""
    scalar = document.scalars.get(path)
    return scalar.inside(offset) if scalar else document.places[path]
