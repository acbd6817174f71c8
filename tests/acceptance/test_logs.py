"""The log on standard error: lines of JSON, down to every call, and never a secret."""

from __future__ import annotations

import datetime
import json

import pytest

from tests.support import program

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 0 1 * 1", entrypoint: ALPHA, input: {api_key: sk-hunter2}}
"""


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


def test_every_line_is_json_and_tells_the_story(declared: program.Program) -> None:
    done = declared.run("apply", "--yes", "--log-format", "json")
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert [entry["message"] for entry in entries if entry["level"] == "info"] == [
        "lock acquired",
        "planned",
        "step ended",
        "lock released",
        "apply ended",
    ]
    assert "both must match" in entries[0]["message"] or entries[0]["level"] == "warning"
    assert all(datetime.datetime.fromisoformat(entry["time"]).tzinfo for entry in entries)
    step = next(entry for entry in entries if entry["message"] == "step ended")
    assert (step["schedule"], step["verb"], step["status"]) == ("governance:alpha", "create", "done")


def test_an_error_is_a_line_too(declared: program.Program) -> None:
    done = declared.run("plan", "--log-format", "json", "--address", "127.0.0.1:1")
    entry = json.loads(done.stderr.splitlines()[-1])
    assert (entry["level"], entry["exit_code"], done.returncode) == ("error", 1, 1)
    assert entry["hint"]


def test_debug_names_every_call_and_no_secret(declared: program.Program) -> None:
    done = declared.run("apply", "--yes", "--log-level", "debug")
    assert "Debug: CreateSchedule schedule=governance:alpha status=OK ms=" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_text_says_nothing_unless_asked(declared: program.Program) -> None:
    declared.declare(SPEC.replace("0 0 1 * 1", "0 0 * * *"))
    assert declared.run("apply", "--yes").stderr == ""


@pytest.mark.parametrize("line", [["--nonsense", "--log-format", "json"], ["--log-format=json", "--format", "yaml"]])
def test_a_usage_error_is_a_line_of_json_too(declared: program.Program, line: list[str]) -> None:
    done = declared.run("plan", *line)
    (entry,) = map(json.loads, done.stderr.splitlines())
    assert (done.returncode, entry["level"], entry["exit_code"]) == (64, "error", 64)
    assert entry["hint"] == "see 'reconciler plan --help'"
    by_variable = declared.run("frobnicate", RECONCILER_LOG_FORMAT="json")
    assert json.loads(by_variable.stderr)["message"] == "No such command 'frobnicate'."
    assert declared.run("plan", "--nonsense", "--log-format", "text").stderr.startswith("Error: ")


def test_a_hint_that_there_is_not_is_left_out(declared: program.Program) -> None:
    declared.declare(SPEC.replace("0 0 1 * 1", "99 * * * *"))
    (entry,) = map(json.loads, declared.run("validate", "--log-format", "json").stderr.splitlines())
    assert (entry["exit_code"], "hint" in entry) == (3, False)
