"""Temporal's cron grammar: convert text to a calendar or an interval, and back.

It differs from crontab's: five fields, six with a year, seven with seconds first and a year last; day of month and day
of week must both match; `x/y` runs from x to the field's end; text after `#` is a comment. The rules are the server's
(observed on 1.29.1; parseCronString in its scheduler), including its quirks: `1-7` as the day of the week is Monday to
Saturday.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Mapping

from reconciler import spelling
from reconciler.timing import durations, ranges, timings

COMMENT_LIMIT = 200  # bytes; the server rejects a longer comment in a calendar

_PREDEFINED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SPACE = " \t\n\v\f\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Go's unicode.IsSpace
_WORD = re.compile(f"[^{_SPACE}]+")
_EDGES = re.compile(f"^[{_SPACE}]+|[{_SPACE}]+$")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_LAST_OR_NEAREST = re.compile(r"(?:[0-9]*|[a-z]{3})-?[lw]{1,2}(?:-[0-9]+)?", re.ASCII | re.IGNORECASE)
_ZONE = re.compile(r"(?:CRON_)?TZ=([^ ]*) ")


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its bounds, and the names of its numbers with the minimum length of an abbreviation."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    first: int = 0
    shortest: int = 0

    def number_named(self, text: str) -> int | None:
        """Return the number whose name begins with `text`, ignoring case."""
        if not self.names or len(text) < self.shortest:
            return None
        lowered = text.lower()
        return next((n for n, name in enumerate(self.names, self.first) if name.startswith(lowered)), None)


_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")

SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY_OF_MONTH = Field("day of month", 1, 31)
MONTH = Field("month", 1, 12, _MONTHS, 1, 3)
DAY_OF_WEEK = Field("day of week", 0, 7, _DAYS, 0, 2)
YEAR = Field("year", 2000, 2100)

_FIVE = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
_LAYOUTS: Mapping[int, tuple[Field, ...]] = {5: _FIVE, 6: (*_FIVE, YEAR), 7: (SECOND, *_FIVE, YEAR)}


class CronError(Exception):
    """A cron expression that Temporal does not accept; `offset` is a position in it, in characters, starting at 0.

    `others` are the errors in later fields.
    """

    def __init__(self, message: str, *, offset: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint
        self.others: tuple[CronError, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Parsed:
    """The meaning of a cron expression: its times, and its time zone if it has one."""

    times: timings.Calendar | timings.Interval
    timezone: str = ""


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Parsed:
    """Return a cron expression as Temporal interprets it; the calendar's comment is the text itself.

    Raises CronError if the server would reject the text.
    """
    body, offset, timezone = _without_zone(text)
    body = body.partition("#")[0]
    offset += _indent(body)
    body = trimmed(body)
    if body.startswith("@every"):
        return Parsed(_interval(body, offset))
    if body in _PREDEFINED:
        return Parsed(_calendar(_PREDEFINED[body], None, text), timezone)
    return Parsed(_calendar(body, offset, text), timezone)


def problems(text: str) -> tuple[CronError, ...]:
    """Return the errors that the server would report for a cron expression, one for each field."""
    try:
        parse(text)
    except CronError as error:
        return (error, *error.others)
    return ()


def named_zone(text: str) -> tuple[str, int]:
    """Return the time zone in a cron expression, and its offset; empty if it has none. The rest need not be valid."""
    match = _ZONE.match(trimmed(text))
    return (match[1], _indent(text) + match.start(1)) if match else ("", 0)


def _without_zone(text: str) -> tuple[str, int, str]:
    """Split `TZ=Zone rest` into the rest, its offset in the text, and the zone."""
    start = _indent(text)
    stripped = trimmed(text)
    if not stripped.startswith(("TZ=", "CRON_TZ=")):
        return stripped, start, ""
    match = _ZONE.match(stripped)
    if match is None:
        message = "a cron expression must follow the time zone"
        raise CronError(message, offset=start, hint="add the five cron fields")
    return stripped[match.end() :], start + match.end(), match[1]


def _indent(text: str) -> int:
    """Return how many characters precede the first word; not str.lstrip, whose whitespace differs from Go's."""
    word = _WORD.search(text)
    return word.start() if word else len(text)


def _interval(body: str, offset: int) -> timings.Interval:
    words = body.partition(" ")[2]
    every_text, _, phase_text = words.partition("/")
    try:
        every = durations.parse(every_text)
        phase = durations.parse(phase_text) if phase_text else durations.ZERO
    except ValueError as error:
        raise CronError(str(error), offset=offset, hint="write @every 6h, or @every 6h/15m") from None
    if every < datetime.timedelta(seconds=1):
        raise CronError("the interval is shorter than a second", offset=offset, hint="use at least 1s")
    if not durations.ZERO <= phase < every:
        raise CronError(
            "the phase must be less than the interval", offset=offset, hint="use at least 0s and less than the interval"
        )
    return timings.Interval(every=every, offset=phase)


def _hint_for_word(body: str) -> str:
    """Return a hint for a predefined word without its `@` or in another case; empty for other text."""
    word = "@" + body.lower().removeprefix("@")
    if word in _PREDEFINED:
        return f"write {word}"
    if word.startswith("@every "):
        return "write @every with a duration, such as @every 5m, or @daily"
    if word == "@reboot":
        return "Temporal does not support @reboot; write the times instead"
    near = spelling.nearest(word.partition(" ")[0], (*_PREDEFINED, "@every")) if body.startswith("@") else None
    return f"did you mean {near!r}?" if near else ""


def _calendar(body: str, offset: int | None, source: str) -> timings.Calendar:
    """Compile the fields; `offset` is None if the user did not write them, as for `@daily`."""
    words = [(match[0], match.start()) for match in _WORD.finditer(body)]
    layout = _LAYOUTS.get(len(words))
    if layout is None:
        raise CronError(
            f"{spelling.counted(len(words), 'field')}, but Temporal accepts 5 to 7",
            offset=offset or 0,
            hint=_hint_for_word(body)
            or "write minute, hour, day of month, month, and day of week, optionally followed by a year and preceded "
            "by seconds",
        )
    sets: dict[Field, tuple[int, ...]] = {SECOND: (0,), YEAR: ()}
    wrong: list[CronError] = []
    for field, (word, start) in zip(layout, words, strict=True):
        try:
            sets[field] = numbers(word, field, (offset or 0) + start)
        except CronError as error:
            wrong.append(error)
    if wrong:
        wrong[0].others = tuple(wrong[1:])
        raise wrong[0]
    return timings.Calendar(
        second=sets[SECOND],
        minute=sets[MINUTE],
        hour=sets[HOUR],
        day_of_month=sets[DAY_OF_MONTH],
        month=sets[MONTH],
        day_of_week=sets[DAY_OF_WEEK],
        year=sets[YEAR],
        comment=comment(source),
    )


def trimmed(text: str) -> str:
    """Return the text without white space at its ends, as the server defines it."""
    return _EDGES.sub("", text)


def comment(text: str) -> str:
    """Return the text truncated to what the server accepts as a calendar's comment."""
    return text.strip().encode()[:COMMENT_LIMIT].decode(errors="ignore")


def numbers(word: str, field: Field, offset: int = 0) -> tuple[int, ...]:
    """Return the numbers that one field's text matches; empty for every year. Adds `offset` to errors' offsets."""
    if word == "*" and field is YEAR:
        return ()
    matched: set[int] = set()
    for part in word.split(","):
        matched.update(_part(part, field, offset))
        offset += len(part) + 1
    return tuple(sorted(matched))


def spans(text: str) -> Mapping[Field, tuple[ranges.Range, ...]]:
    """Return the ranges of each field as written: `*/45` is one range with a step, `0,45` is two ranges.

    Empty for a name such as `@daily`, an interval, and text that the server rejects.
    """
    if problems(text):
        return {}
    body = _without_zone(text)[0].partition("#")[0]
    words = _WORD.findall(body)
    return {
        field: tuple(_span(part, field, 0) for part in word.split(","))
        for field, word in zip(_LAYOUTS.get(len(words), ()), words, strict=False)
    }


def _part(part: str, field: Field, offset: int) -> set[int]:
    span = _span(part, field, offset)
    matched = set(range(span.start, span.end + 1, span.step))
    return _sundays(matched, span.start, span.step) if field is DAY_OF_WEEK else matched


def _span(part: str, field: Field, offset: int) -> ranges.Range:
    span, slash, step_text = part.partition("/")
    step = _step(step_text, field, offset + len(span) + 1) if slash else 1
    if span == "*":
        start, end = field.lowest, field.highest
    elif "-" in span:
        low, _, high = span.partition("-")
        start = _value(low, field, offset)
        end = _value(high, field, offset + len(low) + 1)
        if end < start:
            raise _end_before_start(low, high, field, offset)
    else:
        start = _value(span, field, offset)
        end = field.highest if slash else start
    return ranges.Range(start=start, end=end, step=step)


def _sundays(days: set[int], start: int, step: int) -> set[int]:
    """Replace day 7 with day 0, except in `1-7`, where the server drops it."""
    lost = start == 1 and step == 1
    return {0 if day == 7 else day for day in days if not (lost and day == 7)}


def _step(text: str, field: Field, offset: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise CronError(
            f"{text!r} is not a valid step for the {field.name}",
            offset=offset,
            hint="write a number of at least 1 after the slash, as in */15",
        )
    return int(text)


def _value(text: str, field: Field, offset: int) -> int:
    named = field.number_named(text)
    if named is not None:
        return named
    if _NUMBER.fullmatch(text) and field.lowest <= int(text) <= field.highest:
        return int(text)
    raise CronError(
        f"{text!r} is not a valid {field.name}: use {field.lowest} to {field.highest}"
        + (f" or a name such as {field.names[1][:3].upper()}" if field.names else ""),
        offset=offset,
        hint=_hint_for(text, field),
    )


def _hint_for(text: str, field: Field) -> str:
    if "?" in text:
        return "Temporal does not support '?'; write *"
    if field in (DAY_OF_MONTH, DAY_OF_WEEK) and _LAST_OR_NEAREST.fullmatch(text):
        return "Temporal does not support 'L' or 'W'; list the days instead"
    return ""


def _end_before_start(low: str, high: str, field: Field, offset: int) -> CronError:
    hint = f"write {low}-{field.highest},{field.lowest}-{high} to wrap around"
    if field is DAY_OF_WEEK:
        hint = _weekday_hint(low, high)
    return CronError(f"the {field.name} range {low}-{high} ends before it starts", offset=offset, hint=hint)


def _weekday_hint(low: str, high: str) -> str:
    """Return how to write a range across the end of the week: Sunday is 0, or 7 at the end of a range."""
    start, end = _value(low, DAY_OF_WEEK, 0), _value(high, DAY_OF_WEEK, 0)
    if start == 7:
        return f"Sunday at the start of a range is 0; write 0-{high}"
    if end == 0:
        return "for every day, write *" if start == 1 else f"Sunday at the end of a range is 7; write {low}-7"
    return f"write {low}-6,0-{high} to wrap around"


def render(times: timings.Calendar | timings.Interval) -> str:
    """Return a cron expression for these times: the calendar's own comment if it has the same meaning.

    An empty field, which makes a calendar match nothing, is written as `(none)`, which is not a valid cron.
    """
    if isinstance(times, timings.Interval):
        every = f"@every {durations.render(times.every)}"
        return every + (f"/{durations.render(times.offset)}" if times.offset else "")
    return times.comment if is_text_of(times.comment, times) else _fields(times)


def is_text_of(text: str, calendar: timings.Calendar) -> bool:
    """Return whether a string is a cron expression for this calendar."""
    if not text:
        return False
    try:
        return parse(text).times == calendar
    except CronError:
        return False


def _fields(calendar: timings.Calendar) -> str:
    words = [
        field_text(calendar.minute, MINUTE),
        field_text(calendar.hour, HOUR),
        field_text(calendar.day_of_month, DAY_OF_MONTH),
        field_text(calendar.month, MONTH),
        field_text(calendar.day_of_week, DAY_OF_WEEK),
    ]
    year = field_text(calendar.year, YEAR) if calendar.year else "*"
    if calendar.second != (0,):
        words = [field_text(calendar.second, SECOND), *words, year]
    elif calendar.year:
        words.append(year)
    return " ".join(words)


def field_text(numbers: tuple[int, ...], field: Field) -> str:
    """Return the usual text of a field's numbers; `(none)` if there are none."""
    if not numbers:
        return "(none)"
    highest = 6 if field is DAY_OF_WEEK else field.highest
    parts = ranges.compress(numbers)
    if len(parts) == 1 and parts[0].start == field.lowest and parts[0].end + parts[0].step > highest:
        step = parts[0].step
        if step == 1 and field is YEAR:  # all years that can be written, whereas * is every year
            return str(parts[0])
        return "*" if step == 1 and len(numbers) > 1 else f"*/{step}" if step > 1 else str(parts[0])
    return ",".join(map(str, parts))
