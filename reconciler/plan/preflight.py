"""Check that workers will run the declared schedules: pollers exist, run the right build, and register the workflow."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.plan import pollers
from reconciler.schedule import declarations, governed

_NAMED = 3  # charters or workers that a message names


class Kind(enum.Enum):
    """The kind of a finding; the value is its name in documents."""

    UNPOLLED = "unpolled"
    UNSERVED = "unserved"
    OTHER_BUILD = "other_build"
    UNKNOWN_WORKFLOW = "unknown_workflow"
    UNREPORTED = "untold"

    @property
    def is_problem(self) -> bool:
        """Return whether runs will or may fail; a worker that reports no workflows is not a problem."""
        return self is not Kind.UNREPORTED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding about a task queue; `message` includes its consequence, and `hint` is what to do."""

    kind: Kind
    task_queue: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """What a plan could not check, such as the workers, and why; the plan does not depend on it."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what} were not checked: {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The checked queues (with their current pollers), the names of the charters on each, and the findings."""

    expected_build: str | None
    queues: tuple[pollers.Queue, ...]
    charters: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Return the findings that are problems."""
        return tuple(finding for finding in self.findings if finding.kind.is_problem)


def queues(declaration: declarations.Declaration) -> tuple[str, ...]:
    """Return the task queues of the charters that are not paused."""
    return tuple(sorted({charter.schedule.action.task_queue for charter in _firing(declaration)}))


def preflight(
    declaration: declarations.Declaration,
    polled: Iterable[pollers.Queue],
    now: datetime.datetime,
    expected_build: str | None = None,
) -> Preflight:
    """Return the findings about the pollers of the charters' task queues; paused charters are ignored."""
    by_queue: dict[str, list[declarations.Charter]] = collections.defaultdict(list)
    for charter in _firing(declaration):
        by_queue[charter.schedule.action.task_queue].append(charter)
    looked_at = tuple(pollers.Queue(name=queue.name, pollers=queue.alive(now)) for queue in polled)
    return Preflight(
        expected_build=expected_build,
        queues=looked_at,
        charters={queue.name: tuple(charter.name for charter in by_queue[queue.name]) for queue in looked_at},
        findings=tuple(
            finding for queue in looked_at for finding in _findings(queue, by_queue[queue.name], expected_build)
        ),
    )


def _firing(declaration: declarations.Declaration) -> tuple[declarations.Charter, ...]:
    if not declaration.enabled:
        return ()
    return tuple(charter for charter in declaration.charters if not charter.schedule.paused)


def _findings(
    queue: pollers.Queue, charters: Sequence[declarations.Charter], expected: str | None
) -> Iterator[Finding]:
    on, names = f"task queue {queue.name!r}", _listed([charter.name for charter in charters], "charter")
    if not queue.pollers:
        yield _finding(
            Kind.UNPOLLED, queue, f"no worker polls {on}, so runs of {names} will wait", _start(queue, charters)
        )
        return
    served = [poller for poller in queue.pollers if poller.is_served]
    if not served:
        hint = "set the current version with temporal worker deployment set-current-version"
        message = f"no version that polls {on} is the current one, so runs of {names} will wait"
        yield _finding(Kind.UNSERVED, queue, message, hint)
    others = [poller for poller in queue.pollers if expected is not None and poller.build_id != expected]
    if others:
        yield _other_build(queue, others, expected or "")
    yield from _unknown(queue, charters, [each for each in served or queue.pollers if each not in others])


def _start(queue: pollers.Queue, charters: Sequence[declarations.Charter]) -> str:
    """Return how to start a worker: ours, or one that registers other workflows."""
    workflows = sorted({charter.schedule.action.workflow for charter in charters})
    if workflows == [governed.WORKFLOW]:
        return f"start a worker there: reconciler worker --task-queue {queue.name}"
    return f"start a worker there that registers {_listed(workflows, 'workflow')}"


def _other_build(queue: pollers.Queue, others: Sequence[pollers.Poller], expected: str) -> Finding:
    builds = ", ".join(sorted({poller.build_id or "(none)" for poller in others}))
    who = _listed([poller.identity for poller in others], "worker")
    return _finding(
        Kind.OTHER_BUILD,
        queue,
        f"{len(others)} of the {len(queue.pollers)} workers on task queue {queue.name!r} "
        f"run{'s'[: len(others) == 1]} build {builds}, not {expected}: {who}",
        f"deploy {expected} there; a stopped worker stays visible for another {pollers.ALIVE.seconds} s",
    )


def _unknown(
    queue: pollers.Queue, charters: Sequence[declarations.Charter], workers: Sequence[pollers.Poller]
) -> Iterator[Finding]:
    """Find the workflow types whose runs may reach a worker that does not register them."""
    wanted = sorted({charter.schedule.action.workflow for charter in charters})
    for workflow in wanted:
        lacking = [each for each in workers if each.workflow_types is not None and workflow not in each.workflow_types]
        if lacking:
            builds = ", ".join(sorted({poller.build_id or "(none)" for poller in lacking}))
            who = _listed([poller.identity for poller in lacking], "worker")
            names = _listed([each.name for each in charters if each.schedule.action.workflow == workflow], "charter")
            yield _finding(
                Kind.UNKNOWN_WORKFLOW,
                queue,
                f"build {builds} on task queue {queue.name!r} does not register workflow {workflow}, so runs of "
                f"{names} will fail there: {who}",
                "deploy a build that does, or correct the charter's workflow or task_queue",
            )
    silent = [poller.identity for poller in workers if poller.workflow_types is None]
    if silent:
        whose = "does not report which workflows it registers"
        if len(silent) > 1:
            whose = "do not report which workflows they register"
        message = f"{_listed(silent, 'worker')} on task queue {queue.name!r} {whose}"
        are = "is" if len(wanted) == 1 else "are"
        yield _finding(Kind.UNREPORTED, queue, message, f"check that {', '.join(wanted)} {are} among them")


def _finding(kind: Kind, queue: pollers.Queue, message: str, hint: str) -> Finding:
    return Finding(kind=kind, task_queue=queue.name, message=message, hint=hint)


def _listed(names: Sequence[str], what: str) -> str:
    """Return `charter A`, or `4 charters (A, B, C, …)`."""
    if len(names) == 1:
        return f"{what} {names[0]}"
    more = ", …" if len(names) > _NAMED else ""
    return f"{len(names)} {what}s ({', '.join(names[:_NAMED])}{more})"
