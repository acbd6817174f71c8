"""Parts of a server's schedule that no charter can express."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from temporalio.api.deployment.v1 import message_pb2 as deployment_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler.temporal import convert, unexpressed
from tests.unit import builders

NO_KEY = "has no charter key; it is kept on this schedule, but lost if the schedule is recreated"
ONE = deployment_pb2.WorkerDeploymentVersion(build_id="1")
LOST = "cannot be expressed, and are lost when this value is changed"


def full() -> schedule_pb2.Schedule:
    """Return a schedule with a value in every message."""
    return convert.make(builders.schedule("a", intervals=(builders.interval("@every 6h"),)))


def test_what_a_charter_can_express_is_not_reported() -> None:
    proto = full()
    proto.action.start_workflow.task_queue.kind = 1  # type: ignore[assignment]  # as the server fills it in
    proto.spec.timezone_data = b"own"
    assert unexpressed.texts(proto) == ()


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda proto: proto.action.start_workflow.header.fields["a"].SetInParent(), f"header {NO_KEY}"),
        (
            lambda proto: proto.action.start_workflow.versioning_override.one_time.target_deployment_version.MergeFrom(
                ONE
            ),
            f"one_time {NO_KEY}",
        ),
        (lambda proto: setattr(proto.action.start_workflow, "cron_schedule", "@daily"), f"cron_schedule {NO_KEY}"),
        (lambda proto: setattr(proto.spec.start_time, "nanos", 1), f"the nanoseconds of start_at {LOST}"),
        (lambda proto: setattr(proto.spec.jitter, "nanos", 1001), f"the nanoseconds of jitter {LOST}"),
        (lambda proto: setattr(proto.spec.interval[0].phase, "nanos", 1), f"the nanoseconds of intervals {LOST}"),
        (
            lambda proto: setattr(proto.action.start_workflow.workflow_run_timeout, "nanos", 1),
            f"the nanoseconds of run_timeout {LOST}",
        ),
        (
            lambda proto: setattr(proto.action.start_workflow.retry_policy.initial_interval, "nanos", 1),
            f"the nanoseconds of initial_interval {LOST}",
        ),
        (
            lambda proto: setattr(proto.spec.end_time, "seconds", 10**12),
            "end_at is outside the years 1 to 9999, and is reported as the nearest possible time",
        ),
    ],
)
def test_each_part_that_no_charter_can_express_is_reported(
    edit: Callable[[schedule_pb2.Schedule], None], text: str
) -> None:
    proto = full()
    edit(proto)
    assert unexpressed.texts(proto) == (text,)


def test_a_message_without_content_is_not_reported() -> None:
    """The Temporal command line sends an empty header with every schedule."""
    proto = schedule_pb2.Schedule()
    proto.action.start_workflow.header.SetInParent()
    proto.action.start_workflow.user_metadata.SetInParent()
    proto.action.start_workflow.versioning_override.pinned.version.SetInParent()
    assert unexpressed.texts(proto) == ()
    proto.action.start_workflow.header.fields["trace"].data = b"1"
    assert unexpressed.texts(proto) == (f"header {NO_KEY}",)
