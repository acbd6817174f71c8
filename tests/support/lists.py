"""What a listing shows of schedules, for doubles of the port."""

from __future__ import annotations

from reconciler.schedule import model, observed


def entry(schedule: model.Schedule) -> observed.Listed:
    """Return what a listing shows of a schedule."""
    return observed.Listed(
        workflow=schedule.action.workflow, timing=schedule.timing, paused=schedule.paused, note=schedule.note
    )
