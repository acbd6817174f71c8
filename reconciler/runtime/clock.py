"""The only clock. Code that depends on the time takes it as an argument."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    """Return the current time in UTC."""
    return datetime.datetime.now(datetime.UTC)
