"""Durations as Go writes them (`1h30m`, `10s`, `1.5d`), which is what Temporal's tools read and print."""

from __future__ import annotations

import datetime
import fractions
import functools
import re

ZERO = datetime.timedelta(0)

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
    "d": 24 * 3600 * 1_000_000_000,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_LONGEST_NS = 2**63 - 1


def parse(text: str, *, bounded: bool = True, longest: datetime.timedelta | None = None) -> datetime.timedelta:
    """Return the duration that a string represents, truncated to whole microseconds.

    The grammar is that of Go's time.ParseDuration, plus a `d` unit for 24 hours, as in the Temporal server. If
    `bounded` is False, durations above Go's maximum are accepted: some fields of live schedules contain them. `longest`
    is the limit for a duration that is not sent to Temporal. Raises ValueError with a user-facing message.
    """
    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return ZERO
    total = _nanoseconds(body)
    if total is None:
        what = (
            f"add a unit, for example {text}s"
            if _NUMBER.fullmatch(text)
            else "write a number and a unit, as in 10s, 15m, or 1h30m"
        )
        raise ValueError(f"{text!r} is not a valid duration: {what}")
    if 0 < total < 1_000:
        raise ValueError(f"{text!r} is shorter than 1us, the minimum duration; write 0s for none")
    if longest is not None and total > longest // datetime.timedelta(microseconds=1) * 1_000:
        raise ValueError(f"{text!r} is too long: write {render(longest)} or less")
    if bounded and total > _LONGEST_NS:
        raise ValueError(f"{text!r} is longer than 292 years, the longest duration that Temporal supports")
    return datetime.timedelta(microseconds=sign * (int(total) // 1_000))


@functools.lru_cache(maxsize=1_000)  # most schedules use the same few
def _nanoseconds(text: str) -> fractions.Fraction | None:
    """Return the sum of a duration's parts, None if the text is not a duration."""
    total = fractions.Fraction(0)
    position = 0
    while match := _PART.match(text, position):
        total += fractions.Fraction(match[1]) * _UNITS_NS[match[2]]
        position = match.end()
    return total if position and position == len(text) else None


def render(duration: datetime.timedelta) -> str:
    """Return the shortest text in days, hours, minutes, and seconds that `parse` reads as `duration`."""
    if duration < ZERO:
        return "-" + render(-duration)
    micros = duration // datetime.timedelta(microseconds=1)
    parts = []
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000)):
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    seconds, micros = divmod(micros, 1_000_000)
    if micros:
        parts.append(f"{seconds}.{micros:06d}".rstrip("0") + "s")
    elif seconds or not parts:
        parts.append(f"{seconds}s")
    return "".join(parts)
