"""Read live schedules: those that a plan needs, those with a prefix, or some by their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler import errors
from reconciler.plan import build, ports, predecessors
from reconciler.schedule import declarations, observed


async def managed(schedules: ports.Schedules, prefix: str) -> Mapping[str, observed.Live]:
    """Read every listed schedule whose id has the prefix."""
    listed = await schedules.ids()
    return await schedules.describe_all(id_ for id_ in sorted(listed) if id_.startswith(prefix))


async def chosen(schedules: ports.Schedules, prefix: str, ids: Sequence[str]) -> Mapping[str, observed.Live]:
    """Read the schedules with these ids or, without any, those with the prefix.

    Raises `errors.UsageError` for an id that does not exist.
    """
    chosen_ones = await schedules.describe_all(ids) if ids else await managed(schedules, prefix)
    missing = [id_ for id_ in ids if id_ not in chosen_ones]
    if missing:
        raise errors.UsageError(
            f"schedule {missing[0]!r} does not exist", hint="list the ids with temporal schedule list"
        )
    return chosen_ones


async def read(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs: existing schedules that are declared, and managed ones that are not.

    The listing is not concurrent with the Describes: next to so many, V2 throttles it for seconds.
    """
    return await described(await schedules.ids(), declaration, schedules, target)


async def described(
    listed: Collection[str], declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs, with a listing that was read already."""
    wanted = {charter.schedule.id for charter in declaration.charters}
    wanted |= {id_ for charter in declaration.charters for id_ in charter.was}
    managed_ids = set() if declaration.only else {id_ for id_ in listed if build.managed(id_, target)}
    found = await schedules.describe_all(wanted | managed_ids)
    related = predecessors.related(declaration, found, lambda id_: build.managed(id_, target))
    return await schedules.explained(related)
