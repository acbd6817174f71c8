"""What the runner reads: the log and workflow commands on standard output, and outputs and the step summary in files.

Source: GitHub's "Workflow commands for GitHub Actions" and "Contexts"; the limits are those of the runner and run page.
"""

from __future__ import annotations

import collections
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from reconciler.credentials import held
from reconciler.report import annotation

PER_LEVEL = 10  # annotations of each level that GitHub keeps for a step
SUMMARY_LIMIT = 1_000_000  # bytes; GitHub rejects a step summary over 1 MiB


class RunnerLog:
    """Writes the log, the outputs, and the summary of a step; outside a runner, only the log.

    The three are independent: if one cannot be written, the failure is added to `lost`, and `close` reports it in the
    others; neither the work nor the rest of the report is affected.

    `new_token` returns an unguessable string, which ends an output's value or turns workflow commands back on.
    """

    def __init__(self, out: TextIO, environ: Mapping[str, str], new_token: Callable[[], str]) -> None:
        self._out: TextIO | None = out
        self.lost: list[str] = []
        self._environ = environ
        self._new_token = new_token
        self._annotations: list[annotation.Annotation] = []

    def write(self, text: str) -> None:
        """Write to the log; workflow commands in the text have no effect."""
        token = self._new_token()
        self._write(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n")

    def write_line(self, text: str) -> None:
        """Write one of our own messages to the log."""
        self._write(f"{text}\n")

    def annotate(self, annotations: Iterable[annotation.Annotation]) -> None:
        """Hold annotations until `close`, when it is known which of them GitHub would drop."""
        self._annotations += annotations

    def close(self) -> None:
        """Write the annotations, up to GitHub's limit for each level; if some are omitted, the last states how many.

        Annotations about the run itself come first, then those about lines. A failed write is reported in an error
        annotation or, if the log cannot show it, in the summary and on standard error.
        """
        for message in self.lost:
            self._annotations.append(annotation.Annotation(level="error", title="reconciler", message=message))
        noted = len(self.lost)
        by_level: dict[str, list[annotation.Annotation]] = collections.defaultdict(list)
        for each in sorted(self._annotations, key=lambda each: each.place is not None):
            by_level[each.level].append(each)
        for level, group in by_level.items():
            shown = group if len(group) <= PER_LEVEL else group[: PER_LEVEL - 1]
            for each in shown:
                self._write(_command(each))
            if len(shown) < len(group):
                message = f"{len(group) - len(shown)} more are in the log and the step summary"
                self._write(f"::{level} title=reconciler::{message}\n")
        self._annotations = []
        if len(self.lost) > noted or self._out is None:
            self._note_elsewhere()

    def set_output(self, name: str, value: str) -> None:
        """Set a step output."""
        token = self._new_token()
        self._append("GITHUB_OUTPUT", f"{name}<<{token}\n{value}\n{token}\n")

    def add_summary(self, text: str) -> None:
        """Append to the step summary."""
        self._append("GITHUB_STEP_SUMMARY", text)

    def _write(self, text: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(held.scrub(text))
            self._out.flush()
        except OSError as error:
            self._out = None
            self.lost.append(f"the log could not be written: {error.strerror}")

    def _append(self, variable: str, text: str) -> None:
        path = self._environ.get(variable)
        if not path:
            return
        try:
            _append_whole(path, held.scrub(text).encode("utf-8", "backslashreplace"))
        except OSError as error:
            message = f"{variable} could not be written: {error.strerror}"
            if message not in self.lost:
                self.lost.append(message)

    def _note_elsewhere(self) -> None:
        """Report in the summary and on standard error what was lost, because the log cannot show it."""
        self.add_summary("".join(f"\n- {message}\n" for message in self.lost))
        for message in self.lost:
            with contextlib.suppress(OSError):
                print(f"reconciler: {message}", file=sys.stderr, flush=True)


def _append_whole(path: str, data: bytes) -> None:
    """Append all of the data or none of it: after a partial output, the runner would reject the rest."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        try:
            while data:
                data = data[file.write(data) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):  # a device has no size
                os.ftruncate(descriptor, size)
            raise


def _command(annotation: annotation.Annotation) -> str:
    place = annotation.place
    properties = {"file": place.path, "line": str(place.line), "col": str(place.column)} if place else {}
    options = ",".join(
        f"{name}={_property(value)}" for name, value in {**properties, "title": annotation.title}.items()
    )
    return f"::{annotation.level} {options}::{_data(annotation.message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
