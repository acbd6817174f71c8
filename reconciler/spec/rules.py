"""The rules that a schema cannot say, checked on a document whatever its shape is."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator

from reconciler import model
from reconciler.spec import problems, values
from reconciler.timing import cron, durations

DEFAULTS: values.Path = ("governance", "defaults")
SCHEDULES: values.Path = ("governance", "schedules")


def check(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for every rule that is broken; what has the wrong shape is left to the schema."""
    defaults = value_at(document, DEFAULTS)
    default_zone = defaults.get("timezone") if isinstance(defaults, dict) else None
    yield from _words(document, DEFAULTS)
    schedules = value_at(document, SCHEDULES)
    named: dict[str, model.Place] = {}
    for index, charter in enumerate(schedules if isinstance(schedules, list) else []):
        at: values.Path = (*SCHEDULES, index)
        if isinstance(charter, dict):
            yield from _name(document, at, charter, named)
            yield from _words(document, at)
            yield from _crons(document, at, charter.get("timezone", default_zone))


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
    document: values.Document, at: values.Path, charter: dict[str, values.Value], named: dict[str, model.Place]
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
    """Durations and time zones, in a charter or in the defaults."""
    checks: dict[str, Callable[[str], None]] = {
        "timezone": _timezone,
        "catchup_window": _not_negative,
        "jitter": _not_negative,
    }
    for key, look in checks.items():
        text = value_at(document, (*at, key))
        if isinstance(text, str) and text:
            try:
                look(text)
            except ValueError as error:
                yield problems.Problem(place=document.places[(*at, key)], message=f"{key!r}: {error}")


def _not_negative(text: str) -> None:
    if durations.parse(text) < durations.ZERO:
        raise ValueError(f"{text!r} is negative; write 0s or more")


def _timezone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        near = problems.nearest(name, zoneinfo.available_timezones())
        advice = f"did you mean {near!r}?" if near else "write an IANA name such as Europe/Berlin"
        raise ValueError(f"{name!r} is not a time zone; {advice}") from None


def _crons(document: values.Document, at: values.Path, zone: values.Value) -> Iterator[problems.Problem]:
    """Every cron must be one that Temporal takes, and all must agree on the time zone."""
    declared = value_at(document, (*at, "cron"))
    texts = [((*at, "cron"), declared)] if isinstance(declared, str) else []
    if isinstance(declared, list):
        texts = [((*at, "cron", index), text) for index, text in enumerate(declared) if isinstance(text, str)]
    agreed = zone if isinstance(zone, str) else None
    for path, text in texts:
        try:
            named = cron.parse(text).timezone
        except cron.CronError as error:
            yield problems.Problem(place=_inside(document, path, error.offset), message=error.message, hint=error.hint)
            continue
        if named:
            yield from _named_zone(document.places[path], named, agreed)
            agreed = agreed or named


def _named_zone(place: model.Place, named: str, agreed: str | None) -> Iterator[problems.Problem]:
    try:
        _timezone(named)
    except ValueError as error:
        yield problems.Problem(place=place, message=str(error))
        return
    if agreed and named != agreed:
        message = f"the cron names the time zone {named!r}, but the charter's is {agreed!r}"
        yield problems.Problem(place=place, message=message, hint="name it once, under timezone:")


def _inside(document: values.Document, path: values.Path, offset: int) -> model.Place:
    """Return the place of a character within a value, of the value itself where that is not known."""
    inner = document.inner.get(path)
    if inner is None:
        return document.places[path]
    return model.Place(path=inner.path, line=inner.line, column=inner.column + offset)
