"""Read the live schedules: those that a plan needs, those with a prefix, or some by their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler import errors
from reconciler.plan import build, ports
from reconciler.schedule import declarations, observed


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


async def read(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs: each wanted schedule that exists, and each managed one that is not wanted.

    The listing comes first and alone: next to as many Describes, the newer backend throttles it for seconds.
    """
    return await described(await schedules.ids(), declaration, schedules, target)


async def described(
    listed: Collection[str], declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Describe what a plan needs of a listing that is read already."""
    wanted = {charter.schedule.id for charter in declaration.charters}
    managed_ids = {id_ for id_ in listed if build.managed(id_, target)}
    return await schedules.explained(await schedules.describe_all(wanted | managed_ids))
