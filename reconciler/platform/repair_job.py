"""Users' schedules brought into line with their rows: the engine of an apply, another plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from reconciler import errors, settings
from reconciler.plan import guards, plans
from reconciler.platform import repair, users, wiring
from reconciler.runtime import salts, sessions
from reconciler.usecases import executing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a repair treats what people did by hand, and what it may do.

    One that is not `full` describes only schedules that the listing does not show as their rows ask for.
    """

    keep_manual_pauses: bool = False
    mass_pause: bool = False
    full: bool = True


def run(
    connection: settings.Connection,
    writing: settings.Writing,
    wish: Wish,
    audience: executing.Audience,
    ending: Callable[[], bool] = lambda: False,
    on_undescribed: Callable[[int], None] = lambda _: None,
) -> errors.ExitCode:
    """Make Temporal what the rows say and return the exit code.

    `on_undescribed` is called with the number of schedules that the listing shows to match, if any.

    The lock is another than that of an apply, so that neither waits for the other. Rows that cannot be read as
    schedules are told as warnings, and what Temporal has of them is left alone.
    """
    writing = dataclasses.replace(writing, lock_key=settings.REPAIR_LOCK)
    with sessions.opened(connection) as session, wiring.store_of(session, writing) as store:
        rows = store.schedules
        owner = session.run(rows.owner())
        declaration = dataclasses.replace(
            users.declaration((), owner).declaration, keep_manual_pauses=wish.keep_manual_pauses
        )
        made: list[repair.Repair] = []
        salt = salts.new()

        async def make(session: sessions.Session) -> plans.Plan:
            target = session.target(declaration)
            made.append(
                await repair.repair(
                    rows,
                    session.schedules,
                    target,
                    keep_manual_pauses=wish.keep_manual_pauses,
                    salt=salt,
                    full=wish.full,
                )
            )
            return made[-1].plan

        def warn(_: plans.Plan) -> None:
            for id_, reason in sorted(made[0].unread.items()):
                audience.warn(f"Warning: the row {id_} cannot be read and is left as it is: {reason}")
            if made[0].undescribed:
                on_undescribed(made[0].undescribed)

        def note(outcomes: tuple[plans.Outcome, ...]) -> None:
            """Note what Temporal has: of the rows as they were planned from, as they may be newer by now."""
            session.run(rows.synced(made[0].synced(outcomes)))

        job = executing.Job(
            command="repair",
            declaration=declaration,
            connection=connection,
            writing=writing,
            make=make,
            review=warn,
            check=lambda plan, _: guards.check_repair(plan, guards.Allowed(mass_pause=wish.mass_pause)),
            after=note,
            keeps_idle=False,  # there is one every few minutes
            ending=ending,
        )
        return executing.execute_within(session, job, audience)
