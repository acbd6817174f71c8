from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from reconciler import errors
from reconciler.cli import console


@contextlib.contextmanager
def broken_pipe() -> Iterator[TextIO]:
    """Yield a stream whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    try:
        yield stream
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


@contextlib.contextmanager
def full_disk() -> Iterator[TextIO]:
    stream = open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123, SIM115  # closing it fails as writing does
    try:
        yield stream
    finally:
        with contextlib.suppress(OSError):
            stream.close()


def test_results_go_to_standard_output_and_messages_to_standard_error() -> None:
    out, err = io.StringIO(), io.StringIO()
    shown = console.Console(out, err)
    shown.say("result\n")
    shown.warn("message")
    shown.close()
    assert (out.getvalue(), err.getvalue()) == ("result\n", "message\n")


def test_a_reader_that_went_away_is_no_error() -> None:
    with broken_pipe() as out:
        shown = console.Console(out, io.StringIO())
        shown.say("line\n")
        shown.say("line\n")
        shown.close()
        assert not shown.is_terminal


def test_a_full_disk_is_reported_at_the_end_so_that_the_work_ends_first() -> None:
    with full_disk() as out:
        shown = console.Console(out, io.StringIO())
        shown.say("line\n")
        shown.say("line\n")
        with pytest.raises(errors.OutputError) as caught:
            shown.close()
    assert caught.value.message == "standard output could not be written: No space left on device"
    assert caught.value.exit_code == errors.ExitCode.ERROR
    shown.close()


@pytest.mark.parametrize("failing", [broken_pipe, full_disk])
def test_messages_that_cannot_be_written_disturb_nothing_and_are_reported_unless_the_reader_went_away(
    failing: Callable[[], contextlib.AbstractContextManager[TextIO]],
) -> None:
    with failing() as err:
        out = io.StringIO()
        shown = console.Console(out, err)
        shown.warn("message")
        shown.warn("message")
        shown.say("result\n")
        assert out.getvalue() == "result\n"
        lost = pytest.raises(errors.OutputError, match="standard error could not be written: No space left on device")
        with lost if failing is full_disk else contextlib.nullcontext():
            shown.close()


def test_closed_streams_are_written_to_by_nobody() -> None:
    shown = console.Console(None, None)
    shown.say("result\n")
    shown.warn("message")
    shown.close()
    assert not shown.is_terminal


def test_a_symbol_that_the_locale_lacks_is_escaped() -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii")
    console.Console(out, None).say("▶ ü\n")
    assert written.getvalue() == b"\\u25b6 \\xfc\n"


def test_a_question_is_asked_on_standard_error_and_answered_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    read, write = os.pipe()
    os.write(write, b" yes \nmore\n")
    os.close(write)
    with os.fdopen(read) as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        assert console.Console(out, err).ask("Apply? ") == "yes"
    assert (out.getvalue(), err.getvalue()) == ("", "Apply? ")


def test_a_question_that_nobody_can_read_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with broken_pipe() as err:
        assert console.Console(io.StringIO(), err).ask("Apply? ") == ""


def test_what_a_terminal_would_obey_is_shown_on_standard_error_and_lines_stay_lines() -> None:
    err = io.StringIO()
    shown = console.Console(io.StringIO(), err)
    shown.warn("spec.yaml:1:1: \x1b[31mred\nspec.yaml:2:1: \u202e")
    assert err.getvalue() == "spec.yaml:1:1: \\x1b[31mred\nspec.yaml:2:1: \\u202e\n"


def test_a_line_of_json_holds_nothing_raw_either() -> None:
    err = io.StringIO()
    shown = console.Console(io.StringIO(), err)
    shown.structured = True
    shown.warn("\x9bred ü \U000e0041", detail="\u202e")
    assert all(each.isprintable() for each in err.getvalue().splitlines())
    entry = json.loads(err.getvalue())
    assert (entry["message"], entry["detail"]) == ("\x9bred ü \U000e0041", "\u202e")


def test_an_endless_line_is_cut_in_its_middle() -> None:
    err = io.StringIO()
    console.Console(io.StringIO(), err).warn("a" * 5_000 + "\nb")
    first, second = err.getvalue().splitlines()
    assert (first, second) == (f"{'a' * 1000}… (5000 characters) …{'a' * 1000}", "b")
