"""Standard output and standard error, in a way that no closed pipe and no full disk can disturb the work."""

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

LONGEST_LINE = 2_000  # characters of one line on standard error; what is longer is cut in its middle

_LOOK_EVERY = 0.2  # seconds
_ERASE = "\x1b[2K"  # the whole line, on a terminal


class Console:
    """Where a command writes.

    A reader that went away (`| head`) is not an error: what it no longer reads is dropped. Any other failure to write,
    to either stream, is kept until `close`, so that an apply ends properly before it is reported.
    """

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out = out
        self._err = err
        self._failures: dict[str, OSError] = {}  # by the name of the stream
        self.structured = False  # messages as lines of JSON
        self.quiet = False  # no progress
        self._pinned = ""  # the last line of the terminal
        for stream in (out, err):
            if stream is not None and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # do not fail because the locale lacks a symbol

    @property
    def is_terminal(self) -> bool:
        """Return whether a person sees the output as it comes."""
        return self._out is not None and self._out.isatty()

    @property
    def can_pin(self) -> bool:
        """Return whether standard error is a terminal on which a line can be replaced."""
        return self._err is not None and self._err.isatty() and os.environ.get("TERM") != "dumb"

    def pin(self, line: str) -> None:
        """Keep a line as the last one of the terminal, below all other output; the empty text removes it."""
        pinned = line[: self.room]
        self._draw(pinned)
        self._pinned = pinned

    @property
    def room(self) -> int:
        """Return how long a pinned line may be: a full one would wrap, and only its end would be removed."""
        columns = 0
        if self._err is not None:
            with contextlib.suppress(OSError, ValueError):  # not a terminal; closed
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
        """Replace the terminal's last line; it only decorates, so a failure to write it is not kept."""
        if self._err is not None and (line or self._pinned):
            with contextlib.suppress(OSError):
                self._err.write(f"\r{_ERASE}{line}")
                self._err.flush()

    def say(self, text: str) -> None:
        """Write to standard output; the text brings its own newline."""
        if self._out is None:
            return
        with self._above_pinned():
            try:
                self._out.write(held.scrub(text))
                self._out.flush()
            except OSError as error:
                self.lost(error)

    def lost(self, error: OSError) -> None:
        """Take note that standard output fails, and write no more to it."""
        self._out = None
        self._note("standard output", error)

    def warn(self, text: str, level: str = "warning", **fields: Any) -> None:
        """Write a message to standard error, where those go that are not the result; `fields` only in JSON."""
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
            except OSError as error:  # only the exit code remains to report it
                self._err = None
                self._note("standard error", error)

    def ask(self, question: str) -> str:
        """Ask on standard error, so that a piped output stays clean, and return the line that was typed.

        A question that cannot be shown is not answered: the empty text is returned.
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
            pass  # a Ctrl-C just before a read would not end it, only the one after this look
        return sys.stdin.readline().strip()

    def close(self) -> None:
        """Raise `errors.OutputError` if some of the output is lost."""
        failures, self._failures = self._failures, {}
        if failures:
            reasons = [f"{stream} could not be written: {error.strerror}" for stream, error in failures.items()]
            raise errors.OutputError("; ".join(reasons), hint="some of the output above is missing")

    def _note(self, stream: str, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self._failures[stream] = error


def _shown(text: str) -> str:
    """Return lines that a terminal shows and does not obey, none of them endless."""
    return "\n".join(_cut(phrases.printable(line)) for line in text.split("\n"))


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]}… ({len(line)} characters) …{line[-half:]}"
