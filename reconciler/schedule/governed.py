"""What a charter without a workflow of its own starts: one workflow type, which takes one argument."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from reconciler import json_values

WORKFLOW = "GovernanceScheduledRunWorkflow"
TASK_QUEUE = "scheduler-tasks"
IDENTITIES = ("temporalScheduleId", "dbScheduleId")
ARGUMENT_KEYS = ("charter", "entrypoint", "input", *IDENTITIES)  # of its one argument


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
