"""The built-in workflow, which a charter starts unless it specifies another one, and its only argument."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from reconciler import json_values

WORKFLOW = "GovernanceScheduledRunWorkflow"
TASK_QUEUE = "scheduler-tasks"
IDENTITIES = ("temporalScheduleId", "dbScheduleId")
ENTRYPOINT = "entrypoint"
INPUT = "input"
ARGUMENT_KEYS = ("charter", ENTRYPOINT, INPUT, *IDENTITIES)  # of the argument object


def argument(
    temporal_schedule_id: str,
    db_schedule_id: uuid.UUID | None,
    *,
    charter: str | None,
    entrypoint: str,
    input_: Mapping[str, json_values.Json],
) -> dict[str, json_values.Json]:
    """Return the built-in workflow's argument."""
    return {
        "temporalScheduleId": temporal_schedule_id,
        "dbScheduleId": None if db_schedule_id is None else str(db_schedule_id),
        "charter": charter,
        "entrypoint": entrypoint,
        "input": dict(input_),
    }


def is_built_in(arguments: Sequence[object]) -> bool:
    """Return whether the arguments are a single built-in argument object."""
    return len(arguments) == 1 and isinstance(arguments[0], Mapping) and set(arguments[0]) == set(ARGUMENT_KEYS)
