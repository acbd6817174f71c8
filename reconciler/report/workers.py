"""The workers on the charters' task queues, for a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from reconciler import spelling
from reconciler.plan import pollers, preflight
from reconciler.report import phrases, words


def text(result: preflight.Preflight, now: datetime.datetime) -> str:
    """Return each task queue with its pollers, then the findings."""
    lines = [line for queue in result.queues for line in _queue(queue, result.charters[queue.name], now)]
    lines += [
        f"{'!' if finding.kind.is_problem else '-'} {phrases.printable(str(finding))}." for finding in result.findings
    ]
    lines.append(_summary(result))
    return "\n".join(lines) + "\n"


def _queue(queue: pollers.Queue, charters: tuple[str, ...], now: datetime.datetime) -> Iterator[str]:
    count = len(charters)
    yield f"{phrases.printable(queue.name)}  {spelling.counted(count, 'charter')}"
    for poller in queue.pollers:
        build = f"build {phrases.printable(poller.build_id)}" if poller.build_id else "no build reported"
        held = "" if poller.is_served else "  not the current version"
        yield f"    {phrases.printable(poller.identity)}  {build}  seen {words.ago(poller.last_seen, now)}{held}"
    yield ""


def _summary(result: preflight.Preflight) -> str:
    if not result.queues:
        return "No charter fires, so no worker is needed."
    count = len(result.problems)
    return f"{spelling.counted(count, 'problem')}." if count else "The workers run all declared schedules."
