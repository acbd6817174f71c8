"""Long work in words: how long it will take, and how far it is."""

from __future__ import annotations

WORTH_SAYING = 5.0  # seconds; work that ends earlier needs no estimate
_LONGEST_BAR, _SHORTEST_BAR = 36, 5  # characters


def estimate(verb: str, noun: str, total: int, *, calls: int, rate: float | None) -> str:
    """Return how long work will take under a cap of calls per second; empty without a cap, or if it is short."""
    if rate is None or calls / rate < WORTH_SAYING:
        return ""
    counted = f"{total:,} {noun.removesuffix('s') if total == 1 else noun}"
    return f"{verb} {counted}: about {duration(calls / rate)} at {rate:g}/s"


def line(verb: str, noun: str, done: int, total: int, elapsed: float) -> str:
    """Return how far work is after `elapsed` seconds."""
    remaining = f", about {duration(elapsed / done * (total - done))} left" if done else ""
    return f"{verb} {noun}: {done:,} of {total:,} ({done * 100 // total}%){remaining}"


def duration(seconds: float) -> str:
    """Return a duration in its largest unit of which there are at least two."""
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def bar(verb: str, noun: str, done: int, total: int, elapsed: float, *, width: int) -> str:
    """Return how far work is after `elapsed` seconds in a line of at most `width` characters.

    If the line is too long, it omits the bar, then the words, then the count.
    """
    label = f"{verb} {noun}"
    count = f"{done:>{len(str(total))}}/{total}"
    rest = [f"{done * 100 // total:>3}%"]
    if 0 < done < total:
        rest.append(f"{duration(elapsed / done * (total - done))} left")
    room = min(width - len("  ".join([label, "[]", count, *rest])), _LONGEST_BAR)
    if room >= _SHORTEST_BAR:
        full = done * room // total
        return "  ".join([label, f"[{'#' * full}{'-' * (room - full)}]", count, *rest])
    lines = ("  ".join(parts).lstrip() for parts in ([label, count, *rest], [count, *rest], rest))
    return next((line for line in lines if len(line) <= width), rest[0].lstrip()[: max(width, 0)])
