"""Specs with many charters, and the requests that create and update their schedules."""

from __future__ import annotations

from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

from reconciler.repospec import loader
from reconciler.schedule import model
from reconciler.temporal import convert


def spec(count: int, minute: int = 0, changed: int = 0) -> str:
    """Return a spec with `count` charters; a different `minute` changes all of them, and `changed` only that many."""
    charters = "".join(
        f"    - {{charter: C{number:05}, cron: '{30 if number < changed else minute} {number % 24} * * MON-FRI', "
        f"timezone: Europe/Berlin, entrypoint: C{number:05}, input: {{model: small, number: {number}}}}}\n"
        for number in range(count)
    )
    return f"governance:\n  schedules:\n{charters}"


def schedules(text: str) -> list[model.Schedule]:
    """Return the schedules that a spec declares."""
    return [charter.schedule for charter in loader.parse(text, "bench.yaml").charters]


def create(schedule: model.Schedule, namespace: str) -> rpc_pb2.CreateScheduleRequest:
    """Return the request that creates a schedule."""
    return rpc_pb2.CreateScheduleRequest(
        namespace=namespace, schedule_id=schedule.id, schedule=convert.make(schedule), request_id=schedule.id
    )


def update(schedule: model.Schedule, namespace: str) -> rpc_pb2.UpdateScheduleRequest:
    """Return the request that updates a schedule."""
    return rpc_pb2.UpdateScheduleRequest(
        namespace=namespace, schedule_id=schedule.id, schedule=convert.make(schedule), request_id=schedule.id
    )
