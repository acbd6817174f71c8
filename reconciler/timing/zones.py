"""Which time zones mean the same on every machine."""

from __future__ import annotations

import zoneinfo

_OF_MACHINE = frozenset({"Local", "localtime", "posixrules", "Factory"})
_COPIES = ("posix/", "right/")  # folders of the whole database, which only some machines have


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
