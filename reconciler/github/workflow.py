"""What the runner reads: workflow commands on standard output, outputs and the step summary in files.

Source: GitHub's "Workflow commands for GitHub Actions" and "Contexts"; the limits are the runner's and the page's own.
"""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from reconciler import credentials
from reconciler.report import annotating

PER_LEVEL = 10  # annotations of one level that GitHub keeps of a step
SUMMARY_LIMIT = 1_000_000  # bytes; a step's summary over 1 MiB is refused whole


class Workflow:
    """Tells the runner; outside of one, files that nobody named are not written.

    `new_token` returns a text that cannot be guessed: what ends a value, or switches commands on again.
    """

    def __init__(self, out: TextIO, environ: Mapping[str, str], new_token: Callable[[], str]) -> None:
        self._out = out
        self._environ = environ
        self._new_token = new_token
        self._annotations: list[annotating.Annotation] = []

    def say(self, text: str) -> None:
        """Write to the log, where nothing in the text is taken for a command."""
        token = self._new_token()
        self._write(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n")

    def annotate(self, found: Iterable[annotating.Annotation]) -> None:
        """Take annotations, to be written at the end: only then it is known which of them GitHub would drop."""
        self._annotations += found

    def close(self) -> None:
        """Write the annotations, of each level as many as GitHub shows; the last then says how many it does not.

        What is about the run itself comes first, what is about a line after that.
        """
        by_level: dict[str, list[annotating.Annotation]] = collections.defaultdict(list)
        for each in sorted(self._annotations, key=lambda each: each.place is not None):
            by_level[each.level].append(each)
        for level, all_ in by_level.items():
            shown = all_ if len(all_) <= PER_LEVEL else all_[: PER_LEVEL - 1]
            for each in shown:
                self._write(_command(each))
            if len(shown) < len(all_):
                message = f"{len(all_) - len(shown)} more are in the log and the step summary"
                self._write(f"::{level} title=reconciler::{message}\n")
        self._annotations = []

    def output(self, name: str, value: str) -> None:
        """Set an output of the step."""
        token = self._new_token()
        self._append("GITHUB_OUTPUT", f"{name}<<{token}\n{value}\n{token}\n")

    def summary(self, text: str) -> None:
        """Add to the step's summary."""
        self._append("GITHUB_STEP_SUMMARY", text)

    def _write(self, text: str) -> None:
        self._out.write(credentials.scrub(text))
        self._out.flush()

    def _append(self, variable: str, text: str) -> None:
        path = self._environ.get(variable)
        if path:
            with pathlib.Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(credentials.scrub(text))


def _command(annotation: annotating.Annotation) -> str:
    place = annotation.place
    properties = {"file": place.path, "line": str(place.line), "col": str(place.column)} if place else {}
    said = ",".join(f"{name}={_property(value)}" for name, value in {**properties, "title": annotation.title}.items())
    return f"::{annotation.level} {said}::{_data(annotation.message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
