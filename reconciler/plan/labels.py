"""Format a lock's holder, and shorten names that are too long to show."""

from __future__ import annotations

import datetime

from reconciler.plan import ports


def holder(holder: ports.Holder, now: datetime.datetime) -> str:
    """Return who holds a lock: `alice@laptop, run 123, for 2 min`."""
    run = f", run {holder.run}" if holder.run else ""
    seconds = int((now - holder.since).total_seconds()) if holder.since else None
    age = "" if seconds is None else f", for {seconds // 60} min" if seconds >= 120 else f", for {max(seconds, 0)} s"
    return f"{holder.who}{run}{age}"


LONGEST_NAME = 200  # characters of a name that we do not control, such as an owner's


def brief(name: str) -> str:
    """Return a name, shortened if it is very long."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}… ({len(name)} characters)"
