"""Sets of numbers as ranges with a step, which is how the server stores a calendar's fields."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `start` to `end`, inclusive, in steps of `step`."""

    start: int
    end: int
    step: int = 1

    def __str__(self) -> str:
        if self.start == self.end:
            return str(self.start)
        return f"{self.start}-{self.end}" + (f"/{self.step}" if self.step > 1 else "")


def parse(text: str) -> Range:
    """Parse a range from a string that `str` returned; ValueError for other strings."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a valid range, such as 0-59/15")
    start = int(match[1])
    return Range(start, int(match[2] or start), int(match[3] or 1))


_TEXT = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4})(?:/([0-9]{1,4}))?)?", re.ASCII)


def expand(parts: Iterable[Range]) -> tuple[int, ...]:
    """Return the numbers of all ranges, sorted and without duplicates.

    An end before the start is treated as the start, and a step below 1 as 1, as in the server (CleanSpec in its
    scheduler).
    """
    each = [range(part.start, max(part.start, part.end) + 1, max(part.step, 1)) for part in parts]
    return tuple(each[0]) if len(each) == 1 else tuple(sorted(set().union(*each)))


def compress(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Return ranges that contain exactly these numbers, in ascending order.

    Greedy from the lowest number: the longest run of at least three numbers with equal steps, else a single number.
    """
    rest = sorted(set(numbers))
    parts: list[Range] = []
    while rest:
        length = _run_length(rest)
        step = rest[1] - rest[0] if length > 1 else 1
        parts.append(Range(rest[0], rest[length - 1], step))
        rest = rest[length:]
    return tuple(parts)


def _run_length(numbers: list[int]) -> int:
    if len(numbers) < 3:
        return 1
    step = numbers[1] - numbers[0]
    length = 2
    while length < len(numbers) and numbers[length] - numbers[length - 1] == step:
        length += 1
    return length if length > 2 else 1
