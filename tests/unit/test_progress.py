from __future__ import annotations

import io
import os
import re
import termios

import pytest

from reconciler import settings
from reconciler.cli import console
from reconciler.cli import progress as cli_progress
from reconciler.plan import ports, progress
from reconciler.report import progress as wording
from reconciler.runtime import progress as lines


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        """What is to be seen, by lines."""
        text = re.sub("[^\n]*\r\x1b\\[2K", "", self.getvalue())
        return text.split("\n")


@pytest.mark.parametrize(
    ("calls", "rate", "text"),
    [
        (10_000, 10, "reading 10,000 schedules: about 17 min at 10/s"),
        (10_000, 2.5, "reading 10,000 schedules: about 67 min at 2.5/s"),
        (100_000, 10, "reading 10,000 schedules: about 3 h at 10/s"),
        (10_000, 2500, ""),
        (10_000, 200, "reading 10,000 schedules: about 50 s at 200/s"),
        (0, 10, ""),
        (10_000, None, ""),
    ],
)
def test_an_estimate_is_given_only_for_long_work_under_a_cap(calls: int, rate: float | None, text: str) -> None:
    assert wording.estimate("reading", "schedules", 10_000, calls=calls, rate=rate) == text


def test_one_schedule_is_not_several() -> None:
    assert wording.estimate("reading", "schedules", 1, calls=1, rate=0.1) == "reading 1 schedule: about 10 s at 0.1/s"


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("200", "reading schedules  [" + "#" * 3 + "-" * 33 + "]  600/7000    8%"),
        ("70", "reading schedules  [#--------------------]  600/7000    8%"),
        ("54", "reading schedules  [-----]  600/7000    8%"),
        ("50", "reading schedules  600/7000    8%"),
        ("44", "600/7000    8%"),
        ("9", "600/7000"),
        ("1", ""),
    ],
)
def test_a_bar_fits_the_terminal_and_keeps_the_numbers(
    columns: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    clock, err = Clock(), Terminal()
    with cli_progress.Bar(console.Console(err, err), clock=clock).work(
        "reading", "schedules", 7000, calls=7000
    ) as advance:
        for number in range(600):
            clock.now += 2 if number == 599 else 0
            advance()
        assert err.screen[-1] == text


def test_a_bar_is_as_wide_as_the_terminal_of_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 40))
    with os.fdopen(theirs, "w") as err:
        assert console.Console(io.StringIO(), err).room == 39
    os.close(ours)


def test_lines_tell_how_far_work_is_every_few_seconds() -> None:
    clock, written = Clock(), list[str]()
    with lines.Lines(written.append, rate=10, clock=clock).work("reading", "schedules", 1200, calls=1200) as advance:
        for _ in range(1200):
            clock.now += 0.125
            advance()
    assert written[0] == "reading 1,200 schedules: about 2 min at 10/s"
    assert written[1] == "reading schedules: 40 of 1,200 (3%), about 115 s left"  # it may still be as fast as 10/s
    assert written[2] == "reading schedules: 80 of 1,200 (6%), about 2 min left"  # it is not
    assert written[-1] == "reading schedules: 1,160 of 1,200 (96%), about 5 s left"
    assert len(written) == 30


def test_calls_for_changes_in_progress_are_not_forgotten() -> None:
    """At 10/s, the first of 160 changes of three calls each ends once 20 of them have been started."""
    clock, written = Clock(), list[str]()
    with lines.Lines(written.append, rate=10, clock=clock).work("applying", "changes", 160, calls=480) as advance:
        clock.now += 2
        for _ in range(160):
            clock.now += 46 / 160
            advance()
    assert written[0] == "applying 160 changes: about 48 s at 10/s"
    assert [each.rpartition("about ")[2] for each in written[1:4]] == ["43 s left", "38 s left", "32 s left"]


def test_short_work_has_no_line() -> None:
    clock, written = Clock(), list[str]()
    with lines.Lines(written.append, clock=clock).work("reading", "schedules", 1000, calls=1000) as advance:
        for _ in range(1000):
            clock.now += 0.0049
            advance()
    assert written == []


def test_a_bar_is_the_last_line_and_gone_at_the_end() -> None:
    clock, err = Clock(), Terminal()
    out = console.Console(err, err)
    with cli_progress.Bar(out, clock=clock).work("applying", "changes", 200, calls=400) as advance:
        for number in range(200):
            clock.now += 0.125
            advance()
            if number == 99:
                out.say("+ governance:alpha  created\n")
                out.warn("a warning")
                assert err.screen[:2] == ["+ governance:alpha  created", "a warning"]
                assert re.match(r"applying changes  \[#+-+\]  100/200 +50%", err.screen[-1])
    assert err.screen == ["+ governance:alpha  created", "a warning", ""]


def test_short_work_has_no_bar() -> None:
    clock, err = Clock(), Terminal()
    with cli_progress.Bar(console.Console(io.StringIO(), err), clock=clock).work("a", "b", 9, calls=9) as advance:
        for _ in range(9):
            clock.now += 0.1
            advance()
    assert err.getvalue() == ""


def test_a_bar_is_removed_when_the_work_fails() -> None:
    clock, err = Clock(), Terminal()
    out = console.Console(io.StringIO(), err)

    def fail() -> None:
        with cli_progress.Bar(out, clock=clock).work("reading", "schedules", 9, calls=9) as advance:
            clock.now += 2
            advance()
            assert "1/9" in err.screen[-1]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert err.screen == [""]


def test_a_question_replaces_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    out = console.Console(io.StringIO(), err)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    monkeypatch.setattr("select.select", lambda *_: ([1], [], []))
    out.pin("a bar")
    assert out.ask("Sure? ") == "yes"
    assert err.screen == ["Sure? "]


def test_a_bar_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    err = Terminal()
    console.Console(io.StringIO(), err).pin("x" * 100)
    assert err.screen == ["x" * 19]


@pytest.mark.parametrize(
    ("err", "form", "changes", "kind"),
    [
        (Terminal(), "text", {}, cli_progress.Bar),
        (Terminal(), "markdown", {}, cli_progress.Bar),
        (Terminal(), "json", {}, progress.Silent),
        (Terminal(), "text", {"quiet": True}, progress.Silent),
        (Terminal(), "text", {"structured": True}, progress.Silent),
        (io.StringIO(), "text", {}, lines.Lines),
        (io.StringIO(), "json", {}, progress.Silent),
        (io.StringIO(), "text", {"quiet": True}, progress.Silent),
    ],
)
def test_progress_is_shown_to_people_only(
    monkeypatch: pytest.MonkeyPatch, err: io.StringIO, form: str, changes: dict[str, bool], kind: type[ports.Progress]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = console.Console(io.StringIO(), err)
    for name, value in changes.items():
        setattr(out, name, value)
    assert type(cli_progress.chosen(out, settings.Connection(), form)) is kind


def test_a_terminal_that_cannot_replace_a_line_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    chosen = cli_progress.chosen(console.Console(io.StringIO(), Terminal()), settings.Connection())
    assert type(chosen) is lines.Lines
