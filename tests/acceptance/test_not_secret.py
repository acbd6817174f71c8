"""Values that look like secrets and are declared not to be: shown wherever a plan is shown, and nothing else is."""

from __future__ import annotations

import json

import pytest

from tests.support import program

SPEC = """\
governance:
  defaults: {memo: {team_key: pavement, owner_token: hunter2}, not_secret: [memo.team_key]}
  schedules:
    - charter: ALPHA
      cron: "0 * * * *"
      entrypoint: ALPHA
      input: {scopeKey: region-1, api_key: hunter2}
      not_secret: [input.scopeKey, memo.team_key]
"""
CHANGED = SPEC.replace("scopeKey: region-1", "scopeKey: tenant").replace("key: pavement", "key: data")
SHOWN = ("region-1", "tenant", "pavement", "data")


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    """The program, the charter applied and then changed in the spec."""
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(CHANGED)
    return reconciler


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_plan_shows_what_is_declared_not_to_be_secret(applied: program.Program, form: str) -> None:
    live = applied.run("plan", "--format", form).stdout
    assert [value for value in SHOWN if value not in live] == []
    assert applied.run("snapshot", "--out", "live.json").returncode == 0
    offline = applied.run("plan", "--live", "live.json", "--format", form).stdout
    assert [value for value in SHOWN if value not in offline] == []


def test_the_digest_of_a_snapshot_a_saved_plan_and_an_apply_is_one(applied: program.Program) -> None:
    reviewed = json.loads(applied.run("plan", "--format", "json", "--out", "plan.json").stdout)["digest"]
    assert applied.run("snapshot", "--out", "live.json").returncode == 0
    offline = json.loads(applied.run("plan", "--live", "live.json", "--format", "json").stdout)["digest"]
    assert offline == reviewed
    printed = applied.run("plan").stdout
    assert applied.run("show", "plan.json").stdout.splitlines()[2:5] == printed.splitlines()[2:5]
    applied.declare(CHANGED.replace("input.scopeKey, ", ""))  # what is shown is a part of what was reviewed
    assert applied.run("apply", "--yes", "--expect-digest", reviewed).returncode == 5
    applied.declare(CHANGED)
    assert applied.run("apply", "plan.json", "--yes").returncode == 0
    assert applied.run("plan", "--detailed-exitcode").returncode == 0


def test_declaring_a_path_changes_nothing_on_the_server(applied: program.Program) -> None:
    applied.declare(SPEC.replace("      not_secret: [input.scopeKey, memo.team_key]\n", ""))
    assert applied.run("plan", "--detailed-exitcode").returncode == 0
