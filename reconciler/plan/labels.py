"""Format a lock's holder, and shorten names that are too long to show."""

from __future__ import annotations

import datetime

from reconciler.plan import ports


def holder(holder: ports.Holder) -> str:
    """Return who holds a lock: `alice@laptop (run 123)`."""
    return f"{holder.who} (run {holder.run})" if holder.run else holder.who


def age(holder: ports.Holder, now: datetime.datetime) -> str:
    """Return for how long a lock has been held, after a space: ` for 2 min`; empty if that is unknown."""
    if holder.since is None:
        return ""
    seconds = max(int((now - holder.since).total_seconds()), 0)
    return f" for {seconds // 60} min" if seconds >= 120 else f" for {seconds} s"


def locked(found: ports.Holder, now: datetime.datetime) -> str:
    """Return who has locked the schedules: `the schedules have been locked by alice@laptop for 4 s`."""
    how_long = age(found, now)
    return f"the schedules {'have been' if how_long else 'are'} locked by {holder(found)}{how_long}"


LONGEST_NAME = 200  # characters of a name that we do not control, such as an owner's


def brief(name: str) -> str:
    """Return a name, shortened if it is very long."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}… ({len(name)} characters)"
