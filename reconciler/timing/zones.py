"""Which time zones mean the same on every machine."""

from __future__ import annotations

import zoneinfo

from reconciler import spelling

_OF_MACHINE = frozenset({"Local", "localtime", "posixrules", "Factory"})
_COPIES = ("posix/", "right/")  # folders of the whole database, which only some machines have
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_TYPO = 0.85  # likeness from which a name is a misspelt one: `Europe/` alone is like every city there
_AREA_AND_CITY = "write an IANA name with area and city, such as Europe/Berlin, or UTC"


def depends_on_machine(name: str) -> bool:
    """Return whether a server accepts the name and reads the zone from a file or a setting of its own machine."""
    return name in _OF_MACHINE or name.startswith(_COPIES)


def is_known(name: str) -> bool:
    """Return whether the name is that of a time zone, the same here as on the server."""
    if depends_on_machine(name):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def check(name: str) -> None:
    """Raise ValueError, with what to write instead, for a name that is not the same time zone everywhere."""
    if depends_on_machine(name):
        raise ValueError(f"{name!r} depends on the machine that reads it; {_AREA_AND_CITY}")
    if not is_known(name):
        raise ValueError(f"{name!r} is not a time zone; {_zone_hint(name)}")


def _zone_hint(name: str) -> str:
    """Return what to write instead: a similar Area/City, never a guess at what an abbreviation or an offset means."""
    if name.strip().upper() in ("Z", "ZULU", "UTC"):
        return "write UTC"
    if "/" not in name:
        city = name.strip().replace(" ", "_").lower()
        in_areas = sorted(each for each in zoneinfo.available_timezones() if each.lower().rpartition("/")[2] == city)
        meant = [each for each in in_areas if _is_area_and_city(each) and each.partition("/")[0] in _AREAS]
        return f"did you mean {meant[0]!r}?" if len(meant) == 1 else _AREA_AND_CITY
    near = spelling.nearest(name, filter(_is_area_and_city, zoneinfo.available_timezones()), likeness=_TYPO)
    return f"did you mean {near!r}?" if near else _AREA_AND_CITY


def _is_area_and_city(zone: str) -> bool:
    return "/" in zone and not zone.startswith("Etc/")  # whose signs are the reverse of what people expect
