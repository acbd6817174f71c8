"""The Action's shell: what it installs and where, what it leaves alone, and that it makes way for the program.

Where the program itself does not matter, a script stands in its place, put where an earlier step would install it.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata

import pytest
import yaml

from tests.support import act as workflows
from tests.support import action, conditions, events

PATIENCE = 180.0  # seconds, for what happens at once on an idle machine
PUSH = events.push(after="1" * 40)
HEAD = """\
on: push
permissions: {}
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
"""
STEP = "      - uses: owner/reconciler@v1\n"
SHOW = """\
      - if: always()
        shell: bash
        run: env | grep -E "^(PATH|PYTHON.*|VIRTUAL_ENV|PIP_.*)=" | sort
"""
BETWEEN = """\
      - if: always()
        run: echo between
"""
LOOK = """\
      - if: always()
        shell: bash
        run: |
          for each in "$RUNNER_TEMP"/*; do
            echo "kept $(basename "$each")"
            "$each/bin/python" -I -c 'import reconciler.usecases; print("whole")'
          done
"""


@pytest.fixture
def small(tree: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """The action with no dependencies but those that build it, so that an install is quick."""
    place = tmp_path / "small"
    shutil.copytree(tree, place)
    lock = place / "requirements-action.lock"
    pins = re.split(r"^(?=\w)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    needed = _needed("hatchling")
    lock.write_text("".join(pin for pin in pins if pin.partition("==")[0] in needed), encoding="utf-8")
    return place


def _needed(package: str) -> set[str]:
    """Return a package's name and those of all that it needs, as far as they are installed here."""
    try:
        required = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return set()
    names = {re.split(r"[^\w-]", each)[0] for each in required if "extra ==" not in each}
    return {package}.union(*map(_needed, names))


@pytest.fixture
def start(tmp_path: pathlib.Path, kept: pathlib.Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the action's step by itself, in a process group that ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(place: pathlib.Path, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            action.command(place),
            cwd=tmp_path,
            env=action.environment(tmp_path / "home") | {"RUNNER_TEMP": str(kept)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    conditions.until(condition, seconds=PATIENCE, pause=0.01)


def building(kept: pathlib.Path) -> list[pathlib.Path]:
    """Return the environments that are being built, or were left half built."""
    return [path for path in kept.glob("reconciler-*") if path.is_dir() and not path.is_symlink()]


def test_the_first_step_installs_the_action_and_the_next_one_finds_it(
    act: pathlib.Path, small: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    repository = workflows.Repository(binary=act, folder=tmp_path / "runner", action=small, installed=tmp_path)
    with contextlib.closing(repository):
        repository.workflow(HEAD + STEP + STEP.replace("- uses", "- if: always()\n        uses") + LOOK)
        repository.commit()
        run = repository.run("push", PUSH, environment={"RECONCILER_INSTALL_DIR": ""})  # as it is for most users
    assert [title.partition(" for ")[0] for title in run.groups] == ["Install reconciler"], run.printed
    names = [line.removeprefix("kept ") for line in run.log if line.startswith("kept ")]
    assert [len(name) for name in sorted(names)] == [len(action.key(small)), len(max(names, key=len))]
    assert [line for line in run.log if line == "whole"] == ["whole"] * 2, run.printed


def test_the_jobs_own_python_and_environment_are_left_alone(
    repository: workflows.Repository, tmp_path: pathlib.Path
) -> None:
    poison = tmp_path / "poison"
    poison.mkdir()
    (poison / "sitecustomize.py").write_text("print('poisoned')\n", encoding="utf-8")
    repository.workflow(HEAD + SHOW + BETWEEN + STEP + BETWEEN + SHOW)
    repository.commit()
    theirs = dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"), str(poison))
    run = repository.run("push", PUSH, environment=theirs)
    first = run.log.index("between")
    second = run.log.index("between", first + 1)
    # act may print the last lines of a step's stderr after the next step's output
    before, after = ([line for line in lines if "=" in line] for lines in (run.log[:first], run.log[second + 1 :]))
    assert before == after
    assert f"PYTHONPATH={poison}" in before
    assert [line for line in run.log if "=" not in line and line != "between"], "the program printed nothing"
    assert "poisoned" not in run.log


def test_without_a_python_that_suits_the_error_says_what_to_do(
    tree: pathlib.Path, tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")  # as an older one answers
    (tools / "python3").chmod(0o755)
    step = start(tree, PATH=str(tools), GITHUB_OUTPUT=str(tmp_path / "output"))
    printed, _ = step.communicate(timeout=PATIENCE)
    assert step.returncode == 1
    assert printed.startswith("::error title=reconciler::there is no Python 3.11 or newer")
    assert "actions/setup-python" in printed
    assert printed.count("\n") == 1
    assert (tmp_path / "output").read_text(encoding="utf-8") == "exit-code=1\n"


def test_the_input_python_is_taken_at_its_word(repository: workflows.Repository) -> None:
    repository.workflow(f"{HEAD}{STEP}        with: {{python: 100%\\python}}\n")
    repository.commit()
    run = repository.run("push", PUSH)
    assert [message.partition(",")[0] for message in run.annotated("error")] == [
        "the python input is '100%\\python'"
    ], run.printed
    assert run.outputs["exit-code"] == "1"


def test_the_program_takes_the_place_of_the_shell(
    tree: pathlib.Path, stand_in: Callable[[str], dict[str, str]], start: Callable[..., subprocess.Popen[str]]
) -> None:
    step = start(tree, **stand_in('echo "$$ $*"'))
    printed, _ = step.communicate(timeout=PATIENCE)
    assert printed == f"{step.pid} -I -u -X utf8 -m reconciler.github\n"


def test_cancelling_reaches_the_program(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    waits = "trap 'echo interrupted; exit 130' INT; echo ready; while :; do sleep 0.1; done"
    environment = stand_in(waits)
    repository.workflow(HEAD + STEP)
    repository.commit()
    started = repository.start("push", PUSH, environment=environment)
    started.wait_for("ready")
    assert started.cancel() == signal.SIGINT
    run = started.wait()
    assert run.log == ("ready", "interrupted")
    assert run.jobs == {"job": "failure"}


@pytest.mark.slow
def test_the_install_sees_no_input(
    small: pathlib.Path, tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    seen = tmp_path / "seen"
    (small / "hatch_build.py").write_text(
        "import os\n"
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class CustomBuildHook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        f"        open({str(seen)!r}, 'w').write('\\n'.join(os.environ))\n",
        encoding="utf-8",
    )
    with (small / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.hatch.build.hooks.custom]\n")
    step = start(small, INPUT_API_KEY="of temporal", INPUT_DATABASE_URL="a\nb", INPUT_OWNER="")
    step.communicate(timeout=PATIENCE)
    names = seen.read_text(encoding="utf-8").splitlines()
    assert "RUNNER_TEMP" in names
    assert not any(name.startswith("INPUT_") for name in names)


def test_the_program_sees_all_inputs(
    tree: pathlib.Path, stand_in: Callable[[str], dict[str, str]], start: Callable[..., subprocess.Popen[str]]
) -> None:
    inputs = {"INPUT_API_KEY": "of temporal", "INPUT_DATABASE_URL": "a\nb", "INPUT_OWNER": ""}
    step = start(tree, **stand_in("env | grep -c '^INPUT_'"), **inputs)
    printed, _ = step.communicate(timeout=PATIENCE)
    assert printed == "3\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_install_ends_at_once_and_leaves_nothing(
    number: signal.Signals, small: pathlib.Path, kept: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    step = start(small)
    until(lambda: building(kept))
    step.send_signal(number)
    step.communicate(timeout=PATIENCE)
    assert step.returncode == 128 + number
    assert building(kept) == action.environments(kept) == []


@pytest.mark.slow
def test_a_killed_install_is_not_taken_for_a_whole_one(
    small: pathlib.Path, kept: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    step = start(small)
    until(lambda: any((each / "bin" / "python").exists() for each in building(kept)))
    os.killpg(step.pid, signal.SIGKILL)
    step.communicate(timeout=PATIENCE)
    assert building(kept)
    assert action.environments(kept) == []
    again = start(small)
    printed, _ = again.communicate(timeout=PATIENCE)
    assert "::group::Install reconciler" in printed
    assert len(action.environments(kept)) == 1


@pytest.mark.slow
def test_two_that_install_at_once_end_with_one_environment(
    small: pathlib.Path, kept: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    both = [start(small), start(small)]
    until(lambda: len(building(kept)) == 2)
    printed = [step.communicate(timeout=PATIENCE)[0] for step in both]
    assert ["::error" in text for text in printed] == [False, False], printed
    assert len(action.environments(kept)) == len(building(kept)) == 1


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_an_error_with_pips_reason(
    small: pathlib.Path, kept: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    step = start(small, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(kept))  # the job's own settings, which pip obeys
    printed, _ = step.communicate(timeout=PATIENCE)
    assert step.returncode == 1
    assert "No matching distribution" in printed
    assert "::error title=reconciler::reconciler's dependencies could not be installed" in printed
    assert building(kept) == action.environments(kept) == []


@pytest.mark.slow
def test_the_jobs_settings_of_where_pip_installs_do_not_lead_it_astray(
    small: pathlib.Path, kept: pathlib.Path, tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    constraint = tmp_path / "constraints.txt"
    constraint.write_text("pluggy==0.1\n", encoding="utf-8")
    config = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[install]\nuser = true\nno-deps = true\n", encoding="utf-8")
    step = start(
        small,
        PIP_TARGET=str(elsewhere),
        PIP_PREFIX=str(elsewhere),
        PIP_CONSTRAINT=str(constraint),
        PIP_REQUIRE_HASHES="1",
    )
    printed, _ = step.communicate(timeout=PATIENCE)
    assert "::error" not in printed, printed
    (environment,) = action.environments(kept)
    assert list(environment.glob("lib/python*/site-packages/reconciler/schedule/model.py"))
    assert not elsewhere.exists()


def test_every_input_and_output_is_passed_on() -> None:
    described = yaml.safe_load((action.ROOT / "action.yml").read_text(encoding="utf-8"))
    (step,) = described["runs"]["steps"]
    assert step["env"] == {
        f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in described["inputs"]
    }
    assert {name: output["value"] for name, output in described["outputs"].items()} == {
        name: f"${{{{ steps.run.outputs.{name} }}}}" for name in described["outputs"]
    }
    assert "${{" not in step["run"]
    for what in (*described["inputs"].values(), *described["outputs"].values()):
        assert what["description"].endswith(".")
