"""A disabled environment: every command reports it in the form that was asked for, without a server."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from reconciler import errors, published
from reconciler.cli import commands, console, rollout_review
from reconciler.documents import saved
from reconciler.plan import rollouts, staleness
from reconciler.runtime import clock
from tests.support import specs
from tests.unit import builders

OFF = ("--environment", "preview")
ALL = ("--environment", "*")
SINCE = "was disabled when the plans were made, but is now enabled"
REASON = "environment 'preview' is disabled in spec.yaml"
ALL_DISABLED = specs.ENVIRONMENTS.replace("staging: {", "staging: {enabled: false, ").replace(
    "production: {}", "production: {enabled: false}"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with the spec, and the address of a server that does not exist."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    (tmp_path / "spec.yaml").write_text(specs.ENVIRONMENTS)
    return tmp_path


def run(command: str, *arguments: str) -> str:
    """Return what a command prints; it ends with 0."""
    out = io.StringIO()
    all_ = [command, *arguments] if command == "show" else [command, "--spec", "spec.yaml", *arguments]
    code = commands.app.main(all_, standalone_mode=False, obj=console.Console(out, None))
    assert (code or 0) == 0
    return out.getvalue()


def document(command: str, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(command, *arguments, "--format", "json"))
    return found


def test_a_plan_is_empty_in_every_form() -> None:
    assert run("plan", *OFF, "--detailed-exitcode") == f"Nothing to do: {REASON}.\n"
    assert run("plan", *OFF, "--format", "markdown") == f"Nothing to do: `{REASON}`\n"
    found = document("plan", *OFF)
    assert list(published.violations("plan", found)) == []
    assert (found["disabled"], found["changes"], found["environment"]) == (REASON, [], "preview")
    assert found["target"]["address"] == "127.0.0.1:1"


@pytest.mark.parametrize("command", ["apply", "prune"])
def test_a_command_that_writes_reports_it_as_its_outcome(command: str) -> None:
    found = document(command, *OFF, "--yes")
    assert list(published.violations("outcome", found)) == []
    assert found["skipped"] == REASON


def test_no_worker_is_needed_and_nothing_fires() -> None:
    assert run("next", *OFF) == f"Nothing fires: {REASON}.\n"


@pytest.mark.parametrize(("spec", "selected"), [(specs.ENVIRONMENTS, OFF), (ALL_DISABLED, OFF), (ALL_DISABLED, ALL)])
def test_a_saved_plan_replaces_an_older_one_and_applies_nothing(
    folder: pathlib.Path, spec: str, selected: Sequence[str]
) -> None:
    (folder / "spec.yaml").write_text(spec)
    (folder / "keep.json").write_text("the plan of another environment")
    shown = run("plan", *selected, "--out", "keep.json")
    written = json.loads((folder / "keep.json").read_text())
    assert list(published.violations("plans" if selected == ALL else "plan", written)) == []
    assert run("show", "keep.json") == shown
    assert run("apply", "keep.json", "--yes").startswith("Nothing to do: environment ")


def test_a_saved_plan_is_stale_once_the_environment_is_enabled(folder: pathlib.Path) -> None:
    run("plan", *OFF, "--out", "one.json")
    (folder / "spec.yaml").write_text(ALL_DISABLED)
    run("plan", *ALL, "--out", "all.json")
    now = builders.plan([builders.schedule()], [])
    reviewed = saved.loads((folder / "one.json").read_text(), "one.json")
    with pytest.raises(errors.StaleError, match=f"environment 'preview' {SINCE}"):
        staleness.check(
            reviewed.plan, dataclasses.replace(now, target=reviewed.plan.target, environment="preview"), clock.now()
        )
    parts = [rollouts.Part(environment=name, plan=now) for name in ("staging", "preview", "production")]
    with pytest.raises(errors.StaleError, match=f"environment 'staging' {SINCE}"):
        rollout_review.Review(path=folder / "all.json", digest=None).check(
            rollouts.Rollout(spec_path="spec.yaml", parts=tuple(parts))
        )
