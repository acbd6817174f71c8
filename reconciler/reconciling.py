"""The use cases, each a short walk over core and ports."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from reconciler import applying, errors, executions, planning, ports, prefixes, preflighting, stops
from reconciler.plan import plans
from reconciler.schedule import declarations, observed
from reconciler.spec import users

_LOG = logging.getLogger(__name__)
_PATIENCE = 3.0  # seconds for what a plan can do without

Again = Callable[[], Awaitable[plans.Plan]]


async def managed(schedules: ports.Schedules, prefix: str) -> Mapping[str, observed.Live]:
    """Read every schedule whose id has the prefix, as the listing names them."""
    listed = await schedules.ids()
    return await schedules.describe_all(id_ for id_ in sorted(listed) if id_.startswith(prefix))


async def chosen(schedules: ports.Schedules, prefix: str, ids: Sequence[str]) -> Mapping[str, observed.Live]:
    """Read the schedules with these ids, or those with the prefix where no id is given.

    Raises `errors.UsageError` for an id that does not exist.
    """
    found = await schedules.describe_all(ids) if ids else await managed(schedules, prefix)
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise errors.UsageError(f"there is no schedule {missing[0]!r}", hint="see the ids with temporal schedule list")
    return found


async def plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    pollers: ports.Pollers | None = None,
) -> plans.Plan:
    """Read what is live and return what would make it equal to the declaration.

    Every wanted id is described (strongly consistent); the listing, which lags behind, serves only to find what
    nobody wants. A listing that fails is an error, never an empty one. Workers are read only where the plan moves a
    schedule to another task queue.
    """
    listed = await schedules.ids()
    found = planning.plan(declaration, await _described(listed, declaration, schedules, target), target)
    found = await _beside_other_prefixes(found, listed, schedules)
    if pollers is None:
        return found
    return dataclasses.replace(found, unpolled=await _unpolled(found, pollers))


async def _beside_other_prefixes(plan: plans.Plan, listed: Collection[str], schedules: ports.Schedules) -> plans.Plan:
    """Read the schedules under other prefixes with the names of those that start, and return the plan with them."""
    alike = prefixes.namesakes(listed, plan)
    if not alike:
        return plan
    ids = sorted({id_ for ids in alike.values() for id_ in ids})
    found = await schedules.explained(await schedules.describe_all(ids))
    plan = prefixes.pointed_out(plan, alike, found)
    return dataclasses.replace(plan, doubled=prefixes.doubled(plan, alike, found))


async def _unpolled(plan: plans.Plan, pollers: ports.Pollers) -> frozenset[str]:
    """Return the queues without workers to which the plan moves schedules from one with workers.

    One call for each queue; none is returned when the server does not answer, as a plan does not need it.
    """
    moved = stops.moved_queues(plan)
    try:
        async with asyncio.timeout(_PATIENCE):
            queues = await asyncio.gather(*map(pollers.of, sorted({name for pair in moved for name in pair})))
    except (errors.ServerError, TimeoutError) as error:
        _LOG.info("the workers of changed task queues are unknown", extra={"fields": {"reason": str(error)}})
        return frozenset()
    polled = {queue.name for queue in queues if queue.pollers}
    return frozenset(new for old, new in moved if old in polled and new not in polled)


async def live(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs: each wanted schedule that exists, and each managed one that is not wanted.

    The listing comes first and alone: next to as many Describes, the newer backend throttles it for seconds.
    """
    return await _described(await schedules.ids(), declaration, schedules, target)


async def _described(
    listed: Collection[str], declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    wanted = {charter.schedule.id for charter in declaration.charters}
    managed_ids = {id_ for id_ in listed if planning.managed(id_, target)}
    return await schedules.explained(await schedules.describe_all(wanted | managed_ids))


async def status(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> plans.Plan:
    """Return the plan as it is now, the runs of each live schedule followed to their results."""
    found = planning.plan(declaration, await schedules.followed(await live(declaration, schedules, target)), target)
    return found if declaration.enabled else planning.at_rest(found)


async def preflight(
    declaration: declarations.Declaration,
    pollers: ports.Pollers,
    now: datetime.datetime,
    expected_build: str | None = None,
) -> preflighting.Preflight:
    """Look at who polls the task queues of the charters that fire, one call for each queue."""
    found = await asyncio.gather(*map(pollers.of, preflighting.queues(declaration)))
    return preflighting.preflight(declaration, found, now, expected_build)


async def apply(
    plan: plans.Plan,
    schedules: ports.Schedules,
    tell: applying.Tell,
    *,
    again: Again | None = None,
    lost: applying.Lost = applying.never,
) -> plans.Applied:
    """Make the server what the plan says; see `applying.apply`.

    A step that is stale is planned `again`, once, and done when it is still the same step. When that fails, it stays
    stale.
    """
    held: list[plans.Outcome] = []

    def hear(outcome: plans.Outcome) -> None:
        waits = again is not None and outcome.status in (plans.Status.STALE, plans.Status.SKIPPED)
        held.append(outcome) if waits else tell(outcome)

    second = plans.Applied(outcomes=())
    try:
        first = await applying.apply(plan, schedules, hear, lost=lost)
        repeatable = planning.repeatable(first.outcomes)
        if again is not None and repeatable and not first.interrupted:
            with contextlib.suppress(errors.ServerError):
                second = await applying.apply(planning.same(await again(), repeatable), schedules, tell, lost=lost)
    finally:
        repeated = {outcome.change.id: outcome for outcome in second.outcomes}
        for outcome in held:
            if outcome.change.id not in repeated:
                tell(outcome)
    return plans.Applied(
        outcomes=tuple(repeated.get(outcome.change.id, outcome) for outcome in first.outcomes),
        interrupted=first.interrupted or second.interrupted,
    )


async def prunable(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    older_than: datetime.timedelta,
    now: Callable[[], Awaitable[datetime.datetime]],
) -> plans.Plan:
    """Return the plan that deletes what has been paused as removed for at least that long, by the server's clock `now`.

    The clock is read first: a schedule that is paused meanwhile is younger than it says.
    """
    before = await now() - older_than if older_than else None
    return planning.prune(declaration, await live(declaration, schedules, target), target, before)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A plan for users' schedules, the revision of each row that it was made from, and the rows that are unreadable.

    `undescribed` counts the rows whose schedules the listing shows as wanted, which are not in the plan.
    """

    plan: plans.Plan
    revisions: Mapping[str, int]
    unread: Mapping[str, str]
    undescribed: int = 0

    def synced(self, outcomes: Iterable[plans.Outcome] = ()) -> Mapping[uuid.UUID, int]:
        """Return the revision that Temporal has of each row, the plan's steps having ended so."""
        failed = {change.id for change in self.plan.steps}
        failed -= {outcome.change.id for outcome in outcomes if outcome.status is plans.Status.DONE}
        behind = failed | self.unread.keys()
        return {uuid.UUID(id_): revision for id_, revision in self.revisions.items() if id_ not in behind}


async def repair(
    rows: ports.Rows,
    schedules: ports.Listing,
    target: observed.Target,
    *,
    keep_manual_pauses: bool,
    salt: bytes = b"",
    full: bool = True,
) -> Repair:
    """Read users' schedules and their rows, and return what makes the first equal to the second.

    `salt` is the key of the digests that replace secrets in the plan. One that is not `full` describes only what the
    listing does not show at its row's revision, and leaves schedules without a row to a full one.

    The rows are read after the schedules: a row that is newer than what was read of its schedule is written under a
    token that a newer write has made stale, and a row that was older would undo that write.
    """
    listed = await schedules.listed(executions.is_user_schedule)
    outlines = await rows.outlines()
    ids = {row.id for row in outlines if full or not _is_in_step(row, listed)}
    others = set(map(uuid.UUID, listed)) - {row.id for row in outlines}
    ids |= others if full else {row.id for row in await rows.some(others)}
    found = await schedules.explained(await schedules.describe_all(map(str, ids)))
    planned = _repair(await rows.some(ids), found, target, keep_manual_pauses=keep_manual_pauses, salt=salt)
    return dataclasses.replace(planned, undescribed=len(outlines) - len(ids - others))


def _is_in_step(row: executions.Outline, listed: Mapping[str, observed.Listed]) -> bool:
    return row.synced_revision == row.revision and users.is_shown(row, listed.get(row.temporal_schedule_id))


async def repair_one(
    schedule_id: uuid.UUID,
    rows: ports.Rows,
    schedules: ports.Schedules,
    target: observed.Target,
    *,
    keep_manual_pauses: bool,
) -> int:
    """Make one user's schedule what its row says, over again while somebody else writes it too.

    Return the revision of the row that Temporal has then, 0 where it is not known to have the row as it was read.
    """
    for _ in range(_ATTEMPTS):
        live = await schedules.describe(str(schedule_id))
        row = await rows.find(schedule_id)
        planned = await asyncio.to_thread(  # an input may be large, and other requests wait meanwhile
            _repair,
            [row] if row else [],
            {str(schedule_id): live} if live else {},
            target,
            keep_manual_pauses=keep_manual_pauses,
        )
        applied = await applying.apply(planned.plan, schedules, lambda _: None)
        synced = planned.synced(applied.outcomes)
        await rows.synced(synced)
        if all(outcome.status is not plans.Status.STALE for outcome in applied.outcomes):
            break
    return synced.get(schedule_id, 0)


_ATTEMPTS = 5


def _repair(
    rows: Iterable[executions.UserSchedule],
    found: Mapping[str, observed.Live],
    target: observed.Target,
    *,
    keep_manual_pauses: bool,
    salt: bytes = b"",
) -> Repair:
    rows = tuple(rows)
    declared = users.declaration(rows, target.owner, keep_manual_pauses=keep_manual_pauses)
    held = {row.temporal_schedule_id for row in rows if not row.enabled} & declared.unread.keys()
    left = declared.unread.keys() - held
    live = {id_: each for id_, each in found.items() if id_ not in left}
    deleted = {row.temporal_schedule_id for row in rows if row.deleted_at is not None}
    return Repair(
        plan=planning.repair(dataclasses.replace(declared.declaration, salt=salt), deleted, live, target, held),
        revisions={row.temporal_schedule_id: row.revision for row in rows},
        unread={id_: declared.unread[id_] for id_ in left},
    )
