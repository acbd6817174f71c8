"""A service that is killed between a row and Temporal: the next repair brings them into line, whatever it was doing."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconciler import settings
from reconciler.platform import executions, repair, users
from reconciler.platform.postgres import tables
from tests.support import program, proxy, remote, service, stored
from tools import devserver

# The Temporal call at which it is killed, and whether the server had done it by then. Before the first write, all is as
# it was when the row was committed, whichever call it is.
CREATE = (("DescribeSchedule", False), ("CreateSchedule", False), ("CreateSchedule", True))
UPDATE = (("UpdateSchedule", False), ("UpdateSchedule", True))
DELETE = (("DeleteSchedule", False), ("DeleteSchedule", True))


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as found:
        yield found


class Killer:
    """Kills a process at the first call of a name, before the server has it or once it is done."""

    def __init__(self, kill: Callable[[], None], name: str, *, done: bool) -> None:
        self._kill = kill
        self._name = name
        self._left = 1 if done else 0

    def __call__(self, _: int, name: str) -> None:
        if name == self._name:
            if self._left == 0:
                self._kill()
            self._left -= 1


async def finished(run: program.Program, database_url: str) -> None:
    """Repair, and see that Temporal is then as the rows say, and that another repair would do nothing."""
    server = await remote.connected(run.address, run.namespace)
    async with tables.opened(settings.Database(url=database_url), size=1) as store:
        wanted = {str(row.id) for row in await stored.rows(store.pool) if row.deleted_at is None}
        done = await asyncio.to_thread(run.run, "repair", "--yes", DATABASE_URL=database_url)
        assert done.returncode == 0, done.stderr

        async def is_in_line() -> bool:
            listed = {id_ for id_ in await server.schedules.ids() if executions.is_user_schedule(id_)}
            return listed == wanted

        await remote.until(is_in_line)
        target = server.target(users.PREFIXES, await store.schedules.owner(), of_users=True)
        again = await repair.repair(store.schedules, server.schedules, target, keep_manual_pauses=False)
        assert again.plan.steps == ()
        assert {change.id for change in again.plan.changes} == wanted


def created(user: httpx.Client) -> str:
    """Make a schedule and return where it is."""
    answer = user.post(service.SCHEDULES, json=service.wanted())
    assert answer.json()["synced"], answer.text
    return answer.headers["Location"]


@pytest.mark.parametrize(
    ("kind", "name", "done"),
    [
        *(("create", *each) for each in CREATE),
        *(("update", *each) for each in UPDATE),
        *(("delete", *each) for each in DELETE),
    ],
)
async def test_a_killed_service_loses_nothing(
    reconciler: program.Program, before_server: proxy.Proxy, database_url: str, kind: str, name: str, *, done: bool
) -> None:
    run = dataclasses.replace(reconciler, address=before_server.address)
    with service.running(run, database_url, "--repair-every", "0s") as served:
        token = await asyncio.to_thread(served.token)
        await asyncio.to_thread(_killed, served, token, before_server, kind, Killer(_kill(served), name, done=done))
        assert served.process.wait(program.TIMEOUT) == -signal.SIGKILL
    await asyncio.to_thread(before_server.settled)
    before_server.restart(lambda _, __: None)
    await finished(run, database_url)


def _kill(served: service.Service) -> Callable[[], None]:
    return lambda: served.process.send_signal(signal.SIGKILL)


def _killed(served: service.Service, token: str, before: proxy.Proxy, kind: str, killer: Killer) -> None:
    """Send the request in whose midst the service is killed."""
    with served.client(token) as user:
        where = created(user) if kind != "create" else ""
        before.restart(killer)
        requests: dict[str, Callable[[], Any]] = {
            "create": lambda: user.post(service.SCHEDULES, json=service.wanted()),
            "update": lambda: user.patch(where, json={"cron": "30 4 * * *"}, headers={"If-Match": '"1"'}),
            "delete": lambda: user.delete(where),
        }
        with pytest.raises(httpx.TransportError):
            requests[kind]()
