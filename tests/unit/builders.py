"""Schedules, charters and plans for tests: a plain one, and what a test changes of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from reconciler import json_values
from reconciler.plan import build, plans
from reconciler.schedule import declarations, model, observed, ownership
from reconciler.timing import cron, timings

ID = "governance:community"
PATH = ".cogni/repo-spec.yaml"
TARGET = observed.Target(address="localhost:7233", namespace="default")


def calendar(text: str = "0 * * * *", comment: str | None = None) -> timings.Calendar:
    """Return the calendar that a cron text means, under another comment where one is given."""
    times = cron.parse(text).times
    assert isinstance(times, timings.Calendar)
    return times if comment is None else dataclasses.replace(times, comment=comment)


def interval(text: str) -> timings.Interval:
    """Return the interval that an `@every` means."""
    times = cron.parse(text).times
    assert isinstance(times, timings.Interval)
    return times


def arguments(schedule_id: str = ID, **given: json_values.Json) -> tuple[model.Argument, ...]:
    """Return the one argument of a governed workflow, with the given input."""
    return (
        {
            "temporalScheduleId": schedule_id,
            "dbScheduleId": None,
            "charter": "COMMUNITY",
            "entrypoint": "COMMUNITY",
            "input": given,
        },
    )


def schedule(name: str = "community", **changes: Any) -> model.Schedule:
    """Return an hourly governance schedule; a change is a field of it, its timing, action or policies, or `input`."""
    schedule_id = f"governance:{name}"
    if "input" in changes:
        changes["arguments"] = arguments(schedule_id, **changes.pop("input"))
    given: dict[type, dict[str, Any]] = {
        timings.Timing: {"calendars": (calendar(),)},
        model.Action: {
            "workflow": "GovernanceScheduledRunWorkflow",
            "task_queue": "scheduler-tasks",
            "workflow_id": schedule_id,
            "arguments": arguments(schedule_id),
        },
        model.Policies: {},
    }
    for part, fields in given.items():
        names = {field.name for field in dataclasses.fields(part)}
        fields.update({name: changes.pop(name) for name in list(changes) if name in names})
    return model.Schedule(
        id=schedule_id,
        timing=timings.Timing(**given[timings.Timing]),
        action=model.Action(**given[model.Action]),
        policies=model.Policies(**given[model.Policies]),
        **changes,
    )


def charter(schedule: model.Schedule, line: int = 3) -> declarations.Charter:
    """Return the charter that declares a schedule."""
    name = schedule.id.removeprefix(ownership.GOVERNANCE_PREFIX).upper()
    return declarations.Charter(name=name, place=declarations.Place(path=PATH, line=line, column=7), schedule=schedule)


def declaration(*schedules: model.Schedule, governed: bool = True) -> declarations.Declaration:
    """Return a spec that declares the schedules in this order."""
    return declarations.Declaration(path=PATH, charters=tuple(map(charter, schedules)), governed=governed)


def live(*schedules: model.Schedule) -> dict[str, observed.Live]:
    """Return the schedules as a server would describe them."""
    return {each.id: observed.Live(schedule=each, token=b"1") for each in schedules}


def plan(desired: list[model.Schedule], found: list[model.Schedule], *, governed: bool = True) -> plans.Plan:
    """Return the plan that makes what is found what is desired."""
    return build.plan(declaration(*desired, governed=governed), live(*found), TARGET)
