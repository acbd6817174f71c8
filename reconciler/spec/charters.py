"""The charters of a valid document as the schedules they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler import model
from reconciler.spec import rules, values
from reconciler.timing import canonical, cron, durations

BUILT_IN: Mapping[str, Any] = {
    "workflow": "GovernanceScheduledRunWorkflow",
    "task_queue": "scheduler-tasks",
    "overlap": model.Overlap.SKIP.value,
    "catchup_window": "10s",
    "jitter": "0s",
    "pause_on_failure": False,
    "paused": False,
    "input": {},
}


def read(document: values.Document) -> tuple[model.Charter, ...]:
    """Return the declared charters in the file's order; the document has passed the schema and the rules."""
    defaults = rules.value_at(document, rules.DEFAULTS) or {}
    entries = rules.value_at(document, rules.SCHEDULES) or []
    return tuple(
        _charter({**BUILT_IN, **defaults, **entry}, document.places[(*rules.SCHEDULES, index)])  # type: ignore[dict-item]
        for index, entry in enumerate(entries)  # type: ignore[arg-type]
    )


def _charter(said: Mapping[str, Any], place: model.Place) -> model.Charter:
    name: str = said["charter"]
    schedule_id = model.GOVERNANCE_PREFIX + name.lower()
    return model.Charter(
        name=name,
        place=place,
        schedule=model.Schedule(
            id=schedule_id,
            timing=_timing(said),
            action=_action(said, schedule_id),
            policies=model.Policies(
                overlap=model.Overlap(said["overlap"]),
                catchup_window=max(durations.parse(said["catchup_window"]), model.LEAST_CATCHUP),
                pause_on_failure=said["pause_on_failure"],
            ),
            paused=said["paused"],
        ),
    )


def _timing(said: Mapping[str, Any]) -> model.Timing:
    texts = [said["cron"]] if isinstance(said["cron"], str) else said["cron"]
    parsed = [cron.parse(text) for text in texts]
    times = [each.times for each in parsed]
    named = next((each.timezone for each in parsed if each.timezone), "UTC")
    return model.Timing(
        calendars=canonical.distinct(each for each in times if isinstance(each, model.Calendar)),
        intervals=canonical.distinct(each for each in times if isinstance(each, model.Interval)),
        jitter=durations.parse(said["jitter"]),
        timezone=said.get("timezone", named),
    )


def _action(said: Mapping[str, Any], schedule_id: str) -> model.Action:
    """Return the action; the workflow's one argument carries both identities, as a user's schedule does."""
    return model.Action(
        workflow=said["workflow"],
        task_queue=said["task_queue"],
        workflow_id=said.get("workflow_id", schedule_id),
        arguments=(
            {
                "temporalScheduleId": schedule_id,
                "dbScheduleId": None,
                "charter": said["charter"],
                "entrypoint": said["entrypoint"],
                "input": said["input"],
            },
        ),
    )
