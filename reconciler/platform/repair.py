"""Plan and apply the changes that make users' schedules match their rows: one schedule, or all."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Iterable, Mapping

from reconciler.plan import apply as plan_apply
from reconciler.plan import plans, repairs
from reconciler.plan import ports as plan_ports
from reconciler.platform import executions, ports, users
from reconciler.schedule import observed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A plan for users' schedules, the revisions of the rows that it was made from, and the unreadable rows.

    `undescribed` counts the rows whose schedules match according to their list entries; these are not in the plan.
    """

    plan: plans.Plan
    revisions: Mapping[str, int]
    unread: Mapping[str, str]
    undescribed: int = 0

    def synced(self, outcomes: Iterable[plans.Outcome] = ()) -> Mapping[uuid.UUID, int]:
        """Return the row revisions that Temporal has, by row ID, given the outcomes of the plan's steps."""
        failed = {change.id for change in self.plan.steps}
        failed -= {outcome.change.id for outcome in outcomes if outcome.status is plans.Status.DONE}
        behind = failed | self.unread.keys()
        return {uuid.UUID(id_): revision for id_, revision in self.revisions.items() if id_ not in behind}


async def repair(
    rows: ports.Rows,
    schedules: plan_ports.Schedules,
    target: observed.Target,
    *,
    keep_manual_pauses: bool,
    salt: bytes = b"",
    full: bool = True,
) -> Repair:
    """Read users' schedules and their rows, and return the repair that makes the schedules match the rows.

    `salt` is the key for the digests that replace secrets in the plan. A repair that is not `full` describes only
    schedules whose list entry is not at their row's revision, and leaves schedules without a row to a full repair.

    The rows are read after the schedules. If a row has changed since its schedule was read, the newer write has made
    the conflict token stale, so this write fails; reading the rows first could let an older row undo the newer write.
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
    schedules: plan_ports.Schedules,
    target: observed.Target,
    *,
    keep_manual_pauses: bool,
) -> int:
    """Make a user's schedule match its row, retrying while someone else is also writing it.

    Return the row revision that Temporal then has; 0 if Temporal is not known to have the row that was read.
    """
    for _ in range(_ATTEMPTS):
        live = await schedules.describe(str(schedule_id))
        row = await rows.find(schedule_id)
        planned = await asyncio.to_thread(  # an input may be large and would delay other requests
            _repair,
            [row] if row else [],
            {str(schedule_id): live} if live else {},
            target,
            keep_manual_pauses=keep_manual_pauses,
        )
        applied = await plan_apply.apply(planned.plan, schedules, lambda _: None)
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
        plan=repairs.repair(dataclasses.replace(declared.declaration, salt=salt), deleted, live, target, held),
        revisions={row.temporal_schedule_id: row.revision for row in rows},
        unread={id_: declared.unread[id_] for id_ in left},
    )
