"""Load what a spec declares for several environments, whose schedules must not overlap."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from reconciler import errors, spelling
from reconciler.repospec import identities, loader, nodes, problems, rules, sections, source, values
from reconciler.schedule import declarations, fields, ownership

ALL = "*"  # in place of names: every environment that the spec declares


def is_several(names: Sequence[str]) -> bool:
    """Return whether names select several environments, rather than one or none."""
    return len(names) > 1 or ALL in names


def load(
    path: pathlib.Path,
    choice: declarations.Choice,
    names: Sequence[str],
    *,
    salt: bytes = b"",
    is_one_server: bool = True,
) -> tuple[declarations.Declaration, ...]:
    """Return what the file declares for each environment, in the order of the names or, with `*`, of the file.

    Raises what `loader.load` raises, with the problems of all environments, and also an error if a schedule could
    belong to two environments. Environments may share a prefix unless they are on the same server.
    """
    root = nodes.compose(source.read(path), str(path))
    folder = loader.folder_of(path)
    found: list[declarations.Declaration] = []
    faults: list[tuple[str, tuple[problems.Problem, ...]]] = []
    for name in _chosen(root, str(path), choice, names, folder):
        try:
            found.append(loader.declared(root, str(path), dataclasses.replace(choice, environment=name), folder))
        except problems.InvalidSpecError as error:
            faults.append((name, error.problems))
        except errors.UsageError as error:
            if repr(name) in error.message:
                raise
            raise errors.UsageError(f"environment {name!r}: {error.message}", hint=error.hint) from None
    if faults:
        raise problems.InvalidSpecError(
            problems.of_environments([*faults, *((str(each.environment), ()) for each in found)])
        )
    check_apart(found, is_one_server=is_one_server)
    return tuple(dataclasses.replace(each, salt=salt) for each in found)


def valid(declared: Sequence[declarations.Declaration]) -> str:
    """Return the message for a valid spec, with its environments (if several) and its number of charters."""
    first, *others = declared
    count = len(first.charters)
    where = (
        f" in {len(declared)} environments ({', '.join(str(each.environment) for each in declared)})" if others else ""
    )
    return f"{first.path}: valid{where}, {spelling.counted(count, 'charter')}"


def _chosen(
    root: nodes.Node | None, path: str, choice: declarations.Choice, names: Sequence[str], folder: pathlib.Path | None
) -> tuple[str, ...]:
    """Return the names without repetitions; `*` is replaced by all the names that the file declares."""
    chosen = tuple(dict.fromkeys(names))
    if ALL not in chosen:
        return chosen
    if len(chosen) > 1:
        raise errors.UsageError(
            f"environment '{ALL}' selects all environments, but {chosen[chosen[0] == ALL]!r} is also specified",
            hint="remove one of the two",
        )
    declared = _declared(root)
    if not declared:
        loader.declared(root, path, dataclasses.replace(choice, only=()), folder)  # reports an invalid file
        raise errors.UsageError(
            f"{path} declares no environments, so '{ALL}' selects none",
            hint="declare environments in the section, or select none",
        )
    return declared


def _declared(root: nodes.Node | None) -> tuple[str, ...]:
    """Return the environments of a file that may be invalid; none if they cannot be read."""
    if not isinstance(root, nodes.Mapping):
        return ()
    pairs = {name: (key, value) for name, key, value in values.pairs(root, [])}
    dialect = sections.find(pairs)
    if dialect is None:
        return ()
    found = rules.value_at(sections.evaluate(pairs[dialect.section][1], dialect), rules.ENVIRONMENTS)
    return tuple(found) if isinstance(found, dict) else ()


def check_apart(found: Sequence[declarations.Declaration], *, is_one_server: bool = True) -> None:
    """Raise if a schedule could belong to two enabled environments: each would pause or overwrite it.

    Environments that share a prefix are accepted unless they are on the same server. The error is
    `errors.InvalidSpecError` if the file is at fault, and `errors.UsageError` if an option is.
    """
    enabled = [each for each in found if each.enabled]
    faults: list[problems.Problem] = []
    for second, others in ((each, enabled[:index]) for index, each in enumerate(enabled)):
        first = next((each for each in others if _shared(each, second)), None)
        if first is None:
            for other in others:
                faults += [*_declared_twice(other, second), *_renamed_twice(other, second)]
            continue
        if not is_one_server:
            continue
        message = _overlap(first, second)
        if second.prefix_place is None:
            raise errors.UsageError(message, hint=_APART)
        faults.append(problems.Problem(place=second.prefix_place, message=message, hint=_APART))
    if faults:
        raise problems.InvalidSpecError(faults)


_APART = 'declare a separate prefix for each environment in the section, such as prefix: "${environment}:"'


def _shared(first: declarations.Declaration, second: declarations.Declaration) -> tuple[str, str] | None:
    """Return one prefix from each such that both environments could manage the same schedule; None if they cannot."""
    return ownership.shared(first.prefixes, second.prefixes, is_one_owner=first.owner == second.owner)


def _overlap(first: declarations.Declaration, second: declarations.Declaration) -> str:
    one, other = (ownership.shown([prefix]) for prefix in _shared(first, second) or ("", ""))
    both = f"both manage {one}" if one == other else f"manage {one} and {other}, which overlap"
    return (
        f"environments {first.environment!r} and {second.environment!r} {both}: each would pause or overwrite the "
        "other's schedules"
    )


def _declared_twice(first: declarations.Declaration, second: declarations.Declaration) -> Iterator[problems.Problem]:
    ids = {charter.schedule.id for charter in first.charters}
    for charter in second.charters:
        if charter.schedule.id in ids:
            yield problems.Problem(
                place=charter.places.get("id", charter.place),
                message=f"environments {first.environment!r} and {second.environment!r} both declare schedule "
                f"{charter.schedule.id!r}",
                hint='use a different ID in each, such as id: "${environment}:…"',
            )


def _renamed_twice(first: declarations.Declaration, second: declarations.Declaration) -> Iterator[problems.Problem]:
    """Yield a problem for each former id that both environments declare.

    Both may declare the same former charter name, because it yields a different id in each.
    """
    ids = {id_ for charter in first.charters for id_ in _former_ids(charter)}
    for charter in second.charters:
        taken = next((id_ for id_ in _former_ids(charter) if id_ in ids), None)
        if taken is not None:
            yield problems.Problem(
                place=charter.places.get(fields.FORMER.key, charter.place),
                message=f"environments {first.environment!r} and {second.environment!r} cannot both replace {taken!r}",
                hint=f"declare {fields.FORMER.key!r} in only one environment, or specify a charter's name instead",
            )


def _former_ids(charter: declarations.Charter) -> tuple[str, ...]:
    """Return a charter's possible former ids; a second one that is a valid charter name is treated only as a name."""
    return tuple(id_ for id_ in charter.was if id_ == charter.was[0] or not identities.is_name(id_))
