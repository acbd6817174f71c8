"""The workers of the charters' task queues, for the terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from reconciler.plan import pollers, preflight
from reconciler.report import phrases, words


def text(found: preflight.Preflight, now: datetime.datetime) -> str:
    """Return each queue with those that poll it, then what was found."""
    lines = [line for queue in found.queues for line in _queue(queue, found.charters[queue.name], now)]
    lines += [f"{'!' if each.kind.is_problem else '-'} {phrases.printable(str(each))}." for each in found.findings]
    lines.append(_summary(found))
    return "\n".join(lines) + "\n"


def _queue(queue: pollers.Queue, charters: tuple[str, ...], now: datetime.datetime) -> Iterator[str]:
    count = len(charters)
    yield f"{phrases.printable(queue.name)}  {count} charter{'s'[: count != 1]}"
    for poller in queue.pollers:
        build = f"build {phrases.printable(poller.build_id)}" if poller.build_id else "no build reported"
        held = "" if poller.is_served else "  not the current version"
        yield f"    {phrases.printable(poller.identity)}  {build}  seen {words.ago(poller.last_seen, now)}{held}"
    yield ""


def _summary(found: preflight.Preflight) -> str:
    if not found.queues:
        return "No charter fires, so no worker is needed."
    count = len(found.problems)
    return f"{count} problem{'s'[: count != 1]}." if count else "The workers run what is declared."
