"""The files that production starts from: units, compose file and image keep what the operator's guide promises."""

from __future__ import annotations

import pathlib
import re
import shlex
import shutil
import subprocess
from typing import Any

import click
import pytest
import yaml

from reconciler.cli import commands
from reconciler.platform.api import app, http_server
from reconciler.timing import durations

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "systemd"
UNITS = {path.stem: path for path in sorted(FOLDER.glob("*.service"))}
RUNNING = ("reconciler-service", "reconciler-worker")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICE_ENDS = http_server.DRAIN + app.DRAIN  # seconds at most
WORKER_LINGERS = 30  # seconds beyond its drain timeout, while Temporal does not respond
MARGIN = 10


def values(unit: str, key: str) -> list[str]:
    """Return what a unit sets a key to, each time that it does."""
    return re.findall(rf"^{key}=(.*)$", UNITS[unit].read_text(encoding="utf-8"), re.MULTILINE)


def seconds(text: str) -> float:
    return durations.parse(text.replace("min", "m")).total_seconds()


def command(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a command line names, and the rest of it."""
    found: click.Command | None = commands.app
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), arguments[0])
        arguments = arguments[1:]
    assert found is not None
    return found, arguments


def drain(arguments: list[str]) -> float:
    """Return the drain timeout of a worker's command line."""
    default = next(each.default for each in command(["worker"])[0].params if each.name == "drain_timeout")
    given = arguments[arguments.index("--drain-timeout") + 1] if "--drain-timeout" in arguments else default
    assert isinstance(given, str)
    return seconds(given)


@pytest.mark.parametrize("unit", RUNNING)
def test_a_unit_reports_its_state_is_limited_and_never_gives_up(unit: str) -> None:
    expected = {
        "Type": ["notify"],
        "UMask": ["0077"],
        "MemoryMax": ["1G"],
        "Restart": ["always"],
        "StartLimitIntervalSec": ["0"],
        "StateDirectory": ["%N"],  # its own: of two dynamic users only one can own a directory
        "WorkingDirectory": ["%S/%N"],
    }
    assert {key: values(unit, key) for key in expected} == expected


def test_a_unit_has_time_for_what_is_in_progress_before_it_is_killed() -> None:
    (worker,) = values("reconciler-worker", "ExecStart")
    assert seconds(*values("reconciler-service", "TimeoutStopSec")) >= SERVICE_ENDS + MARGIN
    assert seconds(*values("reconciler-worker", "TimeoutStopSec")) >= drain(worker.split()) + WORKER_LINGERS + MARGIN


def test_a_unit_gets_only_the_secrets_that_it_needs() -> None:
    files = {unit: [pathlib.Path(each).name for each in values(unit, "EnvironmentFile")] for unit in UNITS}
    assert files == {
        "reconciler-migrate": ["migrate.env"],
        "reconciler-service": ["env", "service.env"],
        "reconciler-worker": ["env", "worker.env"],
    }
    named = {path.name: "INTERNAL_OPS_TOKEN" in path.read_text(encoding="utf-8") for path in FOLDER.glob("*env")}
    assert [name for name, has_token in named.items() if has_token] == ["service.env"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_valid_for_systemd(unit: str, tmp_path: pathlib.Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed here")
    for path in UNITS.values():  # the program is not installed where they say
        text = path.read_text(encoding="utf-8").replace("/opt/reconciler/bin/reconciler", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, "verify", f"{tmp_path}/{unit}.service"], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if line.startswith(("reconciler-", str(tmp_path)))] == []


def command_lines() -> list[list[str]]:
    units = [shlex.split(line)[1:] for unit in UNITS for line in values(unit, "ExecStart")]
    return [*units, *(COMPOSE[name]["command"] for name in ("migrate", "service", "worker"))]


@pytest.mark.parametrize("arguments", command_lines(), ids=" ".join)
def test_the_command_line_of_a_unit_or_container_is_accepted(arguments: list[str]) -> None:
    found, rest = command(arguments)
    known = {name for each in found.params for name in each.opts}
    assert [each for each in rest if each.startswith("-") and each not in known] == []


def test_compose_has_no_default_password_and_gives_the_ops_token_to_the_service_alone() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert re.findall(r"\$\{\w*(?:PASSWORD|OPS_TOKEN)\w*(?!\w|:\?)", text) == []
    assert [name for name, each in COMPOSE.items() if "INTERNAL_OPS_TOKEN" in each.get("environment", {})] == [
        "service"
    ]


def test_compose_waits_until_what_is_in_progress_has_ended() -> None:
    assert seconds(COMPOSE["service"]["stop_grace_period"]) >= SERVICE_ENDS + MARGIN
    worker = drain(COMPOSE["worker"]["command"]) + WORKER_LINGERS + MARGIN
    assert seconds(COMPOSE["worker"]["stop_grace_period"]) >= worker


def test_compose_migrates_once_before_anything_uses_the_tables() -> None:
    assert COMPOSE["migrate"]["command"] == ["db", "migrate"]
    assert COMPOSE["migrate"]["restart"] == "no"
    for name in ("service", "worker"):
        assert COMPOSE[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_images_are_named_by_their_digests_and_can_be_replaced() -> None:
    images = [each["image"] for each in COMPOSE.values() if "build" not in each]
    images += re.findall(r"^ARG (PYTHON_IMAGE=.*)$", DOCKERFILE, re.MULTILINE)
    digest = re.compile(r"(\$\{\w+_IMAGE:-|\w+_IMAGE=)[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}\}?")
    unpinned = [each for each in images if not digest.fullmatch(each)]
    assert unpinned == ["${TEMPORAL_IMAGE:-temporalio/temporal:1.5.1}"]  # its digest could not be looked up
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
