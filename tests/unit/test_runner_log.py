from __future__ import annotations

import io
import itertools
import pathlib
from collections.abc import Callable

import pytest

from reconciler.github import runner_log
from reconciler.report import annotation
from reconciler.schedule import declarations


def counting() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"token{next(numbers)}"


@pytest.fixture
def reported(tmp_path: pathlib.Path) -> tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path]:
    """A runner log, its stream, and the folder with `output` and `summary`."""
    log = io.StringIO()
    environ = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    return runner_log.RunnerLog(log, environ, counting()), log, tmp_path


def test_nothing_that_is_said_is_taken_for_a_command(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path],
) -> None:
    reported[0].write("::error::forged\n  ::set-output name=a::b\n##[error]old")
    lines = reported[1].getvalue().splitlines()
    assert (lines[0], lines[-1]) == ("::stop-commands::token0", "::token0::")
    assert lines[1:-1] == ["::error::forged", "  ::set-output name=a::b", "##[error]old"]


def test_an_annotation_names_its_place_and_is_escaped(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path],
) -> None:
    place = declarations.Place(path="a,b:c.yaml", line=3, column=7)
    reported[0].annotate(
        [
            annotation.Annotation(level="notice", title="create x:y,z", message="100%\nnext\r", place=place),
            annotation.Annotation(level="error", title="t", message="m"),
        ]
    )
    assert reported[1].getvalue() == ""
    reported[0].close()
    assert reported[1].getvalue().splitlines() == [
        "::error title=t::m",
        "::notice file=a%2Cb%3Ac.yaml,line=3,col=7,title=create x%3Ay%2Cz::100%25%0Anext%0D",
    ]


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (200, 10)])
def test_of_each_level_no_more_than_github_keeps_of_a_whole_step(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path], count: int, shown: int
) -> None:
    place = declarations.Place(path="spec.yaml", line=1, column=1)
    for number in range(count):
        for level in ("notice", "warning"):
            about_the_run = level == "warning" and number == count - 1
            reported[0].annotate(
                [
                    annotation.Annotation(
                        level="warning" if level == "warning" else "notice",
                        title="t",
                        message="the run" if about_the_run else str(number),
                        place=None if about_the_run else place,
                    )
                ]
            )
    reported[0].close()
    lines = reported[1].getvalue().splitlines()
    assert [sum(line.startswith(f"::{level} ") for line in lines) for level in ("notice", "warning")] == [shown] * 2
    assert (f"::notice title=reconciler::{count - 9} more are in the log and the step summary" in lines) is (count > 10)
    assert "::warning title=t::the run" in lines


def test_an_output_of_several_lines_cannot_set_another_one(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path],
) -> None:
    reported[0].set_output("summary", "one\ntoken\nchanges=true")
    reported[0].set_output("digest", "")
    written = (reported[2] / "output").read_text()
    assert written == "summary<<token0\none\ntoken\nchanges=true\ntoken0\ndigest<<token1\n\ntoken1\n"


def test_a_summary_is_added_to_and_outside_of_a_workflow_nothing_is_written(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path],
) -> None:
    reported[0].add_summary("one\n")
    reported[0].add_summary("two\n")
    assert (reported[2] / "summary").read_text() == "one\ntwo\n"
    alone = runner_log.RunnerLog(io.StringIO(), {"GITHUB_OUTPUT": ""}, counting())
    alone.set_output("a", "b")
    alone.add_summary("c")
    assert sorted(path.name for path in reported[2].iterdir()) == ["summary"]


def test_a_line_of_our_own_words_is_written_as_it_is(
    reported: tuple[runner_log.RunnerLog, io.StringIO, pathlib.Path],
) -> None:
    reported[0].write_line("reading schedules: 1 of 2")
    assert reported[1].getvalue() == "reading schedules: 1 of 2\n"
