"""How long to look: the same examples on every run, or PROPERTY_EXAMPLES=5000 new ones to hunt for defects."""

from __future__ import annotations

import os

import hypothesis

_HUNTED = os.environ.get("PROPERTY_EXAMPLES", "")
_SLOW_MACHINES = [hypothesis.HealthCheck.too_slow]

hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=40, database=None, suppress_health_check=_SLOW_MACHINES
)
hypothesis.settings.register_profile(
    "hunt", deadline=None, max_examples=int(_HUNTED or 1), print_blob=True, suppress_health_check=_SLOW_MACHINES
)
hypothesis.settings.load_profile("hunt" if _HUNTED else "steady")
