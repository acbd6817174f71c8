"""Where the two schedule backends differ on the wire; what a user sees of it is in docs/backends.md."""

from __future__ import annotations

import datetime

import pytest

from reconciler import errors
from tests.support import remote
from tools import devserver

ID = "governance:alpha"


async def test_a_stale_token_is_dropped_in_silence_or_refused(dev_server: devserver.DevServer, namespace: str) -> None:
    """The server under test has the backend that was asked for: nothing else tells the two apart so surely."""
    server = await remote.connected(dev_server.address, namespace)
    await server.schedules.create(remote.schedule())
    live = await server.schedules.describe(ID)
    assert live is not None
    await server.schedules.update(live, remote.schedule(cron="1 * * * *"))
    await server.schedules.describe(ID)  # V1 takes the last of two updates that it has not dealt with
    if dev_server.backend == "v2":
        with pytest.raises(errors.ConflictError):
            await server.schedules.update(live, remote.schedule(cron="2 * * * *"))
    else:
        await server.schedules.update(live, remote.schedule(cron="2 * * * *"))
    after = await server.schedules.describe(ID)
    assert after is not None
    assert after.schedule.timing == remote.schedule(cron="1 * * * *").timing


async def test_a_short_catchup_window_reads_back_as_ten_seconds_or_as_sent(
    dev_server: devserver.DevServer, namespace: str
) -> None:
    raw = await remote.raw(dev_server.address, namespace)
    proto = remote.proto_of(remote.schedule())
    proto.policies.catchup_window.FromTimedelta(datetime.timedelta(seconds=5))
    await raw.create(ID, proto)
    window = (await raw.describe(ID)).schedule.policies.catchup_window.ToTimedelta()
    assert window == datetime.timedelta(seconds=5 if dev_server.backend == "v2" else 10)
