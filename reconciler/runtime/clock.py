"""The one clock: whatever depends on the time gets it from here, as an argument."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    """Return the moment from which next times and ages are counted."""
    return datetime.datetime.now(datetime.UTC)
