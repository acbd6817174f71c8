"""The charters of a valid document as the schedules they ask for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from reconciler import errors, executions, model
from reconciler.spec import moments, rules, values
from reconciler.timing import calendars, canonical, counting, cron, durations

BUILT_IN: Mapping[str, Any] = {
    "workflow": executions.WORKFLOW,
    "task_queue": executions.TASK_QUEUE,
    "overlap": model.Overlap.SKIP.value,
    "catchup_window": "10s",
    "pause_on_failure": False,
    "keep_original_workflow_id": False,
    "paused": False,
    "input": {},
}


def environment(document: values.Document, name: str | None, path: str) -> Mapping[str, Any]:
    """Return what an environment says, nothing when none is named; UsageError for one that the file does not have."""
    if name is None:
        return {}
    known: Any = rules.value_at(document, rules.ENVIRONMENTS) or {}
    if name not in known:
        declared = ", ".join(known) or "none"
        raise errors.UsageError(f"{path} has no environment {name!r}", hint=f"declared are {declared}")
    found: Mapping[str, Any] = known[name]
    return found


def read(
    document: values.Document, environment: str | None = None, prefix: str = model.GOVERNANCE_PREFIX
) -> tuple[model.Charter, ...]:
    """Return the declared charters in the file's order; the document has passed the schema and the rules.

    A key comes from the environment's charter, else the charter, else the environment's defaults, else the
    defaults, else what is built in; cron, calendars and intervals come together. One that is null there is what is
    built in.
    """
    said = (_Said(document, index, environment) for index in range(rules.count(document)))
    return tuple(_charter(each, prefix) for each in said)


def inherited(document: values.Document | None, environment: str | None, schedule_id: str) -> model.Schedule:
    """Return the schedule of a charter that says nothing itself: no times, no names, and what all inherit."""
    said: dict[str, Any] = {**BUILT_IN, "charter": "", "entrypoint": ""}
    if document is not None:
        found = rules.merged(document, rules.DEFAULTS, (*rules.ENVIRONMENTS, environment or "", "defaults"))
        said |= _values(document, found)
    return _schedule(said, schedule_id)


def _values(document: values.Document, found: Mapping[str, values.Path]) -> dict[str, Any]:
    """Return what is said, without what a null takes back."""
    said = {key: rules.value_at(document, at) for key, at in found.items()}
    return {key: value for key, value in said.items() if value is not None}


class _Said:
    """All that is said about one charter, and where."""

    def __init__(self, document: values.Document, index: int, environment: str | None) -> None:
        self._document = document
        self.at: values.Path = (*rules.SCHEDULES, index)
        self.own = self._keys(self.at)
        over: values.Path = (*rules.ENVIRONMENTS, environment or "")
        name = next(
            (each for each in self._keys((*over, "charters")) if each.lower() == self.own["charter"].lower()), ""
        )
        layers = (rules.DEFAULTS, (*over, "defaults"), self.at, (*over, "charters", name))
        found = rules.merged(document, *layers)
        self.keys: dict[str, Any] = {**BUILT_IN, **_values(document, found)}
        self.overrides = {key: document.places[at] for key, at in found.items() if at[: len(over)] == over}

    def _keys(self, at: values.Path) -> Mapping[str, Any]:
        found: Any = rules.value_at(self._document, at)
        return found if isinstance(found, dict) else {}

    def place(self, *inside: str) -> model.Place:
        return self._document.places[(*self.at, *inside)]


def excluded_in_a_row(timing: model.Timing) -> int:
    """Return how many excluded times in a row a server would have to go through; 0 for what it does at once."""
    return counting.excluded_in_a_row(timing, _EPOCH)


_EPOCH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)  # no server's clock shows less than when this was written


def _charter(source: _Said, prefix: str) -> model.Charter:
    said = source.keys
    name: str = said["charter"]
    return model.Charter(
        name=name,
        place=source.place(),
        places={key: source.place(key) for key in source.own} | source.overrides,
        overrides=source.overrides,
        schedule=_schedule(said, prefix + name.lower()),
    )


def _schedule(said: Mapping[str, Any], schedule_id: str) -> model.Schedule:
    return model.Schedule(
        id=schedule_id,
        timing=timing(said),
        action=_action(said, schedule_id),
        policies=model.Policies(
            overlap=model.Overlap(said["overlap"]),
            catchup_window=max(durations.parse(said["catchup_window"]), model.LEAST_CATCHUP),
            pause_on_failure=said["pause_on_failure"],
            keep_original_workflow_id=said["keep_original_workflow_id"],
        ),
        paused=said["paused"],
        remaining_actions=said.get("remaining_actions"),
        counted_from=said.get("remaining_actions"),
        note=said.get("note"),
        not_secret=tuple(said.get("not_secret", ())),
    )


def timing(said: Mapping[str, Any]) -> model.Timing:
    """Return the times that a charter's keys declare."""
    texts = [said["cron"]] if isinstance(said.get("cron"), str) else said.get("cron", [])
    parsed = [cron.parse(text) for text in texts]
    found = [each.times for each in parsed]
    named = next((each.timezone for each in parsed if each.timezone), "UTC")
    return model.Timing(
        calendars=canonical.distinct(
            [
                *(each for each in found if isinstance(each, model.Calendar)),
                *(calendars.parse(fields) for fields in said.get("calendars", [])),
            ]
        ),
        intervals=canonical.distinct(
            [
                *(each for each in found if isinstance(each, model.Interval)),
                *(
                    model.Interval(every=durations.parse(each["every"]), offset=_duration(each, "offset"))
                    for each in said.get("intervals", [])
                ),
            ]
        ),
        exclude=canonical.distinct(calendars.parse(fields, excludes=True) for fields in said.get("exclude", [])),
        start_at=_moment(said, "start_at"),
        end_at=_moment(said, "end_at"),
        jitter=_duration(said, "jitter"),
        timezone=said.get("timezone", named),
    )


def _moment(said: Mapping[str, Any], key: str) -> datetime.datetime | None:
    return moments.parse(said[key]) if key in said else None


def _duration(said: Mapping[str, Any], key: str) -> datetime.timedelta:
    return durations.parse(said[key]) if key in said else durations.ZERO


def _action(said: Mapping[str, Any], schedule_id: str) -> model.Action:
    """Return the action; the workflow's one argument carries both identities, as a user's schedule does."""
    priority = said.get("priority", {})
    return model.Action(
        workflow=said["workflow"],
        task_queue=said["task_queue"],
        workflow_id=said.get("workflow_id", schedule_id),
        arguments=(
            executions.argument(
                schedule_id, None, charter=said["charter"], entrypoint=said["entrypoint"], given=said["input"]
            ),
        ),
        execution_timeout=_duration(said, "execution_timeout"),
        run_timeout=_duration(said, "run_timeout"),
        task_timeout=_duration(said, "task_timeout"),
        retry_policy=_retry_policy(said["retry_policy"]) if "retry_policy" in said else None,
        memo=said.get("memo", {}),
        search_attributes={name: _attribute(each) for name, each in said.get("search_attributes", {}).items()},
        priority=model.Priority(
            key=priority.get("key", 0),
            fairness_key=priority.get("fairness_key", ""),
            fairness_weight=model.short_float(priority.get("fairness_weight", 0.0)),
        ),
        summary=said.get("static_summary"),
        details=said.get("static_details"),
    )


def _retry_policy(said: Mapping[str, Any]) -> model.RetryPolicy:
    return model.RetryPolicy(
        initial_interval=_duration(said, "initial_interval"),
        backoff_coefficient=said.get("backoff_coefficient", 0.0),
        maximum_interval=_duration(said, "maximum_interval"),
        maximum_attempts=said.get("maximum_attempts", 0),
        non_retryable_errors=tuple(sorted(set(said.get("non_retryable_errors", [])))),
    )


def _attribute(said: Any) -> model.Attribute:
    if isinstance(said, dict):
        return model.Attribute(type=model.AttributeType(said["type"]), value=said["value"])
    return model.Attribute(type=model.attribute_type(said), value=said)
