from __future__ import annotations

import dataclasses

import pytest

from reconciler.plan import build
from reconciler.report import markdown
from reconciler.schedule import observed
from tests.unit import builders


@pytest.mark.parametrize(
    ("raw", "span"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("``` ```", "```` ``` ``` ````"),
        ("`edge", "`` `edge ``"),
        ("", "`  `"),
        ("   ", "`     `"),
        ("two\nlines", "`two\\nlines`"),
    ],
)
def test_no_text_can_leave_its_code_span(raw: str, span: str) -> None:
    assert markdown.code(raw) == span


def test_markup_from_a_spec_or_a_server_stands_in_code_spans_only() -> None:
    hostile = "</code>` <img src=x> @everyone [link](https://evil.example) | **bold**\n# heading"
    live = builders.schedule(paused=True, note=hostile, task_queue=hostile, input={hostile: hostile})
    declaration = dataclasses.replace(builders.declaration(builders.schedule()), path=hostile)
    target = observed.Target(address=hostile, namespace=hostile)
    shown = markdown.plan(build.plan(declaration, builders.live(live), target), verbose=True)
    outside = "".join(_outside_code(line) for line in shown.splitlines())
    assert [part for part in ("<img", "@everyone", "[link]", "**bold**", "# heading") if part in outside] == []
    assert shown.count("\n# heading") == 0


def _outside_code(line: str) -> str:
    """Return what CommonMark leaves outside code spans (6.1): a span ends at a run of as many backticks."""
    outside, position = "", 0
    while position < len(line):
        if line[position] != "`":
            outside += line[position]
            position += 1
            continue
        start = position
        while position < len(line) and line[position] == "`":
            position += 1
        end = _closing(line, position, position - start)
        if end is None:
            outside += line[start:position]
        else:
            position = end
    return outside


def _closing(line: str, position: int, length: int) -> int | None:
    while (position := line.find("`", position)) != -1:
        start = position
        while position < len(line) and line[position] == "`":
            position += 1
        if position - start == length:
            return position
    return None


def test_an_empty_plan_says_so_in_its_heading() -> None:
    shown = markdown.plan(builders.plan([builders.schedule()], [builders.schedule()]))
    assert shown.startswith("### No changes, 1 unchanged\n")
    assert builders.ID not in shown
