"""Schedules, charters and plans for tests: a plain one, and what a test changes of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from reconciler import model, planning
from reconciler.timing import cron

ID = "governance:community"
PATH = ".cogni/repo-spec.yaml"
TARGET = model.Target(address="localhost:7233", namespace="default")


def calendar(text: str = "0 * * * *", comment: str | None = None) -> model.Calendar:
    """Return the calendar that a cron text means, under another comment where one is given."""
    times = cron.parse(text).times
    assert isinstance(times, model.Calendar)
    return times if comment is None else dataclasses.replace(times, comment=comment)


def interval(text: str) -> model.Interval:
    """Return the interval that an `@every` means."""
    times = cron.parse(text).times
    assert isinstance(times, model.Interval)
    return times


def arguments(schedule_id: str = ID, **given: model.Json) -> tuple[model.Argument, ...]:
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
        model.Timing: {"calendars": (calendar(),)},
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
        timing=model.Timing(**given[model.Timing]),
        action=model.Action(**given[model.Action]),
        policies=model.Policies(**given[model.Policies]),
        **changes,
    )


def charter(schedule: model.Schedule, line: int = 3) -> model.Charter:
    """Return the charter that declares a schedule."""
    name = schedule.id.removeprefix(model.GOVERNANCE_PREFIX).upper()
    return model.Charter(name=name, place=model.Place(path=PATH, line=line, column=7), schedule=schedule)


def declaration(*schedules: model.Schedule, governed: bool = True) -> model.Declaration:
    """Return a spec that declares the schedules in this order."""
    return model.Declaration(path=PATH, charters=tuple(map(charter, schedules)), governed=governed)


def live(*schedules: model.Schedule) -> dict[str, model.Live]:
    """Return the schedules as a server would describe them."""
    return {each.id: model.Live(schedule=each, token=b"1") for each in schedules}


def plan(desired: list[model.Schedule], found: list[model.Schedule], *, governed: bool = True) -> model.Plan:
    """Return the plan that makes what is found what is desired."""
    return planning.plan(declaration(*desired, governed=governed), live(*found), TARGET)
