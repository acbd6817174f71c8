from __future__ import annotations

import io
import json
import pathlib

import pytest

from reconciler import published, settings
from reconciler.cli import console, reporter, rollout
from reconciler.plan import rollouts
from reconciler.report import text, words
from reconciler.schedule import declarations
from reconciler.usecases import rollout as usecase
from tests.unit import builders

PLAN = builders.plan([builders.schedule()], [])


def test_a_defect_in_the_middle_still_writes_the_outcome() -> None:
    out = io.StringIO()
    reported = reporter.Reporter(console.Console(out, io.StringIO()), text.Text(), "apply", "json", yes=True)

    reported.about(settings.Connection(address="temporal:7233"), "spec.yaml", declarations.Choice())
    reported.plan(PLAN)
    with pytest.raises(RuntimeError), reported.errors_reported():
        raise RuntimeError("a secret, perhaps")
    document = json.loads(out.getvalue())
    assert (document["exit_code"], document["error"]["message"]) == (1, "a bug in reconciler: RuntimeError")
    assert (document["digest"], document["outcomes"]) == (PLAN.digest, [])


@pytest.mark.parametrize("is_planned", [False, True])
def test_an_interrupted_command_reports_that_and_every_step_of_a_plan_that_was_shown(is_planned: bool) -> None:
    out = io.StringIO()
    reported = reporter.Reporter(console.Console(out, io.StringIO()), text.Text(), "apply", "json", yes=True)
    if is_planned:
        reported.plan(PLAN)
    with pytest.raises(KeyboardInterrupt), reported.errors_reported():
        raise KeyboardInterrupt
    document = json.loads(out.getvalue())
    assert list(published.violations("outcome", document)) == []
    assert (document["exit_code"], document["interrupted"]) == (130, True)
    assert document["error"] == {"message": "interrupted", "hint": None}
    steps = [(each["status"], each["detail"]) for each in document["outcomes"]]
    assert steps == [("skipped", "not started (interrupted)")] * is_planned


def test_an_environment_that_is_interrupted_before_its_first_step_reports_its_steps_and_why() -> None:
    shown = rollouts.Rollout(spec_path="spec.yaml", parts=(rollouts.Part(environment="staging", plan=PLAN),))
    out = io.StringIO()
    reported = rollout.Reporter(
        console.Console(out, io.StringIO()), text.Text(), "json", pathlib.Path("spec.yaml"), yes=True
    )
    reported.rollout(shown)
    ended = usecase.broken_off(shown.parts[0], None, KeyboardInterrupt())
    reported.ended(ended)
    with pytest.raises(KeyboardInterrupt), reporter.errors_reported(reported.finish):
        raise KeyboardInterrupt
    document = json.loads(out.getvalue())
    assert list(published.violations("outcomes", document)) == []
    assert document["error"]["message"] == "interrupted"
    (entry,) = document["environments"]
    assert (entry["progress"], entry["outcome"]["interrupted"]) == ("failed", True)
    assert [each["detail"] for each in entry["outcome"]["outcomes"]] == ["not started (interrupted)"]
    assert words.progress([ended]) == "Failed: staging (interrupted)."
