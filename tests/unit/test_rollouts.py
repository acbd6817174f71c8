"""The plans of several environments: their digest, their comment, and how their applies ended."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re

import markdown_it
import pytest

from reconciler import errors, published
from reconciler.documents import saved, saved_rollouts
from reconciler.plan import plans, rollouts
from reconciler.report import comment, rollout_comment, text, words
from reconciler.schedule import declarations
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 24, 9, tzinfo=datetime.UTC)
ABOUT = comment.About(
    mark="<!-- mark -->",
    run_url="https://github.example/acme/app/actions/runs/7",
    next_step="**Next:** merge.",
    now=NOW,
)


def part(environment: str, *names: str, **changes: object) -> rollouts.Part:
    """Return an environment whose plan creates schedules of these names."""
    plan = builders.plan([builders.schedule(name, **changes) for name in names], [])
    return rollouts.Part(environment=environment, plan=dataclasses.replace(plan, environment=environment))


def disabled(environment: str) -> rollouts.Part:
    return rollouts.Part(environment=environment, disabled=f"environment {environment!r} is disabled in spec.yaml")


def rollout(*parts: rollouts.Part) -> rollouts.Rollout:
    return rollouts.Rollout(spec_path="spec.yaml", parts=parts)


def done(part: rollouts.Part, *statuses: plans.Status) -> rollouts.Ended:
    """Return how an apply ended whose steps had these statuses."""
    assert part.plan
    outcomes = tuple(
        plans.Outcome(change=change, status=status, detail="" if status is plans.Status.DONE else "not like this")
        for change, status in zip(part.plan.steps, statuses, strict=True)
    )
    is_whole = set(statuses) == {plans.Status.DONE}
    progress = rollouts.Progress.APPLIED if is_whole else rollouts.Progress.FAILED
    return rollouts.Ended(part=part, progress=progress, applied=plans.Applied(outcomes=outcomes))


def test_the_digest_depends_on_each_plan_on_its_environment_and_on_the_order() -> None:
    staging, production = part("staging", "a"), part("production", "a")
    assert staging.plan
    digests = [
        rollout(staging, production).digest,
        rollout(production, staging).digest,
        rollout(staging).digest,
        rollout(staging, part("production", "b")).digest,
        rollout(staging, part("europe", "a")).digest,
        staging.plan.digest,
    ]
    assert len(set(digests)) == len(digests)
    assert rollout(staging, disabled("preview"), production).digest == digests[0]


def test_what_was_not_started_and_what_is_disabled_is_among_the_results() -> None:
    parts = part("staging", "a"), disabled("preview"), part("production", "a"), part("europe", "a")
    ended = [
        done(parts[0], plans.Status.DONE),
        rollouts.Ended(part=parts[2], progress=rollouts.Progress.FAILED, code=errors.ExitCode.LOCKED),
    ]
    found = rollouts.results(rollout(*parts), ended)
    assert [each.progress.value for each in found] == ["applied", "disabled", "failed", "not started"]
    assert words.progress(found) == "Applied: staging; failed: production; not started: europe; disabled: preview."


def test_the_summary_counts_the_changes_of_all_environments() -> None:
    whole = rollout(part("staging", "a", "b"), disabled("preview"), part("production", "a"))
    expected = "Plan for 2 environments: 3 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged."
    assert words.rollout_summary(whole) == expected
    assert (
        words.rollout_question(whole)
        == "Apply 3 changes (3 creates) to staging, production in namespace default on localhost:7233?"
    )
    assert text.Text().rollout(whole).splitlines()[-1] == f"Digest of all environments {whole.digest}"


def test_the_summary_of_partial_plans_names_their_charters() -> None:
    def limited(name: str, *names: str) -> rollouts.Part:
        made = part(name, *names)
        assert made.plan
        return dataclasses.replace(made, plan=dataclasses.replace(made.plan, only=("OPS",)))

    whole = rollout(limited("staging", "ops"), limited("production"))
    assert words.rollout_summary(whole) == (
        "Partial plan for 2 environments, only OPS: 1 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged."
    )
    assert words.rollout_question(whole).endswith(" in namespace default on localhost:7233, only OPS?")
    done = rollout(limited("staging"), disabled("preview"), limited("production"))
    assert words.rollout_summary(done) == "No changes for OPS in 2 environments (0 unchanged)."
    assert words.rollout_summary(rollout(disabled("preview"))) == "Nothing to do: no environment is enabled."


def test_a_row_for_each_environment_comes_before_the_sections() -> None:
    body = rollout_comment.plan(rollout(part("staging", "a"), disabled("preview"), part("production", "a")), ABOUT)
    table, _, sections = body.partition("#### ")
    rows = [line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| `")]
    assert rows == [
        ["| `staging`", "1 to create, 0 unchanged"],
        ["| `preview`", "disabled"],
        ["| `production`", "1 to create, 0 unchanged"],
    ]
    assert [line for line in sections.splitlines() if line.startswith("#### ")] == [
        "#### `production`: 1 to create, 0 unchanged"
    ]
    assert body.count("**Next:** merge.") == 1


@pytest.mark.parametrize("count", [1, 2, 40, 2000])
@pytest.mark.parametrize("limit", [comment.COMMENT_LIMIT, 3_000])
def test_the_comment_stays_within_its_limit_and_counts_what_does_not_fit(count: int, limit: int) -> None:
    one = part("x", *(f"{number:03}" for number in range(40)), task_queue="é" * 300)
    parts = [dataclasses.replace(one, environment=f"environment-{number}") for number in range(count)]
    whole = rollout(*parts)
    body = rollout_comment.plan(whole, dataclasses.replace(ABOUT, limit=limit))
    assert len(body.encode()) <= limit
    assert f"Digest of all environments `{whole.digest}`" in body
    assert ("omitted here" in body) is (count > 1 or limit < comment.COMMENT_LIMIT)
    ended = [done(each, *([plans.Status.FAILED] * 40)) for each in parts[:50]]
    outcome = rollout_comment.applied(whole, rollouts.results(whole, ended), dataclasses.replace(ABOUT, limit=limit))
    assert len(outcome.encode()) <= limit


def test_a_hostile_name_stays_in_its_cell() -> None:
    name = "a|b`c <img src=x> @everyone [l](https://evil.example)\n|d"
    body = rollout_comment.plan(rollout(part(name, "a"), part("production", "a")), ABOUT)
    rendered = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(body)
    assert rendered.count("<tr>") == 3
    assert [row.count("<td") for row in rendered.split("<tr>")[2:]] == [3, 3]
    assert "<img" not in rendered


def test_the_outcome_names_what_failed_and_what_was_not_started() -> None:
    parts = part("staging", "a"), part("production", "a", "b"), part("europe", "a")
    whole = rollout(*parts)
    ended = [done(parts[0], plans.Status.DONE), done(parts[1], plans.Status.DONE, plans.Status.FAILED)]
    body = rollout_comment.applied(whole, rollouts.results(whole, ended), ABOUT)
    assert "### Applied in part to 3 environments\n" in body
    assert [line.split(" | ")[1] for line in body.splitlines() if line.startswith("| `")] == [
        "applied: 1 done",
        "failed: 1 done, 1 failed",
        "not started",
    ]
    assert "- + `governance:b` failed: `not like this`" in body
    assert "#### `europe`" not in body


def saved_rollout() -> saved_rollouts.SavedRollout:
    """Return two saved plans and a disabled environment between them."""
    plans_ = {each.environment: each.plan for each in (part("staging", "a"), part("production", "a", "b")) if each.plan}
    kept = {
        name: saved_rollouts.Part(
            environment=name,
            saved=saved.Saved(
                plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice(environment=name)
            ),
        )
        for name, plan in plans_.items()
    }
    off = saved_rollouts.Part(environment="preview", disabled="environment 'preview' is disabled in spec.yaml")
    return saved_rollouts.SavedRollout(parts=(kept["staging"], off, kept["production"]))


def test_saved_plans_are_read_as_they_were_written() -> None:
    document = saved_rollout()
    text = saved_rollouts.dumps(document)
    assert list(published.violations("plans", json.loads(text))) == []
    read = saved_rollouts.loads(text, "plan.json")
    assert isinstance(read, saved_rollouts.SavedRollout)
    assert (read.names, read.rollout.digest) == (("staging", "preview", "production"), document.rollout.digest)
    assert saved_rollouts.dumps(read) == text
    used = dataclasses.replace(read, applied_at=NOW)
    assert saved_rollouts.loads(saved_rollouts.dumps(used), "plan.json").applied_at == NOW


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"format_version": "2.0"}, "in format 2.0; this version supports up to 1.0"),
        ({"digest": "sha256:" + "0" * 64}, "its checksum does not match"),
        ({"environments": []}, "its checksum does not match"),
    ],
)
def test_saved_plans_that_are_not_as_they_were_written_are_refused(edit: dict[str, object], says: str) -> None:
    document = {**json.loads(saved_rollouts.dumps(saved_rollout())), **edit}
    with pytest.raises(errors.DocumentError, match=re.escape(says)):
        saved_rollouts.loads(json.dumps(document), "plan.json")


@pytest.mark.parametrize(
    ("environments", "says"),
    [([], "no environment in it has a plan"), ([{}], "environments.0 has no 'environment'")],
)
def test_saved_plans_with_a_fitting_checksum_must_still_be_valid(environments: list[object], says: str) -> None:
    document = {**json.loads(saved_rollouts.dumps(saved_rollout())), "environments": environments}
    document["checksum"] = saved.checksum(document)
    with pytest.raises(errors.DocumentError, match=re.escape(says)):
        saved_rollouts.loads(json.dumps(document), "plan.json")
