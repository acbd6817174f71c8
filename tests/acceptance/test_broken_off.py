"""An apply in the Action that breaks off half-way reports all that it did, and the review it had is used up."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from reconciler.documents import marks
from tests.support import github_server, job, program, proxy, relay
from tools import devserver

HEAD, MERGED = "b" * 40, "c" * 40
COUNT, FIRST = 40, 5
SPEC = "governance:\n  schedules:\n" + "".join(
    f"    - {{charter: C{number:02}, cron: '{number} * * * *', entrypoint: C{number}}}\n" for number in range(COUNT)
)


class Wire:
    """Lets the first creates pass, and holds the others back until `released`."""

    def __init__(self, before: proxy.Proxy) -> None:
        self.held, self.released = threading.Event(), threading.Event()
        self._lock, self._boundaries = threading.Lock(), 0
        before.restart(self._boundary)

    def _boundary(self, _: int, name: str) -> None:
        if name != "CreateSchedule":
            return
        with self._lock:
            self._boundaries += 1
            passes = self._boundaries <= 2 * FIRST
        if not passes:
            self.held.set()
            self.released.wait(program.TIMEOUT)


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    with github_server.running() as served:
        served.hub.add_pull("Add charters", head_sha=HEAD)
        yield served


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as served:
        yield served


@pytest.fixture
def reviewed(reconciler: program.Program, github: github_server.GitHub) -> job.Job:
    """A job on the default branch, whose plan was reviewed in the pull request that was merged."""
    reconciler.declare(SPEC)
    return job.reviewed(reconciler, github, head=HEAD, merged=MERGED)


def started(work: job.Job, prepared: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        work.command(), cwd=work.run.folder, env=prepared, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def read_until_created(process: subprocess.Popen[str], count: int) -> str:
    """Return the log up to the count-th schedule that is reported as created."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        count -= line.endswith(" created\n")
        if not count:
            break
    return "".join(lines)


def ended(log: str) -> dict[str, str]:
    """Return how each step ended; a step that is reported twice fails."""
    found = re.findall(r"^  \+ (governance:c\d\d) (created|FAILED|SKIPPED)", log, re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def check_report(step: job.Step, github: github_server.GitHub) -> None:
    """Fail unless log, summary and comment cover every step, and the digest is used up."""
    steps = ended(step.log)
    done = list(steps.values()).count("created")
    counts = f"{done} done, " if done else r"\d+ failed, "
    [comment] = github.hub.comments_of(1)
    mark = marks.find(comment.body)
    assert mark is not None
    assert (len(steps), mark.digest) == (COUNT, "")
    for text in (step.summary, comment.body):
        assert re.search(rf"^### Applied in part: {counts}", text, re.MULTILINE)


async def test_when_temporal_goes_away_in_the_middle_of_an_apply_every_step_is_reported(
    reviewed: job.Job, dev_server: devserver.DevServer, github: github_server.GitHub
) -> None:
    async with relay.running(f"postgresql://{dev_server.address}") as wire:
        prepared = reviewed.prepared("apply", variables={"TEMPORAL_ADDRESS": wire.address}, lock="none")
        process = started(reviewed, prepared)
        first = await asyncio.to_thread(read_until_created, process, FIRST)
        await wire.cut()
        rest, _ = await asyncio.to_thread(program.rest, process)
    step = reviewed.ended(prepared, process.returncode, first + rest)
    assert step.code == 1
    check_report(step, github)
    planned = reviewed.run.run("plan", "--format", "json", "--owner", github.hub.repository)
    missing = {change["id"] for change in json.loads(planned.stdout)["changes"] if change["verb"] == "create"}
    assert missing.isdisjoint(id_ for id_, word in ended(step.log).items() if word == "created")


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGINT, signal.SIGTERM]])
def test_a_job_that_is_cancelled_in_the_middle_of_an_apply_reports_and_records_every_step(
    reviewed: job.Job,
    before_server: proxy.Proxy,
    github: github_server.GitHub,
    database_url: str,
    signals: list[signal.Signals],
) -> None:
    """GitHub sends SIGINT, and SIGTERM to a program that is still waiting for the server."""
    wire = Wire(before_server)
    through = {"TEMPORAL_ADDRESS": before_server.address}
    prepared = reviewed.prepared("apply", variables=through, database_url=database_url)
    process = started(reviewed, prepared)
    assert wire.held.wait(program.TIMEOUT)
    for each in signals:
        process.send_signal(each)
    if len(signals) == 1:
        wire.released.set()
    log, _ = program.rest(process)
    wire.released.set()
    step = reviewed.ended(prepared, process.returncode, log)
    assert step.code == (130 if len(signals) == 1 else 143)
    check_report(step, github)
    history = reviewed.run.run("history", "--format", "json", DATABASE_URL=database_url)
    [record] = json.loads(history.stdout)["records"]
    assert (record["error"], len(record["steps"])) == ("interrupted", COUNT)
