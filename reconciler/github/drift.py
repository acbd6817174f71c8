"""The Action's `drift`: keep an issue open while the live schedules differ from the spec."""

from __future__ import annotations

import dataclasses
import datetime

from reconciler.documents import marks
from reconciler.github import client, drift_issues, endings, inputs, pages, results
from reconciler.github.invocation import Invocation
from reconciler.plan import plans
from reconciler.report import comment, phrases, words
from reconciler.runtime import clock
from reconciler.usecases.apply import why_off
from reconciler.usecases.plan import propose

_NEXT = "**Next:** apply the spec, or declare what is on the server. This issue closes automatically."


def run(invocation: Invocation) -> results.Result:
    """Open, update, or close this environment's drift issue."""
    declaration = invocation.load_spec()
    repository = invocation.required_repository()
    connection = invocation.inputs.connection
    disabled = why_off(declaration, connection)
    if disabled:
        _close_all(invocation, repository, disabled)
        return endings.nothing_to_do(invocation, disabled)
    inputs.check_server(connection)
    plan = propose(declaration, connection, None, progress=invocation.progress).plan
    invocation.show_plan(plan)
    mark = pages.plan_mark(invocation, "drift", plan, digest=plan.digest if plan.steps else "")
    invocation.log.add_summary(comment.plan(plan, pages.page(invocation, mark).in_summary))
    now = clock.now()
    issue = drift_issues.track(
        repository,
        invocation.author(repository),
        mark,
        write=lambda since: (_title(plan), _body(invocation, plan, mark, since, now)),
        is_open=plan.differs,
        key=invocation.marker_key,
    )
    return invocation.result(summary=words.summary(plan), issue_url=issue.url if issue else "")


def _close_all(invocation: Invocation, repository: client.Repository, reason: str) -> None:
    page = pages.page(invocation, pages.mark(invocation, "drift"))
    body = comment.failed("Drift tracking disabled", reason, page.in_summary)
    author = invocation.author(repository)
    drift_issues.close_all(repository, author, page.mark.scope, body, key=invocation.marker_key)


def _title(plan: plans.Plan) -> str:
    where = f"in {plan.environment}" if plan.environment else f"in namespace {plan.target.namespace}"
    return phrases.printable(f"Temporal schedules differ from {plan.spec_path} {where}")


def _body(
    invocation: Invocation,
    plan: plans.Plan,
    mark: marks.Mark,
    since: datetime.datetime | None,
    now: datetime.datetime,
) -> str:
    """Return the issue's text; `since` is when the drift was first seen, or None if no issue is open."""
    dated = dataclasses.replace(mark, since=since or now)
    page = pages.page(invocation, dated, next_step=_NEXT if plan.differs else "")
    if plan.differs:
        return comment.drift(plan, page.about, since or now)
    return comment.settled(plan, page.about, since)
