"""Progress on standard error: a bar on a terminal, otherwise lines; nothing if the output is read by a program."""

from __future__ import annotations

import contextlib
import functools
import io
import time
from collections.abc import Callable, Iterator

import click

from reconciler import settings
from reconciler.cli import console
from reconciler.plan import ports, progress
from reconciler.report import progress as wording
from reconciler.runtime import progress as lines

_SHORT = 1.0  # seconds; shorter operations have no bar
_EVERY = 0.1  # seconds between updates of the bar
_LONGEST, _SHORTEST = 36, 5  # characters in the bar, which is omitted if not even the shortest fits


def chosen(out: console.Console, connection: settings.Connection, form: str = "text") -> ports.Progress:
    """Return how to show the progress of a command whose result has this format."""
    if out.quiet or out.structured or form == "json":
        return progress.SILENT
    if out.can_pin:
        return Bar(out, rate=connection.rate)
    return lines.Lines(functools.partial(out.warn, level="info"), rate=connection.rate)


class Bar:
    """Shows a bar as the last line of a terminal while work is in progress; implements `ports.Progress`."""

    def __init__(
        self, out: console.Console, *, rate: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._rate = rate
        self._clock = clock

    @contextlib.contextmanager
    def work(self, verb: str, noun: str, total: int, *, calls: int) -> Iterator[Callable[[], None]]:
        """Show the bar for the duration of the context, and always remove it at the end."""
        estimate = wording.estimate(verb, noun, total, calls=calls, rate=self._rate)
        if estimate:
            self._out.warn(estimate, level="info")
        label, info = f"{verb} {noun}", f"{total}/{total}  100%  00:00:00"
        room = self._out.room - len(f"{label}  {info}")
        width = min(room - len("  []"), _LONGEST)
        template = "%(label)s  [%(bar)s]  %(info)s" if width >= _SHORTEST else "%(label)s  %(info)s"
        shown = click.progressbar(
            length=total,
            label=label,
            show_pos=True,
            show_percent=True,
            fill_char="#",
            empty_char="-",
            bar_template=template if room >= 0 else "%(info)s",
            width=max(width, 1),  # 0 means the full width of the terminal
            file=_LastLine(self._out),
        )
        drawn_at = self._clock() + _SHORT - _EVERY
        done = 0

        def advance() -> None:
            nonlocal done, drawn_at
            done += 1
            now = self._clock()
            if now - drawn_at >= _EVERY:
                drawn_at = now
                shown.update(done - shown.pos)

        try:
            yield advance
        finally:
            self._out.pin("")


class _LastLine(io.StringIO):
    """The file that click draws the bar to: the last line of the console."""

    def __init__(self, out: console.Console) -> None:
        super().__init__()
        self._out = out

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._out.pin(click.unstyle(text).strip())
        return len(text)
