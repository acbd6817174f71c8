"""The progress of long work in words: how long it will take, and how much of it is done."""

from __future__ import annotations

from reconciler.plan import apply

WORTH_SAYING = 5.0  # seconds; shorter work does not need an estimate


def estimate(verb: str, noun: str, total: int, *, calls: int, rate: float | None) -> str:
    """Return how long work will take at a limited rate of calls per second; empty if unlimited or short."""
    if rate is None or calls / rate < WORTH_SAYING:
        return ""
    counted = f"{total:,} {noun.removesuffix('s') if total == 1 else noun}"
    return f"{verb} {counted}: about {duration(calls / rate)} at {rate:g}/s"


def line(verb: str, noun: str, done: int, total: int, elapsed: float, least: float = 0) -> str:
    """Return how much of the work is done after `elapsed` seconds; all of it takes at least `least` seconds."""
    remaining = f", about {duration(_remaining(done, total, elapsed, least))} left" if done else ""
    return f"{verb} {noun}: {done:,} of {total:,} ({done * 100 // total}%){remaining}"


def _remaining(done: int, total: int, elapsed: float, least: float) -> float:
    """Return how many seconds the rest takes.

    At a limited rate, that is what is left of `least`, unless so little is done that the server must be slower. The
    items done do not show this at first, because calls were also spent on items that are still in progress.
    """
    started = min(done + apply.CONCURRENCY, total)
    if elapsed < least * started / total:
        return least - elapsed
    return elapsed / done * (total - done)


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that gives a count of at least two."""
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
