"""An apply that is killed at any call, before or after the server has acted: the next one finishes its work.

CRASH_POINTS says how many kills; the first are spread over every call boundary of one apply, the others are of random
applies of which CRASH_SEED says which. The usual run has a few of the first.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import signal
from collections.abc import Iterator

import pytest

from reconciler.plan import diff, plans
from reconciler.repospec import loader
from reconciler.schedule import declarations, observed
from reconciler.temporal import connect
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import program, proxy, remote
from tools import devserver

POINTS = int(os.environ.get("CRASH_POINTS") or 4)
SEED = os.environ.get("CRASH_SEED") or "steady"
CHUNK = 10  # kills to a test


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """How many charters stay as they are, change, come back, are new, are renamed, and are removed."""

    kept: int = 1
    changed: int = 2
    returned: int = 2
    new: int = 2
    renamed: int = 1
    removed: int = 2

    def spec(self, *groups: str, minute: int = 0) -> str:
        """Return the spec with the charters of these groups; `minute` is that of the changed ones."""
        due = {"changed": minute}
        lines = [
            f"    - {{charter: {group}{number}, cron: '{due.get(group, 7)} * * * *', entrypoint: {group}{number}}}\n"
            for group in groups
            for number in range(getattr(self, group))
        ]
        return "governance:\n  schedules:\n" + "".join(lines)

    @property
    def _moved(self) -> str:
        """Return the renamed charters under their new names."""
        return "".join(
            f"    - {{charter: moved{number}, was: renamed{number}, cron: '7 * * * *', entrypoint: renamed{number}}}\n"
            for number in range(self.renamed)
        )

    @property
    def history(self) -> tuple[str, ...]:
        """Return the specs that were applied before."""
        first = self.spec("kept", "changed", "returned", "renamed", "removed")
        return first, self.spec("kept", "changed", "renamed", "removed")

    @property
    def wanted(self) -> str:
        """Return the spec whose apply is killed."""
        return self.spec("kept", "changed", "returned", "new", minute=30) + self._moved


def scenario(point: int, boundaries: int) -> Scenario:
    """Return the usual scenario for the first kills, random ones for the others."""
    if point < boundaries:
        return Scenario()
    chance = random.Random(f"{SEED}/{point}")  # noqa: S311
    removed = chance.randrange(4)
    counts = {name: chance.randrange(4) for name in ("changed", "returned", "new", "renamed")}
    return Scenario(kept=removed + 1, removed=removed, **counts)


def boundary(point: int, boundaries: int) -> int:
    """Return at which boundary to kill: the first kills are spread over all of them, the others at random ones."""
    if point >= boundaries:
        return random.Random(f"{SEED}/{point}/at").randrange(boundaries)  # noqa: S311
    return point * boundaries // min(POINTS, boundaries)


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as served:
        yield served


@pytest.mark.parametrize("chunk", range(-(-POINTS // CHUNK)))
async def test_the_next_apply_finishes_what_a_killed_one_began(
    reconciler: program.Program, before_server: proxy.Proxy, chunk: int
) -> None:
    server = await remote.connected(reconciler.address, reconciler.namespace)
    boundaries = await Case(reconciler, before_server, server, f"count{chunk}:", Scenario()).count()
    killed = 0
    for point in range(chunk * CHUNK, min((chunk + 1) * CHUNK, POINTS)):
        case = Case(reconciler, before_server, server, f"p{point}:", scenario(point, boundaries))
        await case.prepare()
        killed += await case.kill(boundary(point, boundaries))
        await case.check_half_way()
        await case.finish()
    print(f"seed {SEED}, chunk {chunk}: {killed} killed, {boundaries} boundaries")
    assert killed > 0


class Case:
    """One apply that is killed, and what becomes of its schedules."""

    def __init__(
        self, run: program.Program, before: proxy.Proxy, server: connect.Server, prefix: str, what: Scenario
    ) -> None:
        self._run = dataclasses.replace(run, address=before.address)
        self._proxy = before
        self._server = server
        self._prefix = prefix
        self._scenario = what
        self._plan: plans.Plan | None = None
        self.passed = 0  # boundaries that the apply came to

    async def count(self) -> int:
        """Return how many boundaries the apply has, two for each of its calls, by letting it run to its end."""
        await self.prepare()
        assert await self.kill(-1) is False
        await self.finish()
        return self.passed

    async def prepare(self) -> None:
        """Bring the server into the state before."""
        for text in self._scenario.history:
            self._run.declare(text)
            done = await apply_plan(await self._planned(), self._server.schedules, lambda _: None)
            assert all(outcome.status is plans.Status.DONE for outcome in done.outcomes)
        self._run.declare(self._scenario.wanted)
        self._plan = await self._planned()
        for step in self._writes:
            self._proxy.written[step.id] = 0

    @property
    def _writes(self) -> tuple[plans.Change, ...]:
        """Return each change that writes; a rename has two."""
        assert self._plan is not None
        return tuple(change for change in self._plan.schedules if change.verb is not plans.Verb.KEEP)

    async def _planned(self) -> plans.Plan:
        """Return the plan of the spec as it is now; schedules that the listing does not show yet are waited for."""
        text = (self._run.folder / program.SPEC).read_text(encoding="utf-8")
        declaration = loader.parse(text, str(program.SPEC), declarations.Choice(prefixes=(self._prefix,)))
        target = self._server.target((self._prefix,))
        known = {change.id for change in self._plan.changes} if self._plan else set()
        await remote.until(lambda: self._lists(known))
        return await read_plan(declaration, self._server.schedules, target)

    async def _lists(self, known: set[str]) -> bool:
        return known <= await self._server.schedules.ids()

    async def kill(self, at: int) -> bool:
        """Apply, and kill the program at a boundary; tell whether it came so far."""
        process = self._run.start("apply", "--yes", "--prefix", self._prefix)
        self._proxy.restart(lambda number, _: process.send_signal(signal.SIGKILL) if number == at else None)
        await asyncio.to_thread(process.communicate, timeout=program.TIMEOUT)
        await asyncio.to_thread(self._proxy.settled)
        self.passed = self._proxy.count
        self._proxy.restart(lambda _, __: None)
        return process.returncode == -signal.SIGKILL

    async def check_half_way(self) -> None:
        """See that every schedule is as before or as wanted, and that none is paused before what must precede that."""
        assert self._plan is not None
        found = await self._server.schedules.describe_all(step.id for step in self._writes)
        done = {step.id: _is_done(step, found.get(step.id)) for step in self._writes}
        assert all(done[step.id] for step in self._plan.steps if step.origin and done[step.origin.id])
        pauses = {step.id for step in self._plan.steps if step.verb is plans.Verb.PAUSE}
        if any(done[id_] for id_ in pauses):
            assert all(done[id_] for id_ in done.keys() - pauses)

    async def finish(self) -> None:
        """Apply again: everything is as wanted, and no schedule was written twice."""
        assert self._plan is not None
        await self._server.lock(self._prefix).free()
        wanted = {step.id for step in self._writes}
        done = await asyncio.to_thread(self._run.run, "apply", "--yes", "--prefix", self._prefix)
        warnings = [line for line in done.stderr.splitlines() if "is responding slowly" not in line]
        assert (done.returncode, warnings) == (0, [])
        assert (await self._planned()).steps == ()
        assert {id_: self._proxy.written[id_] for id_ in wanted} == dict.fromkeys(wanted, 1)
        for id_ in await self._server.schedules.describe_all(change.id for change in self._plan.schedules):
            await self._server.schedules.delete(id_)


def _is_done(step: plans.Change, live: observed.Live | None) -> bool:
    """Tell whether a step is done; AssertionError when it is neither that nor as it was before."""
    if live is not None and not diff.diff(live.schedule, step.after):
        return True
    before = step.live
    assert (live is None) == (before is None)
    assert live is None or before is None or not diff.diff(live.schedule, before.schedule)
    return False
