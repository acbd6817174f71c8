"""Waiting for a condition that has no event."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], object], *, seconds: float, pause: float = 0.1) -> None:
    """Wait for a condition, and look again after each pause; AssertionError when it never holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(pause)
