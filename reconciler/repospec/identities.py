"""Check that each charter has a unique id and unique former names, and an id that a prefix covers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.repospec import problems
from reconciler.schedule import declarations, fields, ownership


def check(declared: Sequence[declarations.Charter], prefixes: ownership.Prefixes) -> Iterator[problems.Problem]:
    """Yield a problem for each charter whose id or former name is not unique, or whose id no prefix covers."""
    yield from _same_ids(declared)
    yield from _former_names(declared)
    yield from _uncovered(declared, prefixes)


def _same_ids(declared: Iterable[declarations.Charter]) -> Iterator[problems.Problem]:
    """Yield a problem for each charter with the same id as an earlier one; the rules report duplicate names."""
    first: dict[str, declarations.Charter] = {}
    for charter in declared:
        other = first.setdefault(charter.schedule.id, charter)
        if other is not charter:
            place = charter.places.get(fields.IDENTITY.key, charter.place)
            names = f"charters {other.name!r} and {charter.name!r}"
            message = (
                f"{names} have the same ID, {charter.schedule.id!r} (first {problems.seen_from(place, other.place)})"
            )
            yield problems.Problem(place=place, message=message, hint="change one of them")


def _former_names(declared: Iterable[declarations.Charter]) -> Iterator[problems.Problem]:
    """Yield a problem for each former name that is the charter's current name, is still declared, or is used twice."""
    charters_ = tuple(declared)
    first: dict[str, declarations.Charter] = {}
    for charter in (each for each in charters_ if each.was):
        was, key, hint = charter.was[-1], fields.FORMER.key, "change one of them"
        other = next((each for id_ in charter.was if (each := first.setdefault(id_, charter)) is not charter), None)
        holder = next((each for each in charters_ if each is not charter and _is_called(each, charter)), None)
        if charter.schedule.id == charter.was[0]:
            message = f"charter {charter.name!r} is still called {was!r}, so it was not renamed"
            hint = f"write its previous name, or remove {key!r}"
        elif holder is not None:
            where = problems.seen_from(charter.place, holder.place)
            message = f"charter {charter.name!r} cannot replace {was!r}, which is still declared {where}"
            hint = f"remove charter {holder.name!r}, or remove {key!r}"
        elif other is not None:
            message = f"charters {other.name!r} and {charter.name!r} cannot both replace {was!r}"
        else:
            continue
        yield problems.Problem(place=charter.places.get(key, charter.place), message=message, hint=hint)


def check_others(
    declared: Iterable[declarations.Charter], environment: str | None, others: Mapping[str, str]
) -> Iterator[problems.Problem]:
    """Yield a problem for each former name that another environment declares: each apply would undo the other's.

    `others` maps ids to environments.
    """
    for charter in declared:
        taken = next((id_ for id_ in charter.was if id_ in others), None)
        if taken is not None:
            here = f" of environment {environment!r}" if environment else ""
            yield problems.Problem(
                place=charter.places.get(fields.FORMER.key, charter.place),
                message=f"charter {charter.name!r}{here} cannot replace {taken!r}, which environment {others[taken]!r} "
                "declares: each environment's apply would undo the other's",
                hint=f"specify the ID that the charter had in its own environment, or remove {fields.FORMER.key!r}",
            )


def is_name(text: str) -> bool:
    """Return whether a string is a valid charter name according to the schema."""
    return _NAME.fullmatch(text) is not None


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


def _is_called(declared: declarations.Charter, renamed: declarations.Charter) -> bool:
    return declared.name.lower() == renamed.was[-1].lower() or declared.schedule.id in renamed.was


def _uncovered(declared: Iterable[declarations.Charter], prefixes: ownership.Prefixes) -> Iterator[problems.Problem]:
    """Yield a problem for each charter whose id no prefix covers: no plan would show its removal."""
    for charter in declared:
        id_ = charter.schedule.id
        if not ownership.covers(prefixes, id_):
            wanted = json.dumps([*prefixes, ownership.prefix_for(id_)], ensure_ascii=False)
            yield problems.Problem(
                place=charter.places.get(fields.IDENTITY.key, charter.place),
                message=f"no prefix covers the ID {id_!r}: if the charter were removed, no plan would show the "
                "schedule",
                hint=f"add one to the section, for example prefix: {wanted}",
            )
