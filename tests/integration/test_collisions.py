"""What two schedules with one workflow id do to each other on the server, as the advice about charters describes it."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.schedule import model
from reconciler.timing import timings
from tests.support import remote
from tests.unit import builders
from tools import devserver

HOURLY, HALF_PAST, LAST = "0 * * * *", "30 * * * *", "15 9 1 1 *"


def at(hour: int, minute: int) -> datetime.datetime:
    return datetime.datetime(2026, 1, 1, hour, minute, tzinfo=datetime.UTC)


@pytest.mark.parametrize("keep", [False, True], ids=["time added", "original id kept"])
@pytest.mark.parametrize(("cron", "started"), [(HOURLY, 0), (HALF_PAST, 8)], ids=["same times", "other times"])
async def test_one_workflow_id_loses_a_run_at_each_time_that_is_due_in_both_and_at_no_other(
    dev_server: devserver.DevServer, namespace: str, cron: str, started: int, keep: bool
) -> None:
    """No worker ends the first schedule's runs; the second one's last time, at 09:15, is free in any case."""
    raw = await remote.raw(dev_server.address, namespace)
    for name, times in (("first", (HOURLY,)), ("second", (cron, LAST))):
        made = remote.schedule(name, paused=True, policies=model.Policies(keep_original_workflow_id=keep))
        action = dataclasses.replace(made.action, workflow_id="same")
        timing = timings.Timing(calendars=tuple(map(builders.calendar, times)))
        await raw.create(made.id, remote.proto_of(dataclasses.replace(made, action=action, timing=timing)), name)

    async def has_started(name: str, count: int) -> bool:
        return (await raw.describe(f"governance:{name}")).info.action_count >= count

    day = (at(0, 1), at(7, 40))
    await raw.backfill("governance:first", day)
    await remote.until(lambda: has_started("first", 7))
    await raw.backfill("governance:second", day, (at(9, 10), at(9, 20)))
    expected = started + 1
    await remote.until(lambda: has_started("second", expected))
    info = (await raw.describe("governance:second")).info
    assert info.action_count == expected
    assert (info.overlap_skipped, info.missed_catchup_window, info.buffer_dropped) == (0, 0, 0)  # nothing reports it
