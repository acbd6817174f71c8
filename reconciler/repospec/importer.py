"""Import live schedules as charters into a repo-spec without changing any of its existing text."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from reconciler import errors, json_values
from reconciler.plan import build
from reconciler.repospec import (
    charter_keys,
    charters,
    dialects,
    insertion,
    loader,
    nodes,
    problems,
    references,
    round_trip,
    skipped,
    source,
    values,
    yaml_text,
)
from reconciler.schedule import declarations, encodings, fields, model, ownership, redaction


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The new text of the spec, the names of the added charters, and remarks, one sentence each.

    `left_out` lists what the next plan would change or pause, `refused` the schedules requested by id that cannot have
    a charter, `skipped` the schedules that are not for this spec, and `warnings` whatever else a person should know.
    """

    text: str
    added: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


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
    listed: Collection[str] = (),
    unexpressed: Mapping[str, Sequence[str]] | None = None,
) -> Imported:
    """Return the spec with a charter for each schedule that it does not declare yet.

    If `text` is None, a new spec is created. `folder` contains the files that the spec may include. A section keeps its
    prefixes, and gets any that an imported id needs. `listed` has the ids of all schedules; a new prefix must not cover
    any that remain undeclared. Other owners' schedules are skipped, except for the ids in `named`. `unexpressed` maps
    ids to sentences about parts of the schedule that `model.Schedule` cannot represent.

    Raises `errors.InvalidSpecError` if the existing spec is not valid, and `errors.UsageError` if charters cannot be
    added to it.
    """
    choice = choice or declarations.Choice()
    file = _opened(text or "", path, choice, folder)
    entries: list[charter_keys.Entry] = []
    expected: dict[str, model.Schedule] = {}
    left_out: list[str] = []
    refused: dict[str, str] = {}
    inexpressible: list[tuple[model.Schedule, str]] = []
    warnings: list[str] = []
    ordered = sorted(schedules, key=lambda each: (each.id != each.id.lower(), each.id))  # lower-case ids first
    taken = {charter.schedule.id for charter in file.declaration.charters}
    former = {id_ for charter in file.declaration.charters for id_ in charter.was}
    names = {name.lower() for charter in file.declaration.charters for name in (charter.name, *charter.was[-1:])}
    held = taken | former
    ignored = {each.id for each in ordered if skipped.is_skipped(each, file.declaration, held, named)}
    wanted = [each for each in ordered if each.id not in ignored]
    own = (*file.declaration.prefixes, *(choice.prefixes or ()))
    wider = _widened(file, wanted, {*listed} - taken, choice.prefixes or ())
    drafts: list[tuple[model.Schedule, charter_keys.Entry]] = []
    for schedule in wanted:
        if reason := _unfitting(schedule, wider.declaration):
            refused[schedule.id] = f"{schedule.id}: {reason}"
        else:
            drafts.append((schedule, _entry(schedule, wider, names)))
            names.add(drafts[-1][1]["charter"].lower())
    head = _head(wider, wider.declaration.prefixes)
    read = round_trip.reader(
        [entry for _, entry in drafts if _has_times(entry)], wider.root, head, wider.dialect, wider.choice
    )
    for schedule, draft in drafts:
        entry, charter, missing = _charter(schedule, draft, read)
        if charter is None:
            inexpressible.append((schedule, missing[0]))
        else:
            left_out += [f"{schedule.id}: {each}" for each in missing]
            entries.append(entry)
            expected[charter.schedule.id] = charter.schedule
            kept = charter_keys.kept(entry)
            remarks = [*kept, *_remarks(schedule, entry, file.declaration), *(unexpressed or {}).get(schedule.id, ())]
            warnings += [f"{schedule.id}: {each}" for each in remarks]
    final = _needed(wider, file, expected)
    for each, reason in inexpressible:
        refused[each.id] = f"{each.id}: {reason}; {_fate(each, final.declaration)}"
    warnings += [_of_whole_id(each) for each in final.declaration.prefixes if each in expected and each not in own]
    if unmarked := sum(file.declaration.owner != "" and each.owner is None and each.id in expected for each in ordered):
        have, them = ("1 schedule has", "it") if unmarked == 1 else (f"{unmarked} schedules have", "them")
        warnings.append(f"{have} no owner's mark: the next apply will mark {them} as {file.declaration.owner}'s")
    if not ordered and not named:
        warnings.append(_without_match(choice.prefixes or file.declaration.prefixes))
    if any(isinstance(each, model.Opaque) and each.is_coded for one in ordered for each in one.payloads):
        warnings.append("some payloads are encrypted, and only a codec can read them: pass --codec-endpoint")
    return Imported(
        text=_written(file, final.declaration.prefixes, entries, expected),
        added=tuple(entry["charter"] for entry in entries),
        left_out=(*left_out, *(sentence for id_, sentence in refused.items() if id_ not in named)),
        warnings=tuple(warnings),
        skipped=tuple(skipped.sentences((each for each in ordered if each.id in ignored), taken, former)),
        refused=tuple(sentence for id_, sentence in refused.items() if id_ in named),
    )


def prefixes(
    text: str | None, path: str, choice: declarations.Choice, folder: pathlib.Path | None = None
) -> ownership.Prefixes:
    """Return the prefixes for imported ids: the chosen ones, or else the spec's; raises the same errors as `add`."""
    file = _opened(text or "", path, choice, folder)
    return choice.prefixes or file.declaration.prefixes


def _without_match(prefixes: ownership.Prefixes) -> str:
    """Return the remark on prefixes that cover no schedule on the server."""
    if "" in prefixes:
        return "the namespace has no schedules; check --namespace and --address"
    return f"no schedules match {ownership.shown(prefixes)}; pass another --prefix, or --id"


def _widened(
    file: _File, schedules: Iterable[model.Schedule], others: Collection[str], chosen: Collection[str]
) -> _File:
    """Return the file with a new prefix for each schedule that no prefix covers, if a prefix can be added.

    A prefix in `chosen` is tried first, then the part of the id up to its last colon, then the id itself. The last two
    are not used if they cover ids that remain undeclared, because those would be paused. If none fits and there is an
    owner, the empty prefix replaces all new ones: it covers only what has the owner's mark. A new section gets the
    default prefix only if an id needs it.
    """
    imported = [each.id for each in schedules if each.id.isprintable()]  # a prefix must be printable
    own = file.declaration.prefixes
    if file.section is None and imported and not chosen and not any(ownership.covers(own, id_) for id_ in imported):
        own = ()
    others = {id_ for id_ in others if not ownership.claims(own, id_)} - set(imported)
    prefixes = list(own)
    for id_ in imported:
        if ownership.covers(tuple(prefixes), id_):
            continue
        fitting = (prefix for prefix in chosen if id_.startswith(prefix))
        narrow = (prefix for prefix in _prefixes_for(id_) if not _any_starts(others, prefix))
        prefix = next(itertools.chain(fitting, narrow), None)
        if prefix is not None and len(prefixes) < ownership.MOST_PREFIXES:
            prefixes.append(prefix)
        elif file.declaration.owner:
            return _with_prefixes(file, (*own, ""))
    return _with_prefixes(file, tuple(prefixes))


def _prefixes_for(schedule_id: str) -> tuple[str, str]:
    """Return the prefix that people would expect for an id, and the longest possible one."""
    length = ownership.LONGEST_PREFIX
    return ownership.prefix_for(schedule_id)[:length], schedule_id[:length]


def _any_starts(ids: Iterable[str], prefix: str) -> bool:
    return any(id_.startswith(prefix) for id_ in ids)


def _needed(wider: _File, file: _File, imported: Collection[str]) -> _File:
    """Return the file from `_widened` without the added prefixes that no imported id needs."""
    own = file.declaration.prefixes
    kept = tuple(each for each in wider.declaration.prefixes if each in own or _any_starts(imported, each))
    needed = _with_prefixes(wider, kept or own)
    build.check_owner(needed.declaration)
    return needed


def _with_prefixes(file: _File, prefixes: ownership.Prefixes) -> _File:
    return dataclasses.replace(
        file,
        declaration=dataclasses.replace(file.declaration, prefixes=prefixes),
        choice=dataclasses.replace(file.choice, prefixes=prefixes),
    )


def _opened(text: str, path: str, choice: declarations.Choice, folder: pathlib.Path | None) -> _File:
    mark = source.BYTE_ORDER_MARK if text.startswith(source.BYTE_ORDER_MARK) else ""
    root = nodes.compose(text.removeprefix(mark), path)
    if root is None or (isinstance(root, nodes.Scalar) and not root.text):
        root = section = None
    else:
        section = _section(root, path, choice, folder)
    if section is None:
        if choice.environment:
            raise errors.UsageError(
                f"{path} has no environment {choice.environment!r}", hint="the file declares no environments"
            )
        prefixes, owner = choice.prefixes or ownership.DEFAULT_PREFIXES, choice.owner or choice.repository or ""
        declaration = declarations.Declaration(path=path, charters=(), prefixes=prefixes, owner=owner)
    else:
        declaration = loader.declared(root, path, dataclasses.replace(choice, prefixes=None), folder)
    return _File(
        text=text,
        path=path,
        root=root,
        section=section,
        declaration=declaration,
        choice=declarations.Choice(
            environment=choice.environment, prefixes=declaration.prefixes, variables=choice.variables
        ),
        folder=folder,
        dialect=dialects.of(root, path),
    )


def _section(
    root: nodes.Node | None, path: str, choice: declarations.Choice, folder: pathlib.Path | None
) -> values.Document | None:
    """Return our section as the chosen environment sees it, None if it is missing or empty."""
    found = loader.section(root, path, choice, folder, may_lack_keys=True)
    return found.chosen.document if found else None


def _unfitting(schedule: model.Schedule, declaration: declarations.Declaration) -> str:
    """Return why the schedule cannot be imported, if no prefix covers it; empty if one does."""
    if ownership.covers(declaration.prefixes, schedule.id):
        return ""
    if not schedule.id.isprintable():
        reason = _inexpressible("its ID contains an invisible character")
        return f"{reason}; {_fate(schedule, declaration)}"
    return (
        "no prefix covers it, and any prefix that did would also cover other schedules, which the next apply would "
        "pause; import those schedules as well, or specify --owner so that the empty prefix can be added"
    )


def _of_whole_id(prefix: str) -> str:
    """Return the remark on an added prefix that is identical to an imported id."""
    return (
        f"the prefix {prefix!r} is the whole ID of a schedule, so it also covers every other ID that begins with it: "
        "the next apply pauses any that no charter declares, including schedules created later; once the schedule is "
        "gone, remove the prefix"
    )


def _entry(schedule: model.Schedule, file: _File, names: Container[str]) -> charter_keys.Entry:
    """Return the schedule's charter as written, without what the file's defaults already contain."""
    prefix = file.declaration.prefixes[0]
    name = charter_keys.name(schedule, prefix, names)
    identity = {values.Own.CHARTER: name, values.Own.ID: schedule.id}
    inherited = charters.inherited(file.section, file.choice.environment, ownership.default_id(prefix, name), identity)
    return charter_keys.entry(schedule, inherited, name)


def _has_times(entry: charter_keys.Entry) -> bool:
    return not entry.keys().isdisjoint(fields.FIRINGS)


def _charter(
    schedule: model.Schedule, entry: charter_keys.Entry, read: charter_keys.Read
) -> tuple[charter_keys.Entry, declarations.Charter | None, list[str]]:
    """Return the charter as written, the charter as read (None if that is impossible), and what it cannot express.

    Values that it cannot express but that have a path are listed under `ignore`, so that the next plan preserves them.
    """
    if not _has_times(entry):
        return entry, None, [_inexpressible("it has no times")]
    try:
        entry, charter = charter_keys.accepted(entry, read)
    except problems.InvalidSpecError as error:
        return entry, None, [_inexpressible(error.problems[0].message)]
    if charter.schedule.id != schedule.id:  # the charter would create a second schedule
        return entry, None, [_inexpressible(f"its ID would be {charter.schedule.id}")]
    remaining = []
    for path in charter_keys.differences(schedule, charter):
        ignoring = charter_keys.ignoring(entry, path)
        try:
            entry, charter = ignoring, read(ignoring)
        except problems.InvalidSpecError:
            remaining.append(f"{path} cannot be expressed and would change")
    return entry, charter, remaining


def _inexpressible(reason: str) -> str:
    return f"this schedule cannot be expressed as a charter: {reason}"


def _fate(schedule: model.Schedule, declaration: declarations.Declaration) -> str:
    """Return what the next apply does to a schedule that no charter declares."""
    if ownership.is_ours(declaration.prefixes, declaration.owner, schedule.id, schedule.owner):
        return "the next apply will pause it"
    return "it is left unchanged"


def _remarks(
    schedule: model.Schedule, entry: charter_keys.Entry, declaration: declarations.Declaration
) -> Iterator[str]:
    """Yield what a person should know about a charter but will not see in any plan."""
    if skipped.is_foreign(schedule, declaration):
        yield f"belongs to {schedule.owner}: apply refuses this charter unless you pass --adopt to take it over"
    for comment in charter_keys.comments(schedule.timing):
        shown = redaction.text(comment)
        yield f"the calendar comment {shown!r} cannot be expressed and will be lost when the times change"
    written, redacted = (
        {**charter_keys.words(each), fields.ARGUMENTS: list(map(_readable, each.action.arguments))}
        for each in (schedule, fields.redacted(schedule))
    )
    for key in (key for key in entry if key in written):
        for path in redaction.differences(written[key], redacted[key], key):
            yield f"{path} is written in plain text: remove it from the spec if it is a secret"


def _readable(argument: model.AnyArgument) -> json_values.Json:
    """Return an argument as it is in a charter; None if it is not JSON, because secrets in it cannot be recognized."""
    return None if isinstance(argument, model.Opaque) else encodings.words(argument)


def _written(
    file: _File,
    prefixes: ownership.Prefixes,
    entries: Sequence[charter_keys.Entry],
    expected: Mapping[str, model.Schedule],
) -> str:
    """Return the file's text with the entries and the prefixes; it is parsed again to verify what it declares."""
    head = _head(file, prefixes)
    if not entries:
        return file.text or "\n".join([*yaml_text.block({file.dialect.section: {**head, dialects.LIST: []}}, 0), ""])
    mark = source.BYTE_ORDER_MARK if file.text.startswith(source.BYTE_ORDER_MARK) else ""
    text, root = file.text.removeprefix(mark), file.root
    added = prefixes[len(file.declaration.prefixes) :]
    if file.section is not None and added:
        own = file.declaration.prefixes
        text = insertion.with_prefixes(text, root, references.escaped(own), references.escaped(added), file.dialect)
        root = nodes.compose(text, file.path)
    entries = references.escaped(entries)
    text = mark + insertion.insert(text, root, entries, head, file.dialect)
    if len(text.encode()) > source.SIZE_LIMIT:
        raise errors.UsageError(
            f"{file.path}: would exceed 16 MiB with {len(entries)} more charters",
            hint="import only some of them, with --id",
        )
    wanted = {**expected} | {each.schedule.id: each.schedule for each in file.declaration.charters}
    try:
        root = nodes.compose(text.removeprefix(mark), file.path)
    except errors.InvalidSpecError as error:
        raise _unfit(file) from error
    try:
        declaration = loader.declared(root, file.path, dataclasses.replace(file.choice, prefixes=None), file.folder)
    except errors.InvalidSpecError as error:
        raise errors.UsageError(
            f"the repo-spec would be invalid with the new charters:\n{error.message}",
            hint="correct the spec, or import only some of the schedules, with --id",
        ) from error
    found = {each.schedule.id: each.schedule for each in declaration.charters}
    if (found, declaration.prefixes) != (wanted, prefixes):
        raise _unfit(file)
    return text


def _head(file: _File, prefixes: ownership.Prefixes) -> dict[str, str | list[str]]:
    """Return the first keys of a new section: an owner if the empty prefix needs one, and the prefixes.

    The `temporal` spelling has no default prefix.
    """
    usual = file.dialect is dialects.GOVERNANCE and prefixes == ownership.DEFAULT_PREFIXES
    if file.section is not None or usual:
        return {}
    written = references.escaped(prefixes)
    owner = {"owner": references.escaped(file.declaration.owner)} if "" in prefixes and file.declaration.owner else {}
    return {**owner, insertion.PREFIX: written[0] if len(written) == 1 else written}


def _unfit(file: _File) -> errors.UsageError:
    return errors.UsageError(
        f"{file.path}: charters cannot be inserted into the file in its current form",
        hint=f"write {file.dialect.section} and schedules as plain objects and lists with one key or entry per line",
    )
