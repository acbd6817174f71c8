"""Read live schedules: those that a plan needs, those with given prefixes, or some by their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from reconciler import errors
from reconciler.plan import build, ports, predecessors
from reconciler.schedule import declarations, observed, ownership


async def chosen(
    listed: Collection[str], schedules: ports.Schedules, prefixes: ownership.Prefixes, ids: Sequence[str]
) -> Mapping[str, observed.Live]:
    """Read the schedules with these ids or, if none are specified, the listed ones that the prefixes cover.

    Raises `errors.UsageError` with all ids that do not exist.
    """
    wanted = ids or sorted(id_ for id_ in listed if ownership.covers(prefixes, id_))
    chosen_ones = await schedules.describe_all(wanted)
    missing = dict.fromkeys(repr(id_) for id_ in ids if id_ not in chosen_ones)
    if missing:
        noun, verb = ("schedule", "does") if len(missing) == 1 else ("schedules", "do")
        raise errors.UsageError(
            f"{noun} {', '.join(missing)} {verb} not exist", hint="list the IDs with temporal schedule list"
        )
    return chosen_ones


async def read(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs: existing schedules that are declared, and managed schedules that are not.

    The listing runs before the Describes: while serving so many of them, V2 would throttle the listing for seconds.
    """
    return await described(await schedules.ids(), declaration, schedules, target)


async def described(
    listed: Collection[str],
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    assumed: Mapping[str, observed.Live] = MappingProxyType({}),
) -> Mapping[str, observed.Live]:
    """Read what a plan needs, with a listing that was already read; the `assumed` schedules need no Describe.

    With an empty prefix, that requires a Describe of every schedule: a listing does not show the owner's mark.
    """
    wanted = {charter.schedule.id for charter in declaration.charters}
    wanted |= {id_ for charter in declaration.charters for id_ in charter.was}
    claimed = set() if declaration.only else {id_ for id_ in listed if ownership.claims(target.prefixes, id_)}
    found = dict(await schedules.describe_all((wanted | claimed) - assumed.keys()))
    if "" in target.prefixes and not declaration.only:
        found |= await schedules.describe_marked(set(listed) - wanted - claimed, target.owner)
    related = predecessors.related(declaration, found, lambda each: build.managed(each, target))
    return {**assumed, **await schedules.explained(related)}
