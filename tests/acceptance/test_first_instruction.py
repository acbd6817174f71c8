"""The exit code is a contract from the first instruction on, whatever the standard streams are."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import pytest

from tests.support import program, terminal

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", ["reconciler", "reconciler.github"])
def test_a_signal_while_the_program_is_imported_ends_it_with_the_declared_code(
    tmp_path: pathlib.Path, module: str, number: signal.Signals, code: int
) -> None:
    run = program.Program(folder=tmp_path, address="127.0.0.1:1")
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        cwd=tmp_path,
        env=run.environment(INPUT_COMMAND="validate"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # imported right after the handlers are in place, with most imports still to come
        if line.endswith((" click.globals\n", " dataclasses\n", " logging\n")) or "reconciler.errors" in line:
            break
    for line in process.stderr:
        if line.split("|")[-1].strip() in ("asyncio", "google.protobuf", "click", "requests", "urllib3"):
            break
    process.send_signal(number)
    _, messages = program.rest(process)
    assert process.returncode == code
    assert "Traceback" not in messages


FIRST = """\
import signal, sys
known = set(sys.modules)
import {module}.__main__ as entry
for name in set(sys.modules) - known:
    assert name.startswith("reconciler") or not hasattr(sys.modules[name], "__file__") or name == "__future__", name
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

class Finder:
    @staticmethod
    def find_spec(name, *_):
        signal.raise_signal(signal.{signal})

sys.meta_path.insert(0, Finder)
entry.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", ["reconciler", "reconciler.github"])
def test_a_signal_during_the_first_import_ends_the_program(module: str, number: signal.Signals, code: int) -> None:
    command = FIRST.format(module=module, signal=number.name)
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "Interrupted.\n")


def test_an_output_that_is_closed_is_an_error(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    for arguments in (["plan"], ["apply", "--yes"], ["--help"], ["schema", "plan"]):
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *reconciler.command(*arguments)],
            cwd=reconciler.folder,
            env=reconciler.environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=program.TIMEOUT,
        )
        assert done.returncode == 1
        assert "standard output could not be written" in done.stderr
        assert "Traceback" not in done.stderr
    assert reconciler.run("plan", "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_a_message_that_is_lost_is_an_error_and_one_that_nobody_needs_is_not(
    reconciler: program.Program, redirected: str
) -> None:
    reconciler.declare(SPEC.replace("0 * * * *", "0 0 30 2 *"))  # never fires, which is a warning
    for arguments, code in ((["plan", "--detailed-exitcode"], 1), (["validate"], 1), (["plan", "--no-such"], 64)):
        assert _exit_code(reconciler, redirected, *arguments) == code
    reconciler.declare("governance: []\n")
    assert _exit_code(reconciler, redirected, "plan") == 3  # a refusal keeps its code
    assert _exit_code(reconciler, "2>&-", "schema", "plan") == 0


def _exit_code(reconciler: program.Program, redirected: str, *arguments: str) -> int:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *reconciler.command(*arguments)],
        cwd=reconciler.folder,
        env=reconciler.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=program.TIMEOUT,
    ).returncode


def test_a_saved_plan_that_two_processes_are_about_to_apply_is_applied_by_one(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("plan", "--out", "plan.json").returncode == 0
    arguments = ("apply", "plan.json", "--lock", "none")
    with terminal.running(reconciler, *arguments) as first, terminal.running(reconciler, *arguments) as second:
        for each in (first, second):
            each.wait_for("yes")
        first.type("yes")
        assert first.end() == 0
        second.type("yes")
        assert second.end() == 5
        assert "plan.json was already applied on " in second.seen
