"""An apply that is cut off half-way: the server killed, or the apply itself."""

from __future__ import annotations

import collections
import json
import pathlib
import signal
import subprocess

import pytest

from tests.support import program
from tools import devserver, ports, programs

COUNT = 50
NAMES = [f"governance:c{number:02}" for number in range(COUNT)]
SPEC = "governance:\n  schedules:\n" + "".join(
    f"    - {{charter: C{number:02}, cron: '{number % 60} * * * *', entrypoint: C{number}}}\n"
    for number in range(COUNT)
)


def read_until_created(process: program.Process, count: int) -> list[str]:
    """Return the lines up to the count-th schedule that is told to be created."""
    assert process.stdout is not None
    lines: list[str] = []
    created = 0
    for line in process.stdout:
        lines.append(line)
        created += line.endswith(" created\n")
        if created == count:
            return lines
    raise AssertionError("".join(lines))


def outcomes(lines: list[str]) -> dict[str, str]:
    """Return the word of each schedule's outcome; a schedule that is told twice fails."""
    reported: dict[str, str] = {}
    for line in lines:
        match line.split():
            case ["+", name, ("created" | "FAILED:" | "SKIPPED:") as word, *_]:
                assert name not in reported
                reported[name] = word
            case _:
                pass
    return reported


def converge(run: program.Program) -> None:
    """Apply again; a server that is busy after what it went through may need to be asked more than once."""
    done = [run.run("apply", "--yes")]
    while len(done) < 4 and "did not respond in time" in done[-1].stderr:
        done.append(run.run("apply", "--yes"))
    assert done[-1].returncode == 0, [each.stderr for each in done]


def to_create(run: program.Program) -> set[str]:
    """Return the ids that a plan would create."""
    document = json.loads(run.run("plan", "--format", "json").stdout)
    return {change["id"] for change in document["changes"] if change["verb"] == "create"}


def test_when_the_server_is_killed_every_schedule_has_an_outcome_and_a_later_apply_converges(
    tmp_path: pathlib.Path,
) -> None:
    server = devserver.DevServer(
        command_line=programs.command_line(), port=ports.reserve(), database=tmp_path / "temporal.db"
    )
    server.start()
    try:
        run = program.Program(folder=tmp_path, address=server.address)
        run.declare(SPEC)
        process = run.start("apply", "--yes")
        lines = read_until_created(process, 10)
        server.kill()
        out, err = program.rest(process)
        reported = outcomes([*lines, *out.splitlines(keepends=True)])
        words = collections.Counter(reported.values())
        assert process.returncode == 1
        warnings = err.splitlines()
        assert warnings[-1].startswith("Warning: the lock could not be released: ")
        slow = (
            "cannot confirm that the lock is still held; waiting for up to ",
            f"Temporal at {server.address} answers",
        )
        assert [line for line in warnings[:-1] if not line.removeprefix("Warning: ").startswith(slow)] == []
        assert sorted(reported) == NAMES
        assert words["created"] >= 10
        assert words["FAILED:"] > 0
        assert words["SKIPPED:"] > 0
        assert "\nApplied in part to governance:* in namespace default on " in out
        assert "Run apply again to apply the rest." in out

        server.start()
        missing = to_create(run)
        assert missing.isdisjoint(name for name, word in reported.items() if word == "created")
        assert missing.issuperset(name for name, word in reported.items() if word == "SKIPPED:")
        assert run.run("apply", "--yes").returncode == 6  # the lease outlived the server
        assert run.run("lock", "release", "--yes").returncode == 0
        converge(run)
        assert run.run("plan", "--detailed-exitcode").returncode == 0
    finally:
        server.kill()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_apply_that_is_interrupted_tells_of_every_schedule(
    reconciler: program.Program, sent: signal.Signals, code: int
) -> None:
    reconciler.declare(SPEC)
    process = reconciler.start("apply", "--yes")
    lines = read_until_created(process, 10)
    process.send_signal(sent)
    out, err = program.rest(process)
    reported = outcomes([*lines, *out.splitlines(keepends=True)])
    assert (process.returncode, err.strip()) == (code, "Interrupted.")
    assert sorted(reported) == NAMES
    assert to_create(reconciler).isdisjoint(name for name, word in reported.items() if word == "created")
    assert reconciler.run("apply", "--yes").returncode == 0
    assert reconciler.run("plan", "--detailed-exitcode").returncode == 0


def test_an_apply_in_the_background_of_a_script_ends_in_order_too(reconciler: program.Program) -> None:
    """A shell starts it with SIGINT ignored."""
    reconciler.declare(SPEC)
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *reconciler.command("apply", "--yes")]
    with subprocess.Popen(
        shell, cwd=reconciler.folder, env=reconciler.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        read_until_created(process, 10)
        process.send_signal(signal.SIGTERM)
        out, _ = program.rest(process)
    assert process.returncode == 143
    assert "\nApplied in part to governance:* in namespace " in out


@pytest.mark.parametrize("created", [1, 20])
def test_when_the_apply_is_killed_a_later_one_converges(reconciler: program.Program, created: int) -> None:
    reconciler.declare(SPEC)
    process = reconciler.start("apply", "--yes")
    read_until_created(process, created)
    process.kill()
    process.communicate()
    assert 0 < len(to_create(reconciler)) <= COUNT - created
    busy = reconciler.run("apply", "--yes")
    assert (busy.returncode, "reconciler lock release" in busy.stderr) == (6, True)
    assert reconciler.run("lock", "release", "--yes").returncode == 0
    converge(reconciler)
    assert reconciler.run("plan", "--detailed-exitcode").returncode == 0
