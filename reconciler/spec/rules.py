"""The rules that a schema cannot say, checked on a document whatever its shape is."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping

from reconciler.schedule import declarations
from reconciler.spec import attributes, limits, problems, values
from reconciler.timing import calendars, cron, durations, moments, zones

SECTION: values.Path = ("governance",)
DEFAULTS: values.Path = ("governance", "defaults")
SCHEDULES: values.Path = ("governance", "schedules")
ENVIRONMENTS: values.Path = ("governance", "environments")


def check(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for every rule that is broken; what has the wrong shape is left to the schema."""
    for key in ("owner", "prefix"):
        yield from _visible(document, (*SECTION, key))
    yield from _inherited(document, DEFAULTS)
    named: dict[str, declarations.Place] = {}
    for index in range(count(document)):
        at: values.Path = (*SCHEDULES, index)
        charter = value_at(document, at)
        if isinstance(charter, dict):
            yield from _name(document, at, charter, named)
            yield from _declared(document, at)
            yield from _together(document, at, (DEFAULTS, at))
    environments = value_at(document, ENVIRONMENTS)
    for name in environments if isinstance(environments, dict) else {}:
        yield from _environment(document, (*ENVIRONMENTS, name), named)


def count(document: values.Document) -> int:
    """Return how many charters are listed."""
    schedules = value_at(document, SCHEDULES)
    return len(schedules) if isinstance(schedules, list) else 0


def _visible(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Names, ids and marks contain no invisible characters: people could not see them, and databases refuse NUL."""
    text = value_at(document, at)
    if isinstance(text, str) and not text.isprintable():
        message = f"{at[-1]!r} is {text!r}, which contains an invisible character"
        yield problems.Problem(place=document.places[at], message=message, hint="write letters, digits and marks")


def _inherited(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check what charters inherit."""
    for part in (_words, _calendars, _attributes, _limits):
        yield from part(document, at)
    said = merged(document, at)
    yield from _ends(document, said, at)
    yield from _size(document, said, at)


def _declared(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check what a charter says, or an environment in its place."""
    for part in (_words, _calendars, _intervals, _attributes, _limits, _crons):
        yield from part(document, at)


def _together(
    document: values.Document, at: values.Path, layers: tuple[values.Path, ...], environment: str = ""
) -> Iterator[problems.Problem]:
    """Check what keys mean together that may stand in different layers; told is what `at` has a part in."""
    said = merged(document, *layers)
    where = f" in environment {environment!r}" if environment else ""
    yield from _ends(document, said, at, where)
    yield from _size(document, said, at, where)
    if "cron" in said and any(said[key][: len(at)] == at for key in ("cron", "timezone") if key in said):
        yield from _zones(
            document, said["cron"], value_at(document, said["timezone"]) if "timezone" in said else None, where
        )


def merged(document: values.Document, *layers: values.Path) -> dict[str, values.Path]:
    """Return where each key stands that counts, the later layers before the earlier.

    A charter or an environment that says when a schedule fires says all of it: cron, calendars and intervals. A null
    counts as well: it takes back what the layers before it say.
    """
    found: dict[str, values.Path] = {}
    for layer in layers:
        entry = value_at(document, layer)
        keys = entry if isinstance(entry, dict) else {}
        if any(key in keys for key in FIRINGS):
            found = {key: path for key, path in found.items() if key not in FIRINGS}
        found |= {key: (*layer, key) for key in keys}
    return found


FIRINGS = ("cron", "calendars", "intervals")


def _environment(
    document: values.Document, at: values.Path, named: Mapping[str, declarations.Place]
) -> Iterator[problems.Problem]:
    yield from _inherited(document, (*at, "defaults"))
    charters = value_at(document, (*at, "charters"))
    overrides: dict[str, str] = {}
    for name in charters if isinstance(charters, dict) else {}:
        path: values.Path = (*at, "charters", name)
        yield from _declared(document, path)
        first = overrides.setdefault(name.lower(), name)
        if first != name:
            message = (
                f"environment {at[-1]!r} changes charter {name!r} twice, first as {first!r}, as case does not count"
            )
            yield problems.Problem(place=document.keys[path], message=message, hint="put the two together")
        if name.lower() not in named:
            near = problems.nearest(name, named)
            hint = f"did you mean {near!r}?" if near else "name one of the charters under schedules"
            message = f"environment {at[-1]!r} changes charter {name!r}, which is not declared"
            yield problems.Problem(place=document.keys[path], message=message, hint=hint)
    for index in range(count(document)):
        charter: values.Path = (*SCHEDULES, index)
        declared = value_at(document, (*charter, "charter"))
        override = overrides.get(declared.lower(), "") if isinstance(declared, str) else ""
        layers = (DEFAULTS, (*at, "defaults"), charter, (*at, "charters", override))
        yield from _together(document, at, layers, str(at[-1]))


def value_at(document: values.Document, at: values.Path) -> values.Value:
    """Return the value at a path, None where the path leads nowhere."""
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
    document: values.Document, at: values.Path, charter: dict[str, values.Value], named: dict[str, declarations.Place]
) -> Iterator[problems.Problem]:
    """Charters that meet in lower case would be one schedule."""
    name = charter.get("charter")
    if not isinstance(name, str):
        return
    place = document.places[(*at, "charter")]
    first = named.setdefault(name.lower(), place)
    if first is not place:
        yield problems.Problem(
            place=place,
            message=f"charter {name!r} is declared twice, first in line {first.line}, as case does not count",
            hint="rename or remove one of them",
        )


def _words(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """What is text in the schema and more than text in its meaning, in a charter or in the defaults."""
    for path, look in _CHECKS:
        for place, text in _texts(document, (*at, *path)):
            try:
                look(text)
            except ValueError as error:
                yield problems.Problem(place=place, message=f"{path[-1]!r}: {error}")


def _texts(document: values.Document, at: values.Path) -> Iterator[tuple[declarations.Place, str]]:
    """Yield the texts at a path, in which `*` stands for every entry of a list."""
    if "*" in at:
        before, after = at[: at.index("*")], at[at.index("*") + 1 :]
        entries = value_at(document, before)
        for index in range(len(entries) if isinstance(entries, list) else 0):
            yield from _texts(document, (*before, index, *after))
        return
    text = value_at(document, at)
    if isinstance(text, str) and text:
        yield document.places[at], text


def _not_negative(text: str) -> None:
    if durations.parse(text) < durations.ZERO:
        raise ValueError(f"{text!r} is negative; write 0s or more")


def _timeout(text: str) -> None:
    _not_negative(text)
    if durations.parse(text) > limits.LONGEST_TIMEOUT:
        longest = durations.render(limits.LONGEST_TIMEOUT)
        raise ValueError(f"{text!r} is longer than {longest}, which Temporal makes of it; write {longest} or less")


def _moment(text: str) -> None:
    moments.parse(text)


def _timezone(name: str) -> None:
    if zones.depends_on_machine(name):
        raise ValueError(f"{name!r} depends on the machine that reads it; {_AREA_AND_CITY}")
    if not zones.is_known(name):
        raise ValueError(f"{name!r} is not a time zone; {_zone_hint(name)}")


def _zone_hint(name: str) -> str:
    """Return what to write instead: a similar Area/City, never a guess at what an abbreviation or an offset means."""
    if name.strip().upper() in ("Z", "ZULU", "UTC"):
        return "write UTC"
    if "/" not in name:
        city = name.strip().replace(" ", "_").lower()
        zones_of = sorted(each for each in zoneinfo.available_timezones() if each.lower().rpartition("/")[2] == city)
        meant = [each for each in zones_of if _is_area_and_city(each) and each.partition("/")[0] in _AREAS]
        return f"did you mean {meant[0]!r}?" if len(meant) == 1 else _AREA_AND_CITY
    near = problems.nearest(name, filter(_is_area_and_city, zoneinfo.available_timezones()), likeness=_TYPO)
    return f"did you mean {near!r}?" if near else _AREA_AND_CITY


_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


def _is_area_and_city(zone: str) -> bool:
    return "/" in zone and not zone.startswith("Etc/")  # whose signs are the reverse of what people expect


_TYPO = 0.85  # likeness from which a name is a misspelt one: `Europe/` alone is like every city there
_AREA_AND_CITY = "write an IANA name with area and city, such as Europe/Berlin, or UTC"


def _entrypoint(name: str) -> None:
    if name in {".", ".."}:  # in the executor's address it would be a step to another
        raise ValueError(f"{name!r} names nothing that can be executed; write a name")


def _task_queue(name: str) -> None:
    if name.startswith("/_sys/") or name == "temporal-sys-per-ns-tq":
        raise ValueError(f"{name!r} is reserved for Temporal's own work; choose another name")


def _at_most(limit: int) -> Callable[[str], None]:
    """Return the check of a name's length, which the server counts in bytes and the schema in characters."""

    def check(text: str) -> None:
        size = len(text.encode(errors="surrogatepass"))
        if len(text) <= limit < size:
            raise ValueError(f"it is {size} bytes long, and the server takes {limit}; shorten it")

    return check


_CHECKS: tuple[tuple[values.Path, Callable[[str], None]], ...] = (
    (("timezone",), _timezone),
    (("start_at",), _moment),
    (("end_at",), _moment),
    (("entrypoint",), _entrypoint),
    (("workflow",), _at_most(1000)),
    (("task_queue",), _at_most(1000)),
    (("task_queue",), _task_queue),
    (("workflow_id",), _at_most(979)),  # the server puts the time of the run behind it
    (("priority", "fairness_key"), _at_most(64)),
    (("note",), _at_most(500_000)),  # V1 carries it three times in one message, and hangs where that is over 4 MiB
    (("jitter",), _not_negative),
    (("catchup_window",), _not_negative),
    (("execution_timeout",), _timeout),
    (("run_timeout",), _timeout),
    (("task_timeout",), _timeout),
    (("retry_policy", "initial_interval"), _timeout),
    (("retry_policy", "maximum_interval"), _timeout),
    (("intervals", "*", "every"), _not_negative),
    (("intervals", "*", "offset"), _not_negative),
)


def _ends(
    document: values.Document, said: Mapping[str, values.Path], at: values.Path, where: str = ""
) -> Iterator[problems.Problem]:
    """The end must come after the start, whichever of them is inherited."""
    own = [said[key] for key in ("end_at", "start_at") if key in said and said[key][: len(at)] == at]
    start, end = (value_at(document, said[key]) if key in said else None for key in ("start_at", "end_at"))
    if not own or not isinstance(start, str) or not isinstance(end, str):
        return
    try:
        ordered = moments.parse(start) <= moments.parse(end)
    except ValueError:  # told at its own place
        return
    if not ordered:
        message = f"the end {end} is before the start {start}{where}"
        yield problems.Problem(place=document.places[own[0]], message=message, hint="swap them")


def _limits(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check what a server accepts, and what no run starts with."""
    for name in ("workflow", "workflow_id", "task_queue"):
        yield from _visible(document, (*at, name))
    entry = value_at(document, at)
    yield from _placed(document, at, limits.check(entry if isinstance(entry, dict) else {}))


def _size(
    document: values.Document, said: Mapping[str, values.Path], at: values.Path, where: str = ""
) -> Iterator[problems.Problem]:
    """All values of a schedule together must fit into one, whichever of them is inherited."""
    paths = [said[key] for key in limits.LARGE if key in said]
    if not any(path[: len(at)] == at for path in paths):
        return
    sizes = {path: limits.size(value_at(document, path)) for path in paths}
    total = sum(sizes.values())
    if total > limits.SCHEDULE_SIZE:
        largest = max(sizes, key=lambda path: sizes[path])
        message = f"a schedule of {total:,} bytes{where}, and Temporal works with {limits.SCHEDULE_SIZE:,} at most"
        hint = "keep large data elsewhere and pass a reference to it"
        yield problems.Problem(place=document.places[largest], message=message, hint=hint)


def _intervals(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    entries = value_at(document, (*at, "intervals"))
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        path: values.Path = (*at, "intervals", index)
        every, offset = (_duration(entry.get(key)) if isinstance(entry, dict) else None for key in ("every", "offset"))
        if every is not None and every < _LEAST_INTERVAL:
            hint = "use at least 1s"
            yield problems.Problem(
                place=document.places[(*path, "every")], message="the interval is shorter than a second", hint=hint
            )
        elif every is not None and offset is not None and offset >= every:
            hint = "use 0s up to the interval"
            yield problems.Problem(
                place=document.places[(*path, "offset")], message="the offset is not below the interval", hint=hint
            )


_LEAST_INTERVAL = datetime.timedelta(seconds=1)


def _duration(text: values.Value) -> datetime.timedelta | None:
    try:
        return durations.parse(text) if isinstance(text, str) else None
    except ValueError:  # told at its own place
        return None


def _calendars(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Every field of every calendar must be one that Temporal takes."""
    for key in ("calendars", "exclude"):
        entries = value_at(document, (*at, key))
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            for name in calendars.FIELDS.keys() & (entry if isinstance(entry, dict) else {}):
                yield from _calendar_field(document, (*at, key, index, name), name)


def _calendar_field(document: values.Document, at: values.Path, name: str) -> Iterator[problems.Problem]:
    said = value_at(document, at)
    parts = [(at, said)] if not isinstance(said, list) else [((*at, index), part) for index, part in enumerate(said)]
    for path, part in parts:
        if isinstance(part, (int, str)) and not isinstance(part, bool):
            try:
                calendars.numbers(name, part)
            except cron.CronError as error:
                place = _inside(document, path, error.offset)
                yield problems.Problem(place=place, message=error.message, hint=error.hint)


def _attributes(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Check the search attributes."""
    path: values.Path = (*at, "search_attributes")
    entries = value_at(document, path)
    yield from _placed(document, path, attributes.check(entries if isinstance(entries, dict) else {}))


def _placed(document: values.Document, at: values.Path, faults: Iterable[problems.Fault]) -> Iterator[problems.Problem]:
    for fault in faults:
        yield problems.Problem(place=document.places[(*at, *fault.path)], message=fault.message, hint=fault.hint)


def _crons(document: values.Document, at: values.Path) -> Iterator[problems.Problem]:
    """Every cron must be one that Temporal takes."""
    for path, text in _cron_texts(document, (*at, "cron")):
        for error in cron.problems(text):
            place = _inside(document, path, error.offset)
            yield problems.Problem(place=place, message=error.message, hint=error.hint)
        zone, offset = cron.named_zone(text)
        try:
            if zone:
                _timezone(zone)
        except ValueError as error:
            yield problems.Problem(place=_inside(document, path, offset), message=str(error))


def _cron_texts(document: values.Document, at: values.Path) -> list[tuple[values.Path, str]]:
    declared = value_at(document, at)
    if isinstance(declared, str):
        return [(at, declared)] if declared else []  # an empty one is told by the schema
    entries = declared if isinstance(declared, list) else []
    return [((*at, index), text) for index, text in enumerate(entries) if isinstance(text, str) and text]


def _text_at(document: values.Document, path: values.Path) -> str:
    return str(value_at(document, path))


def _zones(document: values.Document, at: values.Path, zone: values.Value, where: str) -> Iterator[problems.Problem]:
    """All crons must agree on the time zone: the server refuses one that names it beside another that does not."""
    named: dict[values.Path, str] = {}
    for path, text in _cron_texts(document, at):
        try:
            named[path] = cron.parse(text).timezone
        except cron.CronError:  # told at its own place
            return
    agreed = zone if isinstance(zone, str) and zone else next(filter(None, named.values()), "")
    for path, name in named.items():
        message = f"the cron names the time zone {name!r}, but the charter's is {agreed!r}{where}"
        if not name and any(named.values()):
            message = f"the cron names no time zone, but another one does{where}, and Temporal refuses the two together"
            if cron.named_zone(_text_at(document, path))[0]:
                message = (
                    f"Temporal drops the time zone of an @every, and another cron names one{where}: it refuses the two"
                )
        if (name or any(named.values())) and name != agreed:
            yield problems.Problem(place=document.places[path], message=message, hint="name it once, under timezone:")


def _inside(document: values.Document, path: values.Path, offset: int) -> declarations.Place:
    """Return the place of a character within a value."""
    scalar = document.scalars.get(path)
    return scalar.inside(offset) if scalar else document.places[path]
