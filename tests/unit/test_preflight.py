"""Which workers would run what is declared, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import datetime

from reconciler.plan import pollers as plan_pollers
from reconciler.plan import preflight
from reconciler.report import workers
from reconciler.schedule import declarations
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
QUEUE = "scheduler-tasks"
OURS = "reconciler-worker:7@host[GovernanceScheduledRunWorkflow]"


ONE = builders.declaration(builders.schedule("alpha"))


def poller(identity: str = OURS, build: str = "2", *, seconds: int = 60, served: bool = True) -> plan_pollers.Poller:
    seen = NOW - datetime.timedelta(seconds=seconds)
    return plan_pollers.Poller(identity=identity, build_id=build, last_seen=seen, is_served=served)


def looked(
    *pollers: plan_pollers.Poller, declared: declarations.Declaration = ONE, expected: str | None = None
) -> preflight.Preflight:
    queues = preflight.queues(declared)
    found = [plan_pollers.Queue(name=name, pollers=pollers if name == QUEUE else ()) for name in queues]
    return preflight.preflight(declared, found, NOW, expected)


def kinds(found: preflight.Preflight) -> list[tuple[str, preflight.Kind]]:
    return [(finding.task_queue, finding.kind) for finding in found.findings]


def test_a_worker_that_registers_the_workflow_is_all_that_is_needed() -> None:
    assert looked(poller()).findings == ()
    assert looked(poller(), expected="2").findings == ()


def test_a_queue_without_pollers_is_reported_with_its_charters() -> None:
    declared = builders.declaration(*map(builders.schedule, "abcde"), builders.schedule("f", task_queue="other"))
    found = looked(declared=declared)
    assert kinds(found) == [("other", preflight.Kind.UNPOLLED), (QUEUE, preflight.Kind.UNPOLLED)]
    assert str(found.findings[1]) == (
        "no worker polls task queue 'scheduler-tasks', so runs of 5 charters (A, B, C, …) will wait; "
        "start a worker there: reconciler worker --task-queue scheduler-tasks"
    )


def test_a_queue_of_other_workflows_needs_a_worker_of_theirs() -> None:
    own = builders.schedule("a", workflow="NightlyReport")
    (finding,) = looked(declared=builders.declaration(own)).findings
    assert finding.hint == "start a worker there that registers workflow NightlyReport"
    (finding,) = looked(declared=builders.declaration(own, builders.schedule("b"))).findings
    assert finding.hint == (
        "start a worker there that registers 2 workflows (GovernanceScheduledRunWorkflow, NightlyReport)"
    )


def test_a_worker_that_was_seen_long_ago_is_gone() -> None:
    assert kinds(looked(poller(seconds=89))) == []
    assert kinds(looked(poller(seconds=91))) == [(QUEUE, preflight.Kind.UNPOLLED)]


def test_charters_that_are_paused_or_switched_off_need_no_worker() -> None:
    paused = builders.declaration(builders.schedule("alpha", paused=True))
    off = dataclasses.replace(ONE, enabled=False)
    assert preflight.queues(paused) == preflight.queues(off) == ()
    assert looked(declared=paused).findings == looked(declared=off).findings == ()


def test_an_unexpected_build_is_reported_with_its_workers() -> None:
    found = looked(poller("old:1@host[GovernanceScheduledRunWorkflow]", "1"), poller(), expected="2")
    assert kinds(found) == [(QUEUE, preflight.Kind.OTHER_BUILD)]
    assert found.findings[0].message == (
        "1 of the 2 workers on task queue 'scheduler-tasks' runs build 1, not 2: "
        "worker old:1@host[GovernanceScheduledRunWorkflow]"
    )


def test_a_workflow_that_the_expected_build_does_not_register_is_reported() -> None:
    found = looked(poller("ours:1@host[Other,Third]"), expected="2")
    assert kinds(found) == [(QUEUE, preflight.Kind.UNKNOWN_WORKFLOW)]
    assert "build 2 on task queue 'scheduler-tasks' does not register workflow GovernanceScheduledRunWorkflow" in (
        found.findings[0].message
    )


def test_one_of_two_workers_without_the_workflow_is_reported_too() -> None:
    found = looked(poller(), poller("other:1@host[Other]", "1"))
    assert kinds(found) == [(QUEUE, preflight.Kind.UNKNOWN_WORKFLOW)]
    assert "worker other:1@host[Other]" in found.findings[0].message


def test_a_worker_that_does_not_report_its_workflows_is_not_a_problem() -> None:
    found = looked(poller("8@theirs", "abc"))
    assert kinds(found) == [(QUEUE, preflight.Kind.UNREPORTED)]
    assert found.problems == ()
    assert "worker 8@theirs on task queue 'scheduler-tasks' does not report" in found.findings[0].message


def test_versions_that_get_no_runs_are_reported() -> None:
    assert kinds(looked(poller(served=False))) == [(QUEUE, preflight.Kind.UNSERVED)]
    assert kinds(looked(poller(served=False), poller("b[GovernanceScheduledRunWorkflow]"))) == []


def test_an_identity_reports_the_workflow_types() -> None:
    reported = plan_pollers.identity("me@host", {"B", "A"})
    assert reported == "me@host[A,B]"
    assert poller(reported).workflow_types == frozenset({"A", "B"})
    assert poller("me@host").workflow_types is None
    assert poller("me@host[]").workflow_types == frozenset()


def test_the_text_names_queues_workers_and_findings() -> None:
    text = workers.text(looked(poller("old\x1b:1@host[Other]", "1"), poller(served=False), expected="2"), NOW)
    assert text == (
        "scheduler-tasks  1 charter\n"
        "    old\\x1b:1@host[Other]  build 1  seen 60 s ago\n"
        f"    {OURS}  build 2  seen 60 s ago  not the current version\n"
        "\n"
        "! 1 of the 2 workers on task queue 'scheduler-tasks' runs build 1, not 2: worker old\\x1b:1@host[Other]; "
        "deploy 2 there; a stopped worker stays visible for another 90 s.\n"
        "1 problem.\n"
    )
    assert workers.text(looked(declared=builders.declaration()), NOW) == "No charter fires, so no worker is needed.\n"
