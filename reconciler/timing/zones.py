"""Check time zones: only names with the same meaning on every machine are accepted."""

from __future__ import annotations

import zoneinfo

from reconciler import spelling

_OF_MACHINE = frozenset({"Local", "localtime", "posixrules", "Factory"})
_COPIES = ("posix/", "right/")  # copies of the time zone database that only some machines have
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_TYPO = 0.85  # similarity above which a name is considered misspelled; `Europe/` alone is similar to every city there
_AREA_AND_CITY = "write an IANA name with an area and a city, such as Europe/Berlin, or UTC"


def depends_on_machine(name: str) -> bool:
    """Return whether the zone with this name is a file or a setting on the server's machine."""
    return name in _OF_MACHINE or name.startswith(_COPIES)


def is_known(name: str) -> bool:
    """Return whether the name is a valid time zone, both here and on the server."""
    if depends_on_machine(name):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def check(name: str) -> None:
    """Raise ValueError with a hint unless the name means the same time zone everywhere."""
    if depends_on_machine(name):
        raise ValueError(f"{name!r} depends on the machine that resolves it; {_AREA_AND_CITY}")
    if not is_known(name):
        raise ValueError(f"{name!r} is not a valid time zone; {_zone_hint(name)}")


def _zone_hint(name: str) -> str:
    """Return a hint for an invalid name: a similar Area/City, but no guess for an abbreviation or an offset."""
    if name.strip().upper() in ("Z", "ZULU", "UTC"):
        return "write UTC"
    if "/" not in name:
        city = name.strip().replace(" ", "_").lower()
        in_areas = sorted(each for each in zoneinfo.available_timezones() if each.lower().rpartition("/")[2] == city)
        candidates = [each for each in in_areas if _is_area_and_city(each) and each.partition("/")[0] in _AREAS]
        return f"did you mean {candidates[0]!r}?" if len(candidates) == 1 else _AREA_AND_CITY
    near = spelling.nearest(name, filter(_is_area_and_city, zoneinfo.available_timezones()), likeness=_TYPO)
    return f"did you mean {near!r}?" if near else _AREA_AND_CITY


def _is_area_and_city(zone: str) -> bool:
    return "/" in zone and not zone.startswith("Etc/")  # Etc/ zones have inverted signs, which people misread
