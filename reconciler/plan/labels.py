"""Format a lock's holder, and shorten names that are too long to show."""

from __future__ import annotations

import datetime

from reconciler import errors
from reconciler.plan import ports

RELEASED = ports.Holder(who="a holder that has just released the lock")


def holder(holder: ports.Holder) -> str:
    """Return who holds a lock: `alice@laptop (run 123)`."""
    return f"{holder.who} (run {holder.run})" if holder.run else holder.who


def age(holder: ports.Holder, now: datetime.datetime) -> str:
    """Return for how long a lock has been held, after a space: ` for 2 min`; empty if that is unknown."""
    if holder.since is None:
        return ""
    seconds = max(int((now - holder.since).total_seconds()), 0)
    return f" for {seconds // 60} min" if seconds >= 120 else f" for {seconds} s"


def taken(found: ports.Holder, now: datetime.datetime, *, been: str, being: str) -> str:
    """Return a predicate about what is locked: `have been locked by alice@laptop for 4 s`.

    `been` is its verb (`have been locked`), and `being` the one to use if the holder's age is unknown (`are locked`).
    """
    how_long = age(found, now)
    return f"{been if how_long else being} by {holder(found)}{how_long}"


def locked(found: ports.Holder, now: datetime.datetime, *, hint: str) -> errors.LockedError:
    """Return the error for schedules that this holder has locked."""
    predicate = taken(found, now, been="have been locked", being="are locked")
    return busy(found, f"the schedules {predicate}", hint=hint)


def busy(found: ports.Holder, message: str, *, hint: str) -> errors.LockedError:
    """Return the error for a lock that this holder has."""
    return errors.LockedError(message, hint=hint, who=found.who, run=found.run, since=found.since)


LONGEST_NAME = 200  # characters of a name that we do not control, such as an owner's


def brief(name: str) -> str:
    """Return a name, shortened if it is very long."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}… ({len(name)} characters)"
