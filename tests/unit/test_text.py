from __future__ import annotations

import dataclasses
import re

import pytest

from reconciler.plan import plans
from reconciler.report import phrases, text, words
from tests.unit import builders

ESCAPE = "\x1b[31m"


def resume(note: str) -> plans.Plan:
    return builders.plan([builders.schedule()], [builders.schedule(paused=True, note=note)])


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain ü ▶ 日本", "plain ü ▶ 日本"),
        (f"{ESCAPE}red", "\\x1b[31mred"),
        ("a\nb\r\tc\x00\x7f", "a\\nb\\r\\tc\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eto left", "right\\u202eto left"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("half\ud800", "half\\ud800"),
    ],
)
def test_what_a_terminal_would_obey_or_nobody_would_see_is_written_as_an_escape(raw: str, shown: str) -> None:
    assert phrases.printable(raw) == shown


def test_nothing_from_a_server_or_a_spec_reaches_the_terminal_raw() -> None:
    hostile = f"{ESCAPE}\n+ forged  will be created\u202e"
    live = builders.schedule(
        paused=True, note=hostile, task_queue=hostile, workflow=hostile, timezone=hostile, input={hostile: hostile}
    )
    shown = text.Text(verbose=True).plan(builders.plan([builders.schedule()], [live]))
    assert [character for character in shown if not character.isprintable() and character != "\n"] == []
    assert [line for line in shown.splitlines() if line.startswith("+ forged")] == []


def test_an_id_and_a_detail_of_an_outcome_are_escaped_too() -> None:
    change = builders.plan([builders.schedule(f"a{ESCAPE}")], []).changes[0]
    outcome = plans.Outcome(change=change, status=plans.Status.FAILED, detail=f"the server said {ESCAPE}\n")
    assert text.Text().outcome(outcome) == ("  + governance:a\\x1b[31m FAILED: the server said \\x1b[31m\\n\n")


def test_a_long_value_is_cut_with_its_length() -> None:
    assert words.value("x" * 398) == '"' + "x" * 398 + '"'
    assert words.value("x" * 1000) == '"' + "x" * 399 + "… (1002 characters)"


def test_a_field_that_a_side_does_not_have_differs_from_one_that_is_null() -> None:
    assert (words.value(plans.ABSENT), words.value(None), words.value("(none)")) == ("(none)", "null", '"(none)"')


def test_color_only_paints_and_changes_no_word() -> None:
    plan = builders.plan([builders.schedule(), builders.schedule("new")], [builders.schedule(paused=True, note="why")])
    painted, plain = text.Text(color=True).plan(plan), text.Text().plan(plan)
    assert "\x1b[36m▶\x1b[0m" in painted
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", painted) == plain


def test_a_resume_shows_the_note_that_a_person_left() -> None:
    assert 'note: "maintenance until Monday"' in text.Text().plan(resume("maintenance until Monday"))
    assert "note says" not in text.Text().plan(resume(""))


def test_what_is_kept_is_listed_only_on_request() -> None:
    plan = builders.plan([builders.schedule()], [builders.schedule()])
    assert builders.ID not in text.Text().plan(plan)
    assert builders.ID in text.Text(verbose=True).plan(plan)


def outcomes(*statuses: plans.Status) -> list[plans.Outcome]:
    changes = builders.plan([builders.schedule(f"n{number}") for number in range(len(statuses))], []).changes
    return [plans.Outcome(change=change, status=status) for change, status in zip(changes, statuses, strict=True)]


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ([plans.Status.DONE] * 2, "Applied: 2 created, 0 updated, 0 resumed, 0 paused.\n"),
        (
            [plans.Status.DONE, plans.Status.STALE, plans.Status.FAILED, plans.Status.SKIPPED, plans.Status.SKIPPED],
            "Applied in part: 1 created, 0 updated, 0 resumed, 0 paused; 1 failed, 1 stale, 2 skipped."
            " Run apply again to apply the rest.\n",
        ),
    ],
)
def test_the_summary_of_an_apply_counts_every_outcome(statuses: list[plans.Status], line: str) -> None:
    assert text.Text().outcomes(outcomes(*statuses)) == line


def test_a_prune_that_fails_in_part_says_which_command_to_run() -> None:
    created = outcomes(plans.Status.DONE, plans.Status.FAILED)
    deleted = [
        dataclasses.replace(each, change=dataclasses.replace(each.change, verb=plans.Verb.DELETE)) for each in created
    ]
    line = "Pruned in part: 1 deleted; 1 failed, 0 stale, 0 skipped. Run prune again to apply the rest.\n"
    assert text.Text().outcomes(deleted) == line


def test_a_question_says_how_much_of_what_and_where() -> None:
    plan = builders.plan(
        [builders.schedule("a"), builders.schedule("b"), builders.schedule("c")],
        [builders.schedule("c", timezone="Asia/Kathmandu"), builders.schedule("gone")],
    )
    plan = dataclasses.replace(plan, target=dataclasses.replace(plan.target, owner="acme/app"), environment="staging")
    place = "governance:* in namespace default on localhost:7233, environment staging, owner acme/app"
    assert words.question(plan) == f"Apply 4 changes (2 creates, 1 update, 1 pause) to {place}?"
