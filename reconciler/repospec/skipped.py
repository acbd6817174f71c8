"""The live schedules that an import skips, and sentences about them: one per reason, not one per schedule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from reconciler.schedule import declarations, model

_NAMED = 3  # ids listed in a sentence


def is_skipped(
    schedule: model.Schedule, declaration: declarations.Declaration, taken: Collection[str], named: Collection[str]
) -> bool:
    """Return whether a schedule gets no charter, regardless of its fields: it already has one or has another owner."""
    return schedule.id in taken or (is_foreign(schedule, declaration) and schedule.id not in named)


def is_foreign(schedule: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule carries another owner's mark."""
    return schedule.owner is not None and schedule.owner != declaration.owner


def sentences(schedules: Iterable[model.Schedule], taken: Collection[str]) -> Iterator[str]:
    """Yield a sentence about the skipped schedules that are already declared, then one for each of the other owners."""
    declared: list[str] = []
    owned: dict[str, list[str]] = {}
    for each in schedules:
        (declared if each.id in taken else owned.setdefault(each.owner or "", [])).append(each.id)
    if declared:
        yield f"{_names(declared)}: already declared"
    for owner, ids in sorted(owned.items()):
        belong, one, it = ("it belongs", ids[0], "it") if len(ids) == 1 else ("they belong", "ID", "one")
        yield (
            f"{_names(ids)}: skipped, because {belong} to {owner}; pass --owner {owner} if that is this repository, "
            f"or --id {one} to write a charter for {it} anyway"
        )


def _names(ids: list[str]) -> str:
    """Return the only id, or the number of ids and the first few."""
    if len(ids) == 1:
        return ids[0]
    more = ", …" if len(ids) > _NAMED else ""
    return f"{len(ids):,} schedules ({', '.join(ids[:_NAMED])}{more})"
