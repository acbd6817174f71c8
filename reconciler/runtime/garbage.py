"""How often Python looks for circular garbage, of which this program creates little."""

from __future__ import annotations

import gc

_CREATED = (
    100_000  # objects between two searches; with Python's 700, searching takes a quarter of reading a large repo-spec
)


def prepare() -> None:
    """Collect garbage rarely."""
    gc.set_threshold(_CREATED, *gc.get_threshold()[1:])
