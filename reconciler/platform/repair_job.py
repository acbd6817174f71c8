"""Make users' schedules match their rows, using the same engine as apply but a different plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from reconciler import errors, settings
from reconciler.plan import guards, plans, progress
from reconciler.plan import ports as plan_ports
from reconciler.platform import ports, repair, users, wiring
from reconciler.runtime import salts, sessions
from reconciler.usecases.apply import Audience, Job, execute


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a repair treats manual changes, and what it may do.

    A repair that is not `full` describes only schedules whose list entry differs from their row.
    """

    keep_manual_pauses: bool = False
    mass_pause: bool = False
    full: bool = True


def run(
    connection: settings.Connection,
    writing: settings.Writing,
    wish: Wish,
    audience: Audience,
    ending: Callable[[], bool] = lambda: False,
    on_undescribed: Callable[[int], None] = lambda _: None,
    progress: plan_ports.Progress = progress.SILENT,
) -> errors.ExitCode:
    """Make Temporal match the rows and return the exit code.

    `on_undescribed` is called with the number of schedules, if any, that match, judging only by their list entries.

    Repairs use a different lock from apply's, so that neither waits for the other. Rows that cannot be read as
    schedules are reported as warnings, and their schedules in Temporal are left unchanged.
    """
    writing = dataclasses.replace(writing, lock_key=settings.REPAIR_LOCK)
    with sessions.opened(connection, progress) as session, wiring.store_of(session, writing) as store:
        rows = store.schedules
        owner = session.run(rows.owner())
        declaration = dataclasses.replace(
            users.declaration((), owner).declaration, keep_manual_pauses=wish.keep_manual_pauses
        )
        job = _Repair(
            command="repair",
            declaration=declaration,
            connection=connection,
            writing=writing,
            rows=rows,
            wish=wish,
            session=session,
            warn=audience.warn,
            on_undescribed=on_undescribed,
            ending=ending,
        )
        return execute(session, job, audience)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Repair(Job):
    rows: ports.Rows
    wish: Wish
    session: sessions.Session
    warn: Callable[[str], None]
    on_undescribed: Callable[[int], None]
    ending: Callable[[], bool]
    salt: bytes = dataclasses.field(default_factory=salts.new)
    read_first: list[repair.Repair] = dataclasses.field(default_factory=list)  # from the first attempt, not a retry
    records_idle = False  # repairs run every few minutes

    def is_ending(self) -> bool:
        return self.ending()

    async def read(self, session: sessions.Session) -> plans.Plan:
        found = await repair.repair(
            self.rows,
            session.schedules,
            session.target(self.declaration),
            keep_manual_pauses=self.wish.keep_manual_pauses,
            salt=self.salt,
            full=self.wish.full,
        )
        if not self.read_first:
            self.read_first.append(found)
        return found.plan

    def review(self, plan: plans.Plan) -> None:
        del plan
        (found,) = self.read_first
        for id_, reason in sorted(found.unread.items()):
            self.warn(f"Warning: row {id_} cannot be read; its schedule was left unchanged: {reason}")
        if found.undescribed:
            self.on_undescribed(found.undescribed)

    def guard(self, plan: plans.Plan, present: int) -> None:
        del present
        guards.check_repair(plan, guards.Allowed(mass_pause=self.wish.mass_pause))

    def after(self, outcomes: tuple[plans.Outcome, ...]) -> None:
        """Record which revisions Temporal has: those of the rows as planned, because rows may have changed since."""
        (found,) = self.read_first
        self.session.run(self.rows.synced(found.synced(outcomes)))
