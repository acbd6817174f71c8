"""The live schedules that an import skips, and sentences about them: one per reason, not one per schedule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from reconciler.schedule import declarations, fields, model

_NAMED = 3  # ids listed in a sentence


def is_skipped(
    schedule: model.Schedule, declaration: declarations.Declaration, taken: Collection[str], named: Collection[str]
) -> bool:
    """Return whether a schedule gets no charter, regardless of its fields: it already has one or has another owner."""
    return schedule.id in taken or (is_foreign(schedule, declaration) and schedule.id not in named)


def is_foreign(schedule: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule carries another owner's mark."""
    return schedule.owner is not None and schedule.owner != declaration.owner


def sentences(schedules: Iterable[model.Schedule], taken: Collection[str], former: Collection[str]) -> Iterator[str]:
    """Yield a sentence about the skipped schedules that are already declared, then one for each of the other owners.

    The schedules that a charter renames, which have an id in `former`, have a sentence of their own.
    """
    declared: list[str] = []
    renamed: list[str] = []
    owned: dict[str, list[str]] = {}
    for each in schedules:
        if each.id in taken:
            declared.append(each.id)
        elif each.id in former:
            renamed.append(each.id)
        else:
            owned.setdefault(each.owner or "", []).append(each.id)
    if declared:
        yield f"{_subject(declared)} already declared"
    if renamed:
        rename = "a charter renames it" if len(renamed) == 1 else "charters rename them"
        yield f"{_subject(renamed)} already declared: {rename} ({fields.FORMER.key})"
    for owner, ids in sorted(owned.items()):
        belong, one, it = ("it belongs", ids[0], "it") if len(ids) == 1 else ("they belong", "ID", "one")
        yield (
            f"{_subject(ids)} skipped because {belong} to {owner}; pass --owner {owner} if that is this repository, "
            f"or --id {one} to write a charter for {it} anyway"
        )


def _subject(ids: list[str]) -> str:
    """Return the start of a sentence: the only id, or the number of ids and the first few, and a verb."""
    if len(ids) == 1:
        return f"{ids[0]} is"
    more = ", …" if len(ids) > _NAMED else ""
    return f"{len(ids):,} schedules ({', '.join(ids[:_NAMED])}{more}) are"
