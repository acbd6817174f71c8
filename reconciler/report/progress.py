"""The progress of long work in words: how long it will take, and how much of it is done."""

from __future__ import annotations

WORTH_SAYING = 5.0  # seconds; shorter work does not need an estimate


def estimate(verb: str, noun: str, total: int, *, calls: int, rate: float | None) -> str:
    """Return how long work will take at a limited rate of calls per second; empty if unlimited or short."""
    if rate is None or calls / rate < WORTH_SAYING:
        return ""
    counted = f"{total:,} {noun.removesuffix('s') if total == 1 else noun}"
    return f"{verb} {counted}: about {duration(calls / rate)} at {rate:g}/s"


def line(verb: str, noun: str, done: int, total: int, elapsed: float) -> str:
    """Return how much of the work is done after `elapsed` seconds."""
    remaining = f", about {duration(elapsed / done * (total - done))} left" if done else ""
    return f"{verb} {noun}: {done:,} of {total:,} ({done * 100 // total}%){remaining}"


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that gives a count of at least two."""
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
