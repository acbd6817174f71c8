"""Standard output and standard error; a closed pipe or a full disk does not interrupt the work."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import select
import shutil
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from reconciler import errors, json_text
from reconciler.credentials import held
from reconciler.report import phrases

LONGEST_LINE = 2_000  # characters per line on standard error; longer lines are shortened in the middle

_LOOK_EVERY = 0.2  # seconds
_ERASE = "\x1b[2K"  # erases the current line of a terminal


class Console:
    """A command's standard output and standard error.

    It is not an error if the reader closes its end (`| head`); further output is dropped. Any other write error,
    on either stream, is kept until `close`, so that an apply ends properly before the error is reported.
    """

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out = out
        self._err = err
        self._failures: dict[str, OSError] = {}  # by stream name
        self.structured = False  # whether messages are written as JSON lines
        self.quiet = False  # whether progress is hidden
        self._pinned = ""  # the line at the bottom of the terminal
        for stream in (out, err):
            if stream is not None and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # do not fail if the locale lacks a symbol

    @property
    def is_terminal(self) -> bool:
        """Return whether standard output is a terminal."""
        return self._out is not None and self._out.isatty()

    @property
    def can_pin(self) -> bool:
        """Return whether standard error is a terminal on which a line can be replaced."""
        return self._err is not None and self._err.isatty() and os.environ.get("TERM") != "dumb"

    def pin(self, line: str) -> None:
        """Keep a line at the bottom of the terminal, below all other output; an empty string removes it."""
        pinned = line[: self.room]
        self._draw(pinned)
        self._pinned = pinned

    @property
    def room(self) -> int:
        """Return the maximum length of a pinned line; a longer one would wrap and could not be removed completely."""
        columns = 0
        if self._err is not None:
            with contextlib.suppress(OSError, ValueError):  # not a terminal, or closed
                columns = os.get_terminal_size(self._err.fileno()).columns
        return (columns or shutil.get_terminal_size().columns) - 1

    @contextlib.contextmanager
    def _above_pinned(self) -> Iterator[None]:
        """Remove the pinned line while something else is written."""
        pinned = self._pinned
        if pinned:
            self._draw("")
        try:
            yield
        finally:
            if pinned:
                self._draw(pinned)

    def _draw(self, line: str) -> None:
        """Replace the terminal's last line; it is only decoration, so write errors are ignored."""
        if self._err is not None and (line or self._pinned):
            with contextlib.suppress(OSError):
                self._err.write(f"\r{_ERASE}{line}")
                self._err.flush()

    def say(self, text: str) -> None:
        """Write to standard output; the text includes its own newline."""
        if self._out is None:
            return
        with self._above_pinned():
            try:
                self._out.write(held.scrub(text))
                self._out.flush()
            except OSError as error:
                self.lost(error)

    def lost(self, error: OSError) -> None:
        """Record that writing to standard output failed, and stop writing to it."""
        self._out = None
        self._note("standard output", error)

    def warn(self, text: str, level: str = "warning", **fields: Any) -> None:
        """Write a message to standard error, which gets everything except results; `fields` appear only in JSON."""
        if self._err is None:
            return
        if self.structured:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
            record = {"time": now, "level": level, "message": text, **fields}
            text = held.scrub(json_text.escaped(json.dumps(record, ensure_ascii=False, default=str)))
        else:
            text = _shown(held.scrub(text))
        with self._above_pinned():
            try:
                self._err.write(f"{text}\n")
                self._err.flush()
            except OSError as error:  # only the exit code can still report it
                self._err = None
                self._note("standard error", error)

    def ask(self, question: str) -> str:
        """Ask on standard error, to keep piped output clean, and return the line that was typed.

        If the question cannot be shown, return an empty string without waiting for input.
        """
        self.pin("")
        try:
            if self._err is not None:
                self._err.write(_shown(question))
                self._err.flush()
        except OSError:
            self._err = None
            return ""
        while not select.select([sys.stdin], [], [], _LOOK_EVERY)[0]:
            pass  # a Ctrl-C right before the read would not interrupt it, so check again here
        return sys.stdin.readline().strip()

    def close(self) -> None:
        """Raise `errors.OutputError` if some of the output was lost."""
        failures, self._failures = self._failures, {}
        if failures:
            reasons = [f"{stream} could not be written: {error.strerror}" for stream, error in failures.items()]
            raise errors.OutputError("; ".join(reasons), hint="some of the output above is missing")

    def _note(self, stream: str, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self._failures[stream] = error


def _shown(text: str) -> str:
    """Return the lines with control characters escaped and very long lines shortened."""
    return "\n".join(_cut(phrases.printable(line)) for line in text.split("\n"))


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]}… ({len(line)} characters) …{line[-half:]}"
