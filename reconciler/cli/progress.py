"""Progress on standard error: a bar on a terminal, else lines; nothing where a program reads along."""

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

_SHORT = 1.0  # seconds; work that ends earlier has no bar
_EVERY = 0.1  # seconds between two looks of the bar
_LONGEST, _SHORTEST = 36, 5  # characters of the bar; a terminal without room for the shortest has none


def chosen(out: console.Console, connection: settings.Connection, form: str = "text") -> ports.Progress:
    """Return how the progress of a command is shown, whose result has this form."""
    if out.quiet or out.structured or form == "json":
        return progress.SILENT
    if out.can_pin:
        return Bar(out, rate=connection.rate)
    return lines.Lines(functools.partial(out.warn, level="info"), rate=connection.rate)


class Bar:
    """Keeps a bar as the last line of a terminal while work goes on; implements `ports.Progress`."""

    def __init__(
        self, out: console.Console, *, rate: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._rate = rate
        self._clock = clock

    @contextlib.contextmanager
    def work(self, verb: str, noun: str, total: int, *, calls: int) -> Iterator[Callable[[], None]]:
        """Show the bar while the context lasts; it is gone at its end, however that comes."""
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
            width=max(width, 1),  # 0 is the whole terminal
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
    """What click draws a bar on: the last line of the console."""

    def __init__(self, out: console.Console) -> None:
        super().__init__()
        self._out = out

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._out.pin(click.unstyle(text).strip())
        return len(text)
