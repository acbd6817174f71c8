"""Included files: which are read, what they may contain, and where their mistakes are located."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Callable

import pytest

from reconciler import errors
from reconciler.plan import advice
from reconciler.repospec import importer, includes, loader, patterns, source, values
from reconciler.runtime import files
from reconciler.schedule import declarations
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
MAIN = 'governance:\n  include: ["schedules/**/*.yaml"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**texts: str) -> None:
    """Write files of the current folder; `__` in a name stands for a slash, and all of them are YAML."""
    for name, text in texts.items():
        path = pathlib.Path(name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def listing(*names: str, section: str = "governance", key: str = "charter") -> str:
    """Return an included file with charters, from line 3."""
    entries = (f'    - {{{key}: {name}, cron: "@daily", entrypoint: {name}}}\n' for name in names)
    return f"{section}:\n  schedules:\n{''.join(entries)}"


def load() -> declarations.Declaration:
    return loader.load(pathlib.Path("main.yaml"))


def problems() -> list[str]:
    with pytest.raises(errors.InvalidSpecError) as caught:
        load()
    return caught.value.message.splitlines()


def places(declaration: declarations.Declaration) -> dict[str, str]:
    return {charter.name: str(charter.place) for charter in declaration.charters}


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a.yaml", ["a.yaml"], ["b/a.yaml", "a.yaml/b", "A.yaml"]),
        ("./s//*.yaml", ["s/a.yaml"], ["s/.a.yaml", "s/t/a.yaml", "a.yaml", "s/a.yml"]),
        ("s/?[ab].yaml", ["s/xa.yaml"], ["s/a.yaml", "s/xc.yaml"]),
        ("**/*.yaml", ["a.yaml", "s/a.yaml", "s/t/a.yaml"], [".git/a.yaml", "s/.a.yaml", "a.yml"]),
        ("s/**/t/*.yaml", ["s/t/a.yaml", "s/u/v/t/a.yaml"], ["t/a.yaml", "s/a.yaml"]),
        ("s/**", ["s/a.yaml", "s/t/a"], ["a.yaml"]),
        ("**/**/a", ["a", "b/a", "c/b/a"], ["a/b"]),
        (".cogni/*.yaml", [".cogni/a.yaml"], ["cogni/a.yaml"]),
    ],
)
def test_a_pattern_matches_as_in_a_shell(pattern: str, matching: list[str], others: list[str]) -> None:
    assert patterns.fault(pattern) is None
    assert [path for path in [*matching, *others] if patterns.matches(pattern, path)] == matching


def test_charters_of_included_files_follow_those_of_the_spec_and_name_their_own_file() -> None:
    write(main=MAIN.replace("governance:\n", "governance:\n  defaults: {task_queue: q}\n"))
    write(schedules__b=listing("B1", "B2"), schedules__a__c=listing("C"), schedules__z="governance: {schedules: []}\n")
    found = load()
    assert places(found) == {
        "C": "schedules/a/c.yaml:3:7",
        "B1": "schedules/b.yaml:3:7",
        "B2": "schedules/b.yaml:4:7",
    }
    assert {charter.schedule.action.task_queue for charter in found.charters} == {"q"}
    (inclusion,) = found.inclusions
    assert inclusion.files == ("schedules/a/c.yaml", "schedules/b.yaml", "schedules/z.yaml")
    assert list(includes.files(pathlib.Path("main.yaml"))) == list(inclusion.files)


def test_an_environment_changes_charters_of_included_files() -> None:
    write(main=MAIN + "  environments: {test: {charters: {b: {timezone: Europe/Berlin}}}}\n", schedules__b=listing("B"))
    (charter,) = loader.load(pathlib.Path("main.yaml"), declarations.Choice(environment="test")).charters
    assert charter.schedule.timing.timezone == "Europe/Berlin"
    assert str(charter.overrides["timezone"]).startswith("main.yaml:3:")


def test_the_paths_are_those_of_the_specs_folder_as_it_was_named(folder: pathlib.Path) -> None:
    write(deep__main=MAIN, deep__schedules__a=listing("A"), schedules__other=listing("B"))
    found = loader.load(pathlib.Path("deep/main.yaml"))
    assert places(found) == {"A": "deep/schedules/a.yaml:3:7"}
    found = loader.load(folder / "deep/main.yaml")
    assert places(found) == {"A": f"{folder}/deep/schedules/a.yaml:3:7"}


def test_a_file_that_matches_twice_is_read_once_and_the_spec_is_not_included_in_itself() -> None:
    write(main='governance: {include: ["*.yaml", a.yaml, "**/a*.yaml"]}\n', a=listing("A"))
    pathlib.Path("also.yaml").symlink_to("a.yaml")
    assert places(load()) == {"A": "a.yaml:3:7"}


def test_the_neutral_spelling_includes_files_of_that_spelling() -> None:
    write(main='temporal: {prefix: "x:", include: [a.yaml]}\n', a=listing("A", section="temporal", key="name"))
    assert [charter.schedule.id for charter in load().charters] == ["x:a"]
    write(a=listing("A"))
    assert problems() == ["a.yaml:1:1: the section is spelled 'governance' here; write 'temporal', as main.yaml does"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the included file is not an object; an included file can contain only governance.schedules"),
        ("[]\n", "1:1: the included file is not an object; an included file can contain only governance.schedules"),
        ("a: 1\n", "1:1: unknown key 'a'; an included file can contain only governance.schedules"),
        (
            "{}\n",
            "1:1: the included file has no governance section; an included file can contain only governance.schedules",
        ),
        (
            "governance:\n  schedules: []\n  include: [b.yaml]\n",
            "3:3: governance.include is not allowed in an included file; "
            "an included file can contain only governance.schedules",
        ),
        (
            "governance: {schedules: 5}\n",
            "1:25: governance has no list of schedules; an included file can contain only governance.schedules",
        ),
        (
            "governance:\n",
            "1:12: governance has no list of schedules; an included file can contain only governance.schedules",
        ),
        ("governance: {schedules: [}\n", "1:26: not valid YAML"),
        (
            listing("A", "B").replace("cron: ", "crn: ", 2).replace("crn: ", "cron: ", 1),
            "4:7: charter 2 has no 'cron'",
        ),
        (listing("two words"), "3:17: 'charter' \"two words\" is not valid: use only letters"),
        (listing("A", key="name"), "3:8: unknown key 'name' in charter 1; write 'charter'"),
        (listing("M"), "3:17: charter 'M' is declared twice (first at main.yaml:4:17; names are case-insensitive)"),
        (listing("A", "a"), "4:17: charter 'a' is declared twice (first on line 3; names are case-insensitive)"),
        (
            listing("A").replace("{charter", "{id: 'governance:m', charter"),
            "3:12: charters 'M' and 'A' have the same ID, 'governance:m' (first at main.yaml:4:7)",
        ),
    ],
)
def test_a_mistake_in_an_included_file_is_located_there(text: str, expected: str) -> None:
    write(main=MAIN + listing("M").removeprefix("governance:\n"), schedules__a=text)
    assert problems()[0].startswith(f"schedules/a.yaml:{expected}")


def test_mistakes_are_sorted_by_file_and_then_by_line() -> None:
    wrong = listing("A", "B").replace("@daily", "nope")
    write(main=MAIN + "  defaults: {jitter: x}\n", schedules__a=wrong, schedules__b=wrong.replace("A", "C"))
    located = [line.split(": ")[0] for line in problems()]
    assert located == sorted(located)
    assert {line.partition(":")[0] for line in located} == {"main.yaml", "schedules/a.yaml", "schedules/b.yaml"}


LONG = "a" * 300  # file systems allow 255 bytes


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/etc/*.yaml", "'/etc/*.yaml' is an absolute path; write a path relative to the spec's directory"),
        ("C:/x.yaml", "'C:/x.yaml' is an absolute path; write a path relative to the spec's directory"),
        (
            "a/../../b.yaml",
            "'a/../../b.yaml' points outside the spec's directory; include only files in or below that directory",
        ),
        ("a/b/../c.yaml", "'a/b/../c.yaml' contains '..'; write 'a/c.yaml'"),
        ("./main.yaml", "'./main.yaml' is the spec itself; remove it, or specify another file"),
        ("itself.yaml", "'itself.yaml' is the spec itself"),
        ("a\\\\b.yaml", "'a\\\\b.yaml' contains a backslash; separate directories with /"),
        ("a\\tb.yaml", "a path contains a control or invisible character; remove it"),
        ("./", "'./' is not a file path; for example schedules/*.yaml"),
        ("missing.yaml", "'missing.yaml': no such file; the path is relative to the spec's directory (.)"),
        (LONG, f"'{LONG}' cannot be read: File name too long; make it readable"),
        ("schedules", "'schedules' is a directory; specify the files in it: schedules/*.yaml"),
        ("outside.yaml", "'outside.yaml' is a symlink that points outside the spec's directory"),
        ("out/*.yaml", "'out' is a symlink that points outside the spec's directory"),
        ("dangling.yaml", "'dangling.yaml' cannot be read: No such file or directory"),
        ("loop.yaml", "'loop.yaml' cannot be read: "),
        ("odd/*", "a file name contains a control or invisible character; rename the file"),
    ],
)
def test_only_files_in_the_specs_folder_are_included(
    tmp_path_factory: pytest.TempPathFactory, pattern: str, expected: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "x.yaml").write_text(listing("X"), encoding="utf-8")
    write(main=f'governance:\n  include: ["{pattern}"]\n', schedules__a=listing("A"))
    for link, target in (
        ("outside.yaml", elsewhere / "x.yaml"),
        ("out", elsewhere),
        ("dangling.yaml", "nothing"),
        ("loop.yaml", "loop.yaml"),
        ("itself.yaml", "main.yaml"),
    ):
        pathlib.Path(link).symlink_to(target)
    pathlib.Path("odd").mkdir()
    pathlib.Path("odd/a\nb.yaml").write_text(listing("A"), encoding="utf-8")
    (found,) = problems()
    assert found.startswith(f"main.yaml:2:13: include: {expected}")


def test_any_number_of_folders_leaves_out_links_which_may_form_a_loop(folder: pathlib.Path) -> None:
    write(main=MAIN, schedules__a=listing("A"))
    pathlib.Path("schedules/again").symlink_to(folder / "schedules")
    assert places(load()) == {"A": "schedules/a.yaml:3:7"}


@pytest.mark.parametrize("pattern", ["**/b.yaml", "a/**/b.yaml", "**/**/b.yaml", "**"])
def test_any_number_of_folders_is_searched_next_to_links_that_lead_out(
    tmp_path_factory: pytest.TempPathFactory, pattern: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "b.yaml").write_text(listing("X"), encoding="utf-8")
    write(main=f'governance: {{include: ["{pattern}"]}}\n', a__b=listing("A"), a__node_modules__b=listing("B"))
    pathlib.Path("a/node_modules/x").symlink_to(elsewhere)
    pathlib.Path("a/b").symlink_to("/usr/lib")
    assert places(load()) == {"A": "a/b.yaml:3:7", "B": "a/node_modules/b.yaml:3:7"}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (os.mkfifo, "d/x.yaml: cannot be read: it is a pipe (FIFO), not a regular file"),
        (lambda path: path.write_bytes(b" " * (source.SIZE_LIMIT + 1)), "d/x.yaml: exceeds 16 MiB"),
    ],
)
def test_the_hint_about_an_unreadable_file_is_what_can_be_done_where_it_is_included(
    make: Callable[[pathlib.Path], object], expected: str
) -> None:
    write(main='governance: {include: ["d/*.yaml"]}\n', d__a=listing("A"))
    make(pathlib.Path("d/x.yaml"))
    with pytest.raises(errors.InvalidSpecError) as caught:
        load()
    assert (caught.value.message, caught.value.hint) == (expected, "correct the file, or the paths under include")


def test_folders_below_a_link_that_a_pattern_names_are_searched() -> None:
    write(main='governance: {include: ["link/**/a.yaml"]}\n', schedules__deep__a=listing("A"))
    pathlib.Path("link").symlink_to("schedules")
    pathlib.Path("schedules/again").symlink_to(".")
    assert places(load()) == {"A": "link/deep/a.yaml:3:7"}


def test_a_link_within_the_folder_is_followed() -> None:
    write(main='governance: {include: ["link/*.yaml"]}\n', schedules__a=listing("A"))
    pathlib.Path("link").symlink_to("schedules")
    assert places(load()) == {"A": "link/a.yaml:3:7"}


def test_a_pattern_without_matches_is_a_warning_at_its_place() -> None:
    write(main='governance:\n  include:\n    - "none/*.yaml"\n    - main*.yaml\n')
    found = load()
    assert [str(each) for each in advice.advise(found, NOW)] == [
        "main.yaml:3:7: warning: include: 'none/*.yaml' matches no file; correct or remove it",
        "main.yaml:4:7: warning: include: 'main*.yaml' matches no file; correct or remove it",
    ]


def test_advice_is_sorted_by_file_and_a_summary_names_other_files() -> None:
    some = listing("A", "B").replace("@daily", "0 0 30 2 *")
    more = listing(*(f"C{number}" for number in range(10))).replace("@daily", "0 0 30 2 *")
    write(main=MAIN, schedules__a=some, schedules__b=more)
    (line,) = advice.lines(each for each in advice.advise(load(), NOW) if each.kind is advice.Kind.NEVER)
    assert line.startswith("schedules/a.yaml:3:26: warning: 12 charters never fire: this one, those at 4:26, sched")
    assert "those at 4:26, schedules/b.yaml:3:27, and 9 more; for this one: " in line
    write(schedules__b=listing("C", "D", "E").replace("@daily", "0 0 31 2 *"))
    lines = advice.lines(each for each in advice.advise(load(), NOW) if each.kind is advice.Kind.NEVER)
    assert [each.partition(": ")[0] for each in lines] == [
        *(f"schedules/a.yaml:{line}:26" for line in (3, 4)),
        *(f"schedules/b.yaml:{line}:26" for line in (3, 4, 5)),
    ]


@pytest.mark.parametrize("limit", ["SIZE_LIMIT", "FILE_LIMIT", "SEARCH_LIMIT"])
def test_limits_apply_to_all_included_files_together(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    write(main=MAIN, **{f"schedules__{name}": listing(name) for name in "abc"})
    enough = {"SIZE_LIMIT": 3 * len(listing("a")), "FILE_LIMIT": 3, "SEARCH_LIMIT": 5}[limit]
    monkeypatch.setattr(includes, limit, enough)
    assert len(load().charters) == 3
    monkeypatch.setattr(includes, limit, enough - 1)
    (found,) = problems()
    assert found.startswith("main.yaml:2:13: include: ")


def test_a_single_included_file_has_the_limit_of_a_spec() -> None:
    write(main=MAIN, schedules__a=listing("A") + "#" * source.SIZE_LIMIT)
    with pytest.raises(errors.InvalidSpecError, match=r"schedules/a\.yaml: exceeds 16 MiB"):
        load()


@pytest.mark.parametrize("limit", ["VALUE_LIMIT", "TEXT_LIMIT"])
def test_values_are_counted_over_all_files(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    write(main=MAIN, **{f"schedules__{name}": listing(name) for name in "abcd"})
    monkeypatch.setattr(values, limit, {"VALUE_LIMIT": 12, "TEXT_LIMIT": 40}[limit])  # more than any file has
    (found,) = problems()[:1]
    assert found.startswith("schedules/")
    assert "including those in the preceding files" in found


def test_a_spec_that_is_not_a_file_includes_none() -> None:
    with pytest.raises(errors.UsageError) as caught:
        loader.parse(MAIN, "<stdin>")
    assert (
        caught.value.message
        == "<stdin>:2:3: include requires the spec to be a file, because paths are relative to its directory"
    )
    assert loader.parse("governance: {include: []}\n", "<stdin>").inclusions == ()


def test_the_files_that_changed_are_known_by_their_checksums() -> None:
    main = pathlib.Path("main.yaml")
    write(main=MAIN, schedules__a=listing("A"), schedules__b=listing("B"))
    before = files.checksums(main, includes.files(main))
    assert list(before) == ["main.yaml", "schedules/a.yaml", "schedules/b.yaml"]
    assert files.changed(main, includes.files(main), before) == ()
    write(schedules__a=listing("A2"), schedules__c=listing("C"))
    pathlib.Path("schedules/b.yaml").unlink()
    came_and_went = ("schedules/a.yaml", "schedules/b.yaml", "schedules/c.yaml")
    assert files.changed(main, includes.files(main), before) == came_and_went
    write(main="governance: [")
    assert files.changed(main, includes.files(main), before) == ("main.yaml",)
    assert files.checksums(main, {}) == {}


def test_the_checksum_covers_included_files_and_is_that_of_the_spec_alone_without_them() -> None:
    main = pathlib.Path("main.yaml")
    write(main="governance: {schedules: []}\n", schedules__a=listing("A"))
    assert files.sha256(main, includes.files(main)) == files.sha256(main)
    write(main=MAIN)
    seen = {files.sha256(main), files.sha256(main, includes.files(main))}
    write(schedules__a=listing("B"))
    seen.add(files.sha256(main, includes.files(main)))
    write(schedules__b="governance: {schedules: []}\n")
    seen.add(files.sha256(main, includes.files(main)))
    pathlib.Path("schedules/b.yaml").rename("schedules/c.yaml")
    seen.add(files.sha256(main, includes.files(main)))
    write(main='governance:\n  "incl\\x75de": ["schedules/**/*.yaml"]\n')
    assert len(includes.files(main)) == 2
    assert len(seen) == 5
    write(main="governance: [")
    assert includes.files(main) == {}


def test_an_import_adds_to_the_spec_itself_and_knows_what_it_includes(folder: pathlib.Path) -> None:
    write(main=MAIN + "  # behind\n", schedules__a=listing("COMMUNITY"))
    text = pathlib.Path("main.yaml").read_text(encoding="utf-8")
    live = [builders.schedule("community"), builders.schedule("other")]
    imported = importer.add(text, "main.yaml", live, folder=folder)
    assert imported.added == ("OTHER",)
    assert imported.skipped == ("governance:community is already declared",)
    assert imported.text.startswith(text + "  schedules:\n    - charter: OTHER\n")


def test_references_in_an_included_file_are_to_the_variables_of_the_spec() -> None:
    write(main=MAIN + "  vars: {queue: q}\n", schedules__a=listing("A").replace("}", ', task_queue: "${queue}"}'))
    (charter,) = load().charters
    assert charter.schedule.action.task_queue == "q"
    write(schedules__a=listing("A").replace("}", ', task_queue: "${quue}"}'))
    assert problems()[0].startswith("schedules/a.yaml:3:64: ")
    write(schedules__a=listing("A").replace("}", ", was: B}"), schedules__b=listing("B"))
    assert "cannot replace 'B', which is still declared at schedules/b.yaml:3:7" in problems()[0]
