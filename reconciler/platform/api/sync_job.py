"""The charter sync: the use case of `reconciler apply`, with its outcomes as data."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from reconciler import errors
from reconciler.plan import guards, plans, staleness
from reconciler.platform.api import parts
from reconciler.repospec import loader
from reconciler.runtime import clock, salts, sessions
from reconciler.schedule import declarations
from reconciler.usecases.apply import Job, execute, holder_of, why_off
from reconciler.usecases.plan import propose

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of a sync."""

    allowed: guards.Allowed
    digest: str | None = None
    dry_run: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a sync: `skipped` is why there was nothing to do; `applied` is None if nothing was started.

    A `proposed` sync was only planned, not applied.
    """

    exit_code: errors.ExitCode
    plan: plans.Plan | None = None
    applied: plans.Applied | None = None
    skipped: str = ""
    proposed: bool = False
    warnings: tuple[str, ...] = ()


class Listener:
    """Records the results that it is called with; implements `Audience`."""

    def __init__(self) -> None:
        self.planned: plans.Plan | None = None
        self.ended: plans.Applied | None = None
        self.warnings: list[str] = []

    def plan(self, plan: plans.Plan) -> None:
        """Keep the plan."""
        self.planned = plan

    def agreed(self) -> bool:
        """Return True: the caller has already confirmed the plan."""
        return True

    def outcome(self, outcome: plans.Outcome) -> None:
        """Ignore the outcome of a step, because `applied` contains it too."""

    def applied(self, applied: plans.Applied) -> None:
        """Keep the outcomes of all steps."""
        self.ended = applied

    def warn(self, text: str) -> None:
        """Keep and log a warning."""
        self.warnings.append(text)
        _LOG.warning(text)


async def sync(found: parts.Parts, wish: Wish) -> Report:
    """Make the server match the spec, under the lock; raises `errors.ReconcilerError` if the sync cannot start.

    The syncs of one service take turns, and only one waits for the lock: the others wait for their turn, for as
    long as they would wait for the lock. Dry runs wait only for other dry runs.
    """
    if wish.dry_run:
        async with found.planners:
            return await found.threads.run(lambda: _sync(found.options, wish, found.ending))
    holder = holder_of(found.options.connection)
    async with found.turn.taken(holder, found.options.writing.lock_timeout) as left:
        writing = dataclasses.replace(found.options.writing, lock_timeout=left)
        options = dataclasses.replace(found.options, writing=writing)
        return await found.threads.run(lambda: _sync(options, wish, found.ending))


def _sync(options: parts.Options, wish: Wish, ending: Callable[[], bool]) -> Report:
    """Sync in its own event loop."""
    declaration = loader.load(options.spec_path, options.choice, salt=salts.new())
    off = why_off(declaration, options.connection)
    if off:
        return Report(exit_code=errors.ExitCode.OK, skipped=off)
    if wish.dry_run:
        return _proposed(declaration, options, wish)
    listener = Listener()
    job = _Sync(
        command="apply",
        declaration=declaration,
        connection=options.connection,
        writing=options.writing,
        wish=wish,
        ending=ending,
    )
    with sessions.opened(options.connection) as session:
        code = execute(session, job, listener)
    return Report(exit_code=code, plan=listener.planned, applied=listener.ended, warnings=tuple(listener.warnings))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sync(Job):
    wish: Wish
    ending: Callable[[], bool]

    def is_ending(self) -> bool:
        return self.ending()

    def guard(self, plan: plans.Plan, present: int) -> None:
        _check(plan, self.wish, present)


def _proposed(declaration: declarations.Declaration, options: parts.Options, wish: Wish) -> Report:
    proposal = propose(declaration, options.connection, None)
    _check(proposal.plan, wish, 0)
    warnings = tuple(f"Warning: {each}." for each in proposal.problems)
    return Report(exit_code=errors.ExitCode.OK, plan=proposal.plan, proposed=True, warnings=warnings)


def _check(plan: plans.Plan, wish: Wish, left: int) -> None:
    """Raise `errors.StaleError` if the plan differs from the reviewed one, or `errors.GuardError` if it is refused."""
    if wish.digest is not None:
        staleness.check_digest(wish.digest, plan.digest)
    guards.check(plan, wish.allowed, now=clock.now(), left=left)
