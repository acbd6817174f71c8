"""What a charter without a workflow of its own starts: one workflow type, which takes one argument."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from reconciler import json_values

WORKFLOW = "GovernanceScheduledRunWorkflow"
TASK_QUEUE = "scheduler-tasks"
IDENTITIES = ("temporalScheduleId", "dbScheduleId")
ENTRYPOINT = "entrypoint"
INPUT = "input"
ARGUMENT_KEYS = ("charter", ENTRYPOINT, INPUT, *IDENTITIES)  # of its one argument


def argument(
    temporal_schedule_id: str,
    db_schedule_id: uuid.UUID | None,
    *,
    charter: str | None,
    entrypoint: str,
    given: Mapping[str, json_values.Json],
) -> dict[str, json_values.Json]:
    """Return the one argument of a scheduled workflow, as a schedule's action holds it."""
    return {
        "temporalScheduleId": temporal_schedule_id,
        "dbScheduleId": None if db_schedule_id is None else str(db_schedule_id),
        "charter": charter,
        "entrypoint": entrypoint,
        "input": dict(given),
    }


def is_built_in(arguments: Sequence[object]) -> bool:
    """Return whether these are the arguments of a workflow that is called with the one object, and nothing else."""
    return len(arguments) == 1 and isinstance(arguments[0], Mapping) and set(arguments[0]) == set(ARGUMENT_KEYS)
