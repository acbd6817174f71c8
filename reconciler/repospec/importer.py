"""Import live schedules as charters into a repo-spec, without changing a character of its existing text."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from reconciler import errors, json_values
from reconciler.repospec import (
    charter_keys,
    charters,
    dialects,
    includes,
    insertion,
    loader,
    nodes,
    problems,
    references,
    source,
    values,
    yaml_text,
)
from reconciler.schedule import declarations, encodings, fields, model, ownership, redaction

_READ_AS = "the import"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The new text of the spec, the names of the added charters, and remarks, a sentence each.

    `left_out` is what the next plan would change or pause, `warnings` is what else a person should know.
    """

    text: str
    added: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A spec before the import; `section` is None if it is missing or empty."""

    text: str
    path: str
    root: nodes.Node | None
    section: values.Document | None
    declaration: declarations.Declaration
    choice: declarations.Choice
    folder: pathlib.Path | None
    dialect: dialects.Dialect


def add(
    text: str | None,
    path: str,
    schedules: Iterable[model.Schedule],
    choice: declarations.Choice | None = None,
    *,
    folder: pathlib.Path | None = None,
    named: Collection[str] = (),
    unexpressed: Mapping[str, Sequence[str]] | None = None,
) -> Imported:
    """Return the spec with a charter for each schedule that it does not declare yet.

    Without a `text`, a new spec is written. `folder` has the files that the spec may include. A chosen prefix applies
    to a new section only. Schedules of other owners are skipped, except for the ids in `named`. `unexpressed` are
    sentences, by id, about parts of a schedule that `model.Schedule` does not have.

    Raises `errors.InvalidSpecError` if the existing spec is not valid, `errors.UsageError` if charters cannot be added
    to it.
    """
    file = _opened(text or "", path, choice or declarations.Choice(), folder)
    entries: list[charter_keys.Entry] = []
    expected: dict[str, model.Schedule] = {}
    left_out: list[str] = []
    warnings: list[str] = []
    ordered = sorted(schedules, key=lambda each: (each.id != each.id.lower(), each.id))  # lower-case ids first
    taken = {charter.schedule.id for charter in file.declaration.charters}
    names = {charter.name.lower() for charter in file.declaration.charters}
    for schedule in ordered:
        if refusal := _refusal(schedule, file.declaration, taken, named):
            left_out.append(f"{schedule.id}: {refusal}")
            continue
        entry, charter, missing = _charter(schedule, file, names)
        names.add(entry["charter"].lower())
        left_out += [f"{schedule.id}: {each}" for each in missing]
        if charter is not None:
            entries.append(entry)
            expected[charter.schedule.id] = charter.schedule
            remarks = [*_remarks(schedule, entry, file.declaration), *(unexpressed or {}).get(schedule.id, ())]
            warnings += [f"{schedule.id}: {each}" for each in remarks]
    if unmarked := sum(file.declaration.owner != "" and each.owner is None and each.id in expected for each in ordered):
        warnings.append(f"{unmarked} without an owner's mark: the next apply marks them as {file.declaration.owner}'s")
    if any(isinstance(each, model.Opaque) and each.is_coded for one in ordered for each in one.action.payloads):
        warnings.append("there are encrypted payloads, which only a codec can read: pass --codec-endpoint")
    return Imported(
        text=_written(file, entries, expected),
        added=tuple(entry["charter"] for entry in entries),
        left_out=tuple(left_out),
        warnings=tuple(warnings),
    )


def prefix(text: str | None, path: str, choice: declarations.Choice, folder: pathlib.Path | None = None) -> str:
    """Return the prefix of the ids that are imported: the chosen one, else the spec's; raises as `add` does."""
    file = _opened(text or "", path, choice, folder)
    return choice.prefix or file.declaration.prefix


def _opened(text: str, path: str, choice: declarations.Choice, folder: pathlib.Path | None) -> _File:
    mark = source.BYTE_ORDER_MARK if text.startswith(source.BYTE_ORDER_MARK) else ""
    root = nodes.compose(text.removeprefix(mark), path)
    if root is None or (isinstance(root, nodes.Scalar) and not root.text):
        root = section = None
    else:
        section = _section(root, path, choice, folder)
    if section is None:
        if choice.environment:
            raise errors.UsageError(f"{path} has no environment {choice.environment!r}", hint="declared are none")
        prefix, owner = choice.prefix or ownership.GOVERNANCE_PREFIX, choice.owner or choice.repository or ""
        declaration = declarations.Declaration(path=path, charters=(), prefix=prefix, owner=owner)
    else:
        declaration = loader.declared(root, path, dataclasses.replace(choice, prefix=None), folder)
    return _File(
        text=text,
        path=path,
        root=root,
        section=section,
        declaration=declaration,
        choice=declarations.Choice(
            environment=choice.environment, prefix=declaration.prefix, variables=choice.variables
        ),
        folder=folder,
        dialect=dialects.of(root, path),
    )


def _section(
    root: nodes.Node | None, path: str, choice: declarations.Choice, folder: pathlib.Path | None
) -> values.Document | None:
    """Return our section as the chosen environment sees it, None if it is missing or empty."""
    found = loader.section(root, path, choice, folder)
    return found.chosen.document if found else None


def _refusal(
    schedule: model.Schedule, declaration: declarations.Declaration, taken: Collection[str], named: Collection[str]
) -> str:
    """Return why a schedule gets no charter, whatever its fields are; empty if it may have one."""
    if schedule.id in taken:
        return "already declared"
    if _is_foreign(schedule, declaration) and schedule.id not in named:
        return (
            f"belongs to {schedule.owner}, and is left out: --owner {schedule.owner} if that is this repository,"
            f" --id {schedule.id} to write a charter for it anyway"
        )
    return ""


def _is_foreign(schedule: model.Schedule, declaration: declarations.Declaration) -> bool:
    return schedule.owner is not None and schedule.owner != declaration.owner


def _charter(
    schedule: model.Schedule, file: _File, names: Container[str]
) -> tuple[charter_keys.Entry, declarations.Charter | None, list[str]]:
    """Return the charter as written and as read, None if there can be none, and what it cannot express.

    Values that it cannot express but can name are listed under `ignore`, so that the next plan keeps them.
    """
    prefix = file.declaration.prefix
    name = charter_keys.name(schedule, prefix, names)
    identity = {values.Own.CHARTER: name, values.Own.ID: schedule.id}
    inherited = charters.inherited(file.section, file.choice.environment, prefix + name.lower(), identity)
    entry = charter_keys.entry(schedule, inherited, name)
    if entry.keys().isdisjoint(fields.FIRINGS):
        return entry, None, [_inexpressible("it has no times", schedule.id, prefix)]
    try:
        entry, charter = charter_keys.accepted(entry, lambda keys: _read_back(keys, file))
    except problems.InvalidSpecError as error:
        return entry, None, [_inexpressible(error.problems[0].message, schedule.id, prefix)]
    if charter.schedule.id != schedule.id:  # the charter would create another schedule next to this one
        return entry, None, [_inexpressible(f"its id would be {charter.schedule.id}", schedule.id, prefix)]
    remaining = []
    for path in charter_keys.differences(schedule, charter):
        ignoring = charter_keys.ignoring(entry, path)
        try:
            entry, charter = ignoring, _read_back(ignoring, file)
        except problems.InvalidSpecError:
            remaining.append(f"{path} cannot be expressed and would change")
    return entry, charter, remaining


def _read_back(entry: charter_keys.Entry, file: _File) -> declarations.Charter:
    """Return how the charter is read among the file's defaults, which proves that nothing was lost."""
    place = declarations.Place(path=_READ_AS, line=1, column=1)
    written = "\n".join(yaml_text.block([references.escaped(file.dialect.entry(entry))], 0))
    listed = nodes.compose(written, _READ_AS) or _text("", place)
    kept: list[tuple[nodes.Node, nodes.Node]] = []
    for key, value in _pairs_of_section(file):
        if isinstance(key, nodes.Scalar) and key.text not in (dialects.LIST, includes.KEY):
            kept.append((key, _without_charters(value) if key.text == "environments" else value))
    head = nodes.compose("\n".join(yaml_text.block(_head(file), 0)), _READ_AS) if file.section is None else None
    kept += head.pairs if isinstance(head, nodes.Mapping) else []
    section = nodes.Mapping(place=place, tag=None, pairs=[*kept, (_text(dialects.LIST, place), listed)])
    root = nodes.Mapping(place=place, tag=None, pairs=[(_text(file.dialect.section, place), section)])
    (charter,) = loader.declared(root, _READ_AS, file.choice).charters
    return charter


def _pairs_of_section(file: _File) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    for key, value in file.root.pairs if isinstance(file.root, nodes.Mapping) else ():
        if isinstance(key, nodes.Scalar) and key.text == file.dialect.section and isinstance(value, nodes.Mapping):
            yield from value.pairs


def _without_charters(environments: nodes.Node) -> nodes.Node:
    """Return the environments without overrides of single charters, none of which applies to a new charter."""
    if not isinstance(environments, nodes.Mapping):
        return environments
    bare = [
        (name, nodes.Mapping(place=each.place, tag=None, pairs=list(_without(each, "charters"))))
        if isinstance(each, nodes.Mapping)
        else (name, each)
        for name, each in environments.pairs
    ]
    return nodes.Mapping(place=environments.place, tag=None, pairs=list(bare))


def _without(node: nodes.Mapping, name: str) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    return ((key, value) for key, value in node.pairs if not (isinstance(key, nodes.Scalar) and key.text == name))


def _text(text: str, place: declarations.Place) -> nodes.Scalar:
    return nodes.Scalar(place=place, text=text, plain=True, tag=None, written="")


def _inexpressible(reason: str, schedule_id: str, prefix: str) -> str:
    return f"this schedule cannot be expressed as a charter: {reason}; {_fate(schedule_id, prefix)}"


def _fate(schedule_id: str, prefix: str) -> str:
    """Return what the next apply does with a schedule that no charter declares."""
    if schedule_id.startswith(prefix):
        return "the next apply pauses this one, unless it is another owner's"
    return "this one stays as it is"


def _remarks(
    schedule: model.Schedule, entry: charter_keys.Entry, declaration: declarations.Declaration
) -> Iterator[str]:
    """Yield what a person should know about a charter and no plan will show."""
    if _is_foreign(schedule, declaration):
        yield f"belongs to {schedule.owner}: apply refuses this charter unless --adopt takes the schedule over"
    for comment in charter_keys.comments(schedule.timing):
        shown = redaction.text(comment)
        yield f"the comment {shown!r} of a calendar cannot be expressed, and is lost when the times change"
    written, redacted = (
        {**charter_keys.words(each), fields.ARGUMENTS: list(map(_readable, each.action.arguments))}
        for each in (schedule, fields.redacted(schedule))
    )
    for key in (key for key in entry if key in written):
        for path in redaction.differences(written[key], redacted[key], key):
            yield f"{path} is written in the clear: take it out of the spec if it is a secret"


def _readable(argument: model.AnyArgument) -> json_values.Json:
    """Return an argument as a charter writes it; None if it is not JSON, as no secret can be recognized in it."""
    return None if isinstance(argument, model.Opaque) else encodings.words(argument)


def _written(file: _File, entries: Sequence[charter_keys.Entry], expected: Mapping[str, model.Schedule]) -> str:
    """Return the file's text with the entries; it is read again to verify what they declare."""
    head = _head(file)
    if not entries:
        return file.text or "\n".join([*yaml_text.block({file.dialect.section: {**head, dialects.LIST: []}}, 0), ""])
    mark = source.BYTE_ORDER_MARK if file.text.startswith(source.BYTE_ORDER_MARK) else ""
    entries = references.escaped(entries)
    text = mark + insertion.insert(file.text.removeprefix(mark), file.root, entries, head, file.dialect)
    if len(text.encode()) > source.SIZE_LIMIT:
        raise errors.UsageError(
            f"{file.path}: would be over 1 MiB with {len(entries)} charters more", hint="import some, each by --id"
        )
    wanted = {**expected} | {each.schedule.id: each.schedule for each in file.declaration.charters}
    try:
        declaration = loader.parse(text.removeprefix(mark), file.path, file.choice, file.folder)
    except errors.InvalidSpecError as error:
        raise _unfit(file) from error
    if {each.schedule.id: each.schedule for each in declaration.charters} != wanted:
        raise _unfit(file)
    return text


def _head(file: _File) -> dict[str, str]:
    """Return the keys with which a new section begins; the neutral spelling has no default prefix."""
    usual = file.dialect is dialects.GOVERNANCE and file.declaration.prefix == ownership.GOVERNANCE_PREFIX
    if file.section is not None or usual:
        return {}
    return {"prefix": str(references.escaped(file.declaration.prefix))}


def _unfit(file: _File) -> errors.UsageError:
    return errors.UsageError(
        f"{file.path}: charters cannot be put into the file as it is written",
        hint=f"write {file.dialect.section} and schedules as plain objects and lists with a key or an entry to a line",
    )
