"""The section in its two spellings: one meaning, and messages in the file's own words."""

from __future__ import annotations

import dataclasses
import pathlib
import textwrap

import pytest

from reconciler import errors
from reconciler.repospec import dialects, importer, loader, source
from reconciler.schedule import declarations
from tests.unit import builders

EVERYTHING = """\
governance:
  prefix: "acme:"
  owner: acme/app
  defaults: {timezone: Europe/Berlin}
  schedules:
    - charter: NIGHTLY
      cron: "0 2 * * *"
      entrypoint: NIGHTLY
      memo: {name: kept, charter: kept}
    - {charter: HOURLY, cron: "@hourly", args: [{name: x, charter: y}]}
  environments:
    staging:
      charters:
        nightly: {cron: "0 3 * * *"}
"""


def neutral(text: str) -> str:
    """Return a spec in the neutral spelling."""
    return (
        text.replace("governance:", "temporal:", 1).replace("- charter:", "- name:").replace("{charter: H", "{name: H")
    )


def located(charter: declarations.Charter) -> tuple[declarations.Charter, int]:
    """Return a charter without columns, which differ as the keys are of different lengths."""
    place = dataclasses.replace(charter.place, column=0)
    return dataclasses.replace(charter, place=place), charter.place.line


def problems(text: str) -> list[str]:
    with pytest.raises(errors.InvalidSpecError) as caught:
        loader.parse(textwrap.dedent(text), "s.yaml")
    return caught.value.message.splitlines()


@pytest.mark.parametrize("environment", [None, "staging"])
def test_both_spellings_declare_the_same(environment: str | None) -> None:
    choice = declarations.Choice(environment=environment)
    one, other = (loader.parse(text, "s.yaml", choice) for text in (EVERYTHING, neutral(EVERYTHING)))
    assert (one.prefixes, one.owner, one.governed) == (other.prefixes, other.owner, other.governed)
    assert list(map(located, one.charters)) == list(map(located, other.charters))
    assert [charter.schedule.id for charter in other.charters] == ["acme:nightly", "acme:hourly"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "temporal: {schedules: []}\n",
            "s.yaml:1:11: temporal has no 'prefix'; add prefix: the prefix of managed schedule IDs, or a "
            "list of prefixes; if another spec includes this file, validate that spec instead",
        ),
        (
            "temporal: {prefix: a, schedules: [{cron: '@daily', entrypoint: A}]}\n",
            "s.yaml:1:35: charter 1 has no 'name'; add name: the charter's name",
        ),
        (
            "temporal: {prefix: a, schedules: [{name: 5, cron: '@daily', entrypoint: A}]}\n",
            "s.yaml:1:42: 'name' must be text, not the number 5; quote it",
        ),
        (
            "temporal: {prefix: a, schedules: [{charter: A, cron: '@daily', entrypoint: A}]}\n",
            "s.yaml:1:36: unknown key 'charter' in charter 1; write 'name', the key in a temporal section",
        ),
        (
            "temporal: {prefix: a, schedules: [{charter: A, name: B, cron: '@daily', entrypoint: A}]}\n",
            "s.yaml:1:36: unknown key 'charter' in charter 1; write 'name', the key in a temporal section",
        ),
        (
            "governance: {schedules: [{name: A, cron: '@daily', entrypoint: A}]}\n",
            "s.yaml:1:27: unknown key 'name' in charter 1; write 'charter', the key in a governance section",
        ),
        (
            "a: 1\ntemporal: {prefix: a}\ngovernance: {}\n",
            "s.yaml:3:1: the file has a governance section in addition to a temporal section (line 2); "
            "they are two spellings of the same "
            "section: move everything into one of them",
        ),
        (
            "temporal: {prefix: a, defaults: {task_que: x}}\n",
            "s.yaml:1:34: unknown key 'task_que' in temporal.defaults; did you mean 'task_queue'?",
        ),
        (
            "temporal: {prefix: a, schedulse: []}\n",
            "s.yaml:1:23: unknown key 'schedulse' in temporal; did you mean 'schedules'?",
        ),
        (
            "temporal: {prefix: a, schedules: [{name: A, cron: '@daily', entrypoint: A, crn: 1}]}\n",
            "s.yaml:1:76: unknown key 'crn' in charter 1; did you mean 'cron'?",
        ),
        ("temporals: {}\n", "s.yaml:1:1: unknown key 'temporals' in the repo-spec; did you mean 'temporal'?"),
        (
            "temporal:\n",
            "s.yaml:1:10: temporal has no 'prefix'; add prefix: the prefix of managed schedule IDs, or a "
            "list of prefixes; if another spec includes this file, validate that spec instead",
        ),
        ("temporal: []\n", "s.yaml:1:11: 'temporal' must be an object, not a list"),
    ],
)
def test_a_mistake_is_reported_in_the_words_of_the_file(text: str, expected: str) -> None:
    (found,) = problems(text)
    assert found.partition(". In lower case")[0] == expected


def test_two_charters_of_one_name_are_located_at_the_name() -> None:
    (found,) = problems("""\
        temporal:
          prefix: a
          schedules:
            - {name: A, cron: "@daily", entrypoint: A}
            - {cron: "@daily", entrypoint: A, name: a}
    """)
    assert found.startswith("s.yaml:5:45: charter 'a' is declared twice (first on line 4;")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".cogni/repo-spec.yaml", "governance:\n  schedules:\n    - charter: COMMUNITY\n"),
        ("sub/.cogni/repo-spec.yaml", "governance:\n  schedules:\n    - charter: COMMUNITY\n"),
        ("temporal-schedules.yaml", 'temporal:\n  prefix: "governance:"\n  schedules:\n    - name: COMMUNITY\n'),
        ("repo-spec.yaml", 'temporal:\n  prefix: "governance:"\n  schedules:\n    - name: COMMUNITY\n'),
    ],
)
@pytest.mark.parametrize("before", [None, "", "# ours\n"])
def test_an_import_writes_the_spelling_that_suits_a_new_file(path: str, text: str, before: str | None) -> None:
    imported = importer.add(before, path, [builders.schedule("community")])
    assert imported.text.replace("'", '"') == (before or "") + text + (
        '      cron: "0 * * * *"\n      entrypoint: COMMUNITY\n'
    )
    assert imported.left_out == ()


@pytest.mark.parametrize("path", [dialect.file for dialect in dialects.ALL])
@pytest.mark.parametrize(
    ("before", "added"),
    [
        ("temporal:\n  prefix: 'governance:'\n  defaults: {jitter: 5s}\n", "    - name: COMMUNITY\n"),
        ("governance:\n  defaults: {jitter: 5s}\n", "    - charter: COMMUNITY\n"),
        ("temporal:\n", "    - name: COMMUNITY\n"),
        ("governance:\n", "    - charter: COMMUNITY\n"),
        ('{"temporal": {"prefix": "governance:", "schedules": []}}\n', '{"name": "COMMUNITY", '),
    ],
)
def test_an_import_keeps_the_spelling_of_the_file(path: str, before: str, added: str) -> None:
    imported = importer.add(before, path, [builders.schedule("community")])
    assert imported.added == ("COMMUNITY",)
    assert added in imported.text
    (charter,) = loader.parse(imported.text, path).charters
    assert charter.schedule == builders.schedule("community")


def test_an_import_of_nothing_into_a_new_file_is_a_valid_spec() -> None:
    text = importer.add(None, "new.yaml", [], declarations.Choice(prefixes=("acme:",))).text
    assert text == "temporal:\n  prefix: 'acme:'\n  schedules: []\n"
    assert loader.parse(text, "new.yaml").prefixes == ("acme:",)


def test_without_a_name_the_first_of_the_usual_files_is_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = source.DEFAULTS
    with pytest.raises(errors.InvalidSpecError) as caught:
        loader.load(source.default())
    assert caught.value.message == f"{first}: no such file ({second} does not exist either)"
    second.write_text(neutral(EVERYTHING), encoding="utf-8")
    assert source.default() == second
    with pytest.raises(errors.InvalidSpecError) as caught:
        loader.load(first)
    assert caught.value.message == f"{first}: no such file"
    first.parent.mkdir()
    first.write_text(EVERYTHING, encoding="utf-8")
    assert source.default() == first
