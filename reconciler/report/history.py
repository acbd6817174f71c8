"""Earlier applies, for a terminal."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from reconciler.plan import plans, ports
from reconciler.report import phrases, words


def text(records: Iterable[ports.Record], *, verbose: bool) -> str:
    """Return a paragraph for each apply, in the given order; `verbose` adds its steps."""
    paragraphs = ["\n".join(_lines(record, verbose=verbose)) for record in records]
    return "\n\n".join(paragraphs or ["Nothing has been applied yet."]) + "\n"


def _lines(record: ports.Record, *, verbose: bool) -> Iterator[str]:
    attempt, target = record.attempt, record.attempt.target
    environment = f", environment {attempt.environment}" if attempt.environment else ""
    yield phrases.printable(
        f"#{record.number}  {words.moment(attempt.started_at, 'UTC')}  {attempt.command} by {_who(attempt)}"
    )
    yield phrases.printable(
        f"    {words.which(target)} in namespace {target.namespace} on {target.address}{environment}, {attempt.digest}"
    )
    yield f"    {phrases.printable(_result(record))}"
    if verbose:
        for step in record.steps:
            detail = f": {step.detail}" if step.detail else ""
            yield phrases.printable(f"      {plans.Verb[step.verb.upper()].value} {step.id} {step.status}{detail}")


def _who(attempt: ports.Attempt) -> str:
    run = f", run {attempt.run}" if attempt.run else ""
    commit = f", commit {attempt.commit[:12]}" if attempt.commit else ""
    return f"{attempt.who}{run}{commit}"


def _result(record: ports.Record) -> str:
    """Return the number of completed steps by verb, the number of other steps by status, and the error."""
    if record.ended_at is None:
        return "not finished: still running, killed, or unable to record its result"
    done = collections.Counter(step.verb for step in record.steps if step.status == plans.Status.DONE.value)
    others = collections.Counter(step.status for step in record.steps if step.status != plans.Status.DONE.value)
    counts = [f"{count} {words.DONE[plans.Verb[verb.upper()]]}" for verb, count in done.items()] + [
        f"{n} {status}" for status, n in others.items()
    ]
    totals = ", ".join(counts) or ("" if record.error else "nothing to do")
    reason = f"refused: {record.error}" if record.managed is None else record.error
    return "; ".join(part for part in (totals, reason) if part)
