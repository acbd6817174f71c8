from __future__ import annotations

import datetime

import pytest

from reconciler.plan import labels, ports

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("since", "message"),
    [
        (None, "the schedules are locked by alice (run 7)"),
        (NOW, "the schedules have been locked by alice (run 7) for 4 s"),
        (NOW - datetime.timedelta(minutes=2), "the schedules have been locked by alice (run 7) for 2 min"),
    ],
)
def test_a_lock_is_described_by_its_holder_and_its_age_if_known(since: datetime.datetime | None, message: str) -> None:
    held = ports.Holder(who="alice", run="7", since=since)
    assert labels.locked(held, NOW + datetime.timedelta(seconds=4), hint="").message == message
