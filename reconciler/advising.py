"""What is allowed and seldom meant: advice about a declaration, never an error."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator

from reconciler import model
from reconciler.timing import changes, times

_EVERY_DAY = tuple(range(1, 32))
_EVERY_WEEKDAY = tuple(range(7))
_ORDINAL = re.compile(r"(?:\s|^)(\S*[A-Za-z0-9])#([1-5])(?:\s|$)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to look at; `message` says what is so and what to do if it is not meant."""

    place: model.Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: warning: {self.message}"


def advise(declaration: model.Declaration, now: datetime.datetime) -> tuple[Advice, ...]:
    """Return advice in the order of the file; `now` is where the next times are counted from."""
    return tuple(
        Advice(place=charter.places.get("cron", charter.place), message=message)
        for charter in declaration.charters
        for message in _messages(charter.schedule.timing, now)
    )


def _messages(timing: model.Timing, now: datetime.datetime) -> Iterator[str]:
    for calendar in timing.calendars:
        shown = repr(calendar.comment) if calendar.comment else "the calendar"
        ordinal = _ORDINAL.search(calendar.comment)
        if ordinal:
            yield (
                f"{shown} fires on every {ordinal[1]}: for Temporal '#{ordinal[2]}' begins a comment; "
                "for the second Monday write days 8-14 and MON"
            )
        restricted = calendar.day_of_month != _EVERY_DAY and calendar.day_of_week != _EVERY_WEEKDAY
        if restricted and not _is_one_week(calendar.day_of_month):
            yield (
                f"{shown} fires only on days that match both day of month and day of week; "
                "for either of them, as crontab has it, write two crons"
            )
    if next(times.upcoming(timing, now), None) is None:
        yield "no time matches, so this never fires; look at its days, years, exclusions and end"
        return
    skipped, repeated = changes.skipped_or_repeated(timing, now)
    said = [f"{skipped:%Y-%m-%d %H:%M} does not exist in {timing.timezone}"] if skipped else []
    said += [f"{repeated:%Y-%m-%d %H:%M} comes twice in {timing.timezone}"] if repeated else []
    if said:
        yield f"{' and '.join(said)}, so it may not fire then, or twice; {_ADVICE}"


def _is_one_week(days: tuple[int, ...]) -> bool:
    """Tell whether the days are seven in a row: with a weekday, as in `8-14` and MON, they are meant."""
    return len(days) == 7 and days[-1] - days[0] == 6


_ADVICE = "choose an hour at which clocks are not changed, or UTC"
