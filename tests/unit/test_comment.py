from __future__ import annotations

import dataclasses
import datetime
import html.parser

import markdown_it
import pytest

from reconciler.plan import build, plans
from reconciler.report import comment
from reconciler.schedule import observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 24, 9, tzinfo=datetime.UTC)
ABOUT = comment.About(
    mark="<!-- mark -->",
    commit="0123456789abcdef0123",
    run_url="https://github.example/acme/app/actions/runs/7",
    next_step="**Next:** merge.",
    now=NOW,
)
HOSTILE = "</code></details>` ``` <img src=x> @everyone [l](https://evil.example) **b** --> <!-- #1\n# h\u202e\x1b[31m"
OURS = {"details", "summary", "code"}


def before_folds(body: str) -> str:
    return body.partition("<details>")[0]


def plan_of_each_kind() -> plans.Plan:
    """Return a plan that creates, updates, resumes by hand, pauses as removed, and keeps."""
    named = {name: builders.schedule(name) for name in ("new", "changed", "held", "kept", "gone")}
    live = [
        builders.schedule("changed", jitter=datetime.timedelta(seconds=5)),
        builders.schedule("held", paused=True, note="too noisy"),
        named["kept"],
        named["gone"],
    ]
    return builders.plan([named["new"], named["changed"], named["held"], named["kept"]], live)


def test_without_unfolding_one_sees_counts_removals_pauses_by_hand_commit_digest_rate_and_what_is_next() -> None:
    plan = plan_of_each_kind()
    shown = before_folds(comment.plan(plan, ABOUT))
    expected = [
        "<!-- mark -->",
        "### Plan: 1 to create, 1 to update, 1 to resume, 1 to pause, 1 unchanged",
        "Total firing rate: 72/day → 96/day.",
        "- ‖ `governance:gone`: will be paused (charter is not in the spec)",
        '- ▶ `governance:held`: will be resumed (paused outside the spec); note: `"too noisy"`',
        "**Next:** merge.",
        f"Digest `{plan.digest}`, commit `0123456789ab`, [run](https://github.example/acme/app/actions/runs/7)",
    ]
    assert [line for line in expected if line not in shown.splitlines()] == []


def test_what_changes_is_in_the_folds_and_what_stays_is_not() -> None:
    body = comment.plan(plan_of_each_kind(), ABOUT)
    titles = [line for line in body.splitlines() if line.startswith("<details>")]
    assert [title.split("<code>")[1].split("</code>")[0] for title in titles] == [
        *("governance:new", "governance:changed", "governance:held", "governance:gone"),
    ]
    assert '- `jitter`: `"5s"` → `(none)`' in body


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))


def test_hostile_values_do_nothing_in_the_page_that_a_commonmark_parser_makes_of_it() -> None:
    live = builders.schedule(
        "held", paused=True, note=HOSTILE, task_queue=HOSTILE, timezone=HOSTILE, input={HOSTILE: HOSTILE}
    )
    foreign = dataclasses.replace(builders.schedule("x"), id=f"governance:{HOSTILE}", note=HOSTILE)
    declared = dataclasses.replace(builders.declaration(builders.schedule("held")), path=HOSTILE, environment=HOSTILE)
    found = {each.id: observed.Live(schedule=each, token=b"1") for each in (live, foreign)}
    target = observed.Target(address=HOSTILE, namespace=HOSTILE, owner=HOSTILE)
    plan = build.plan(declared, found, target)
    failed = plans.Applied(
        outcomes=tuple(plans.Outcome(change=each, status=plans.Status.FAILED, detail=HOSTILE) for each in plan.steps)
    )
    about = dataclasses.replace(ABOUT, remarks=(HOSTILE,), commit=HOSTILE)
    for body in (
        comment.plan(plan, about),
        comment.applied(plan, failed, about),
        comment.drift(plan, about, NOW),
        comment.settled(plan, about, None),
        comment.failed("Plan failed", HOSTILE, about),
    ):
        _check_harmless(body.removeprefix("<!-- mark -->"))


def _check_harmless(body: str) -> None:
    parser = markdown_it.MarkdownIt("commonmark")
    tokens = [child for token in parser.parse(body) for child in (token.children or [token])]
    messages = "".join(token.content for token in tokens if token.type == "text")
    assert [bad for bad in ("@everyone", "<img", "\u202e", "\x1b", "-->") if bad in messages] == []
    assert {token.attrGet("href") for token in tokens if token.type == "link_open"} == {ABOUT.run_url}
    assert [token for token in tokens if token.type == "image"] == []
    tags = _Tags()
    tags.feed("".join(token.content for token in tokens if token.type in ("html_block", "html_inline")))
    assert {name for name, _ in tags.seen} <= OURS
    assert [attrs for _, attrs in tags.seen if attrs] == []


def test_a_comment_is_cut_by_whole_changes_and_says_how_many_are_missing_and_where_they_are() -> None:
    names = [f"s{number:04}" for number in range(900)]
    plan = builders.plan([builders.schedule(name, input={"text": "ü" * 300}) for name in names], [])
    body = comment.plan(plan, ABOUT)
    shown = body.count("<details>")
    assert len(body.encode()) <= comment.COMMENT_LIMIT
    assert len(body.encode()) > comment.COMMENT_LIMIT - 3_000
    assert (body.count("</details>"), body.endswith(f"plan file of [the run]({ABOUT.run_url}).\n")) == (shown, True)
    assert f"\n{900 - shown} more changes omitted here" in body
    assert plan.digest in body


def test_however_long_names_notes_and_details_are_a_comment_stays_within_its_limit() -> None:
    names = [f"{'g' * 900}{number:04}" for number in range(60)]
    held = [builders.schedule(name, paused=True, note="ü" * 5000) for name in names]
    gone = [builders.schedule(f"{name}-gone", note="n" * 5000) for name in names]
    plan = builders.plan([builders.schedule(name) for name in names], [*held, *gone])
    failed = tuple(plans.Outcome(change=each, status=plans.Status.FAILED, detail="d" * 3000) for each in plan.steps)
    about = dataclasses.replace(ABOUT, remarks=("r" * 5000,) * 30)
    for body in (
        comment.plan(plan, about),
        comment.applied(plan, plans.Applied(outcomes=failed), about),
        comment.failed("Apply failed", "\n".join(["e" * 5000] * 30), about),
    ):
        assert len(body.encode()) <= comment.COMMENT_LIMIT
        assert " more\n" in body


@pytest.mark.parametrize("count", [1, 20, 21, 300])
def test_long_lists_name_the_first_and_count_the_rest(count: int) -> None:
    kept = [builders.schedule(f"k{number}") for number in range(2)]
    gone = [builders.schedule(f"{'g' * 900}{number:04}") for number in range(count)]
    body = comment.plan(builders.plan(kept, [*kept, *gone]), ABOUT)
    listed = before_folds(body).count("- ‖ ")
    assert (0 < listed <= min(count, 20), len(body.encode()) <= comment.COMMENT_LIMIT) == (True, True)
    assert (f"- and {count - listed} more" in body) is (count > listed)


def test_what_was_not_done_is_named_with_the_reason() -> None:
    plan = plan_of_each_kind()
    statuses = [plans.Status.DONE, plans.Status.FAILED, plans.Status.DONE, plans.Status.SKIPPED]
    outcomes = tuple(
        plans.Outcome(change=change, status=status, detail="" if status is plans.Status.DONE else "because")
        for change, status in zip(plan.steps, statuses, strict=True)
    )
    shown = before_folds(comment.applied(plan, plans.Applied(outcomes=outcomes), ABOUT))
    assert "### Applied in part: 2 done, 1 failed, 1 skipped\n" in shown
    assert "- ~ `governance:changed` failed: `because`\n- ‖ `governance:gone` skipped: `because`\n" in shown


def test_a_drift_says_since_when_and_one_that_is_gone_until_when() -> None:
    plan, since = plan_of_each_kind(), NOW - datetime.timedelta(hours=5)
    assert "First seen Tue 24 Nov 2026 04:00 UTC (5 h ago)." in comment.drift(plan, ABOUT, since)
    settled = comment.settled(builders.plan([], []), ABOUT, since)
    assert "First seen Tue 24 Nov 2026 04:00 UTC; gone since Tue 24 Nov 2026 09:00 UTC." in settled


def test_an_empty_plan_says_so() -> None:
    kept = builders.schedule()
    assert "### Plan: no changes, 1 unchanged\n" in comment.plan(builders.plan([kept], [kept]), ABOUT)
