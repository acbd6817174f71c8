"""Long work shows its progress: a bar on a terminal, lines in a log, nothing where a program reads along."""

from __future__ import annotations

import json
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import fake_temporal, program, terminal

COUNT = 120
BAR = re.compile(r"\r\x1b\[2K(\w+ \w+)  \[[#-]+\]  (\d+)/(\d+)")
LINE = re.compile(r"(\w+) schedules: (\d+) of (\d+) \(\d+%\), about \d+ s left")


@pytest.fixture
def slow(tmp_path: pathlib.Path) -> Iterator[program.Program]:
    """The program with many charters and a server that answers."""
    with fake_temporal.running() as fake:
        run = program.Program(folder=tmp_path, address=fake.address)
        entries = "\n".join(
            f"    - {{charter: C{n}, cron: '{n % 60} * * * *', entrypoint: C{n}}}" for n in range(COUNT)
        )
        run.declare(f"governance:\n  schedules:\n{entries}\n")
        yield run


def on_screen(seen: str) -> list[str]:
    """Return the lines that remain to be seen."""
    return re.sub("[^\n]*\r\x1b\\[2K", "", seen.replace("\r\n", "\n")).split("\n")


def test_a_log_has_a_line_every_few_seconds(slow: program.Program) -> None:
    done = slow.run("plan", "--rate", "10", RECONCILER_QUIET="")
    messages = [line for line in done.stderr.splitlines() if line.startswith("reading")]
    assert (done.returncode, messages[0]) == (0, f"reading {COUNT} schedules: about 12 s at 10/s")
    counts = [int(found[2]) for found in map(LINE.fullmatch, messages) if found]
    assert counts
    assert counts == sorted(counts)
    assert counts[-1] < COUNT
    assert "\x1b" not in done.stderr
    assert f"{COUNT} to create" in done.stdout


@pytest.mark.parametrize("arguments", [["--quiet"], ["--format", "json"], ["--log-format", "json"]])
def test_nothing_is_shown_where_it_is_not_wanted(slow: program.Program, arguments: list[str]) -> None:
    done = slow.run("plan", "--rate", "15", *arguments, RECONCILER_QUIET="")
    assert done.returncode == 0
    assert "schedules:" not in done.stderr
    if "--format" in arguments:
        assert json.loads(done.stdout)["counts"]["create"] == COUNT


def test_a_terminal_has_a_bar_below_everything_else(slow: program.Program) -> None:
    with terminal.running(slow, "apply", "--rate", "100", RECONCILER_QUIET="") as shown:
        shown.wait_for("Enter 'yes' to continue: ")
        shown.type("yes")
        assert shown.end() == 0
    assert {found[1] for found in BAR.finditer(shown.seen)} == {"reading schedules", "applying changes"}
    counts = [int(found[2]) for found in BAR.finditer(shown.seen) if found[1] == "applying changes"]
    assert counts == sorted(counts)
    lines = on_screen(shown.seen)
    assert not [line for line in lines if "[#" in line or "[-" in line]
    assert sum("governance:c" in line for line in lines) >= 2 * COUNT  # in the plan and as outcomes


def test_an_interrupt_leaves_no_bar_behind(slow: program.Program) -> None:
    with terminal.running(slow, "apply", "--yes", "--rate", "20", RECONCILER_QUIET="") as shown:
        shown.wait_for("applying changes  [")
        shown.process.send_signal(signal.SIGINT)
        assert shown.end() == 130
    lines = on_screen(shown.seen)
    assert "Interrupted." in lines
    assert not [line for line in lines if "applying changes" in line and "[" in line]


def test_an_error_leaves_no_bar_behind(slow: program.Program) -> None:
    with terminal.running(slow, "plan", "--rate", "20", RECONCILER_QUIET="") as shown:
        shown.wait_for("reading schedules  [")
        shown.process.send_signal(signal.SIGTERM)
        assert shown.end() == 143
    assert on_screen(shown.seen)[-2:] == ["Interrupted.", ""]


def test_a_bar_does_not_get_into_a_piped_result(slow: program.Program) -> None:
    with (slow.folder / "plan.md").open("w") as out:
        done = subprocess.run(
            slow.command("plan", "--format", "markdown", "--rate", "60"),
            cwd=slow.folder,
            env=slow.environment(RECONCILER_QUIET=""),
            stdout=out,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=program.TIMEOUT,
        )
    text = (slow.folder / "plan.md").read_text()
    assert (done.returncode, "\x1b" in text, "reading" in text) == (0, False, False)


def test_the_log_of_the_action_has_lines(slow: program.Program) -> None:
    inputs = {"INPUT_COMMAND": "snapshot", "INPUT_LIVE": "live.json", "INPUT_ADDRESS": slow.address, "INPUT_RATE": "10"}
    done = program.run("reconciler.github", [], folder=slow.folder, environment=slow.environment(**inputs))
    lines = done.stdout.splitlines()
    assert (done.returncode, lines.count(f"reading {COUNT} schedules: about 12 s at 10/s")) == (0, 1)
    assert any(map(LINE.fullmatch, lines))
