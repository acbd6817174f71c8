from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.documents import marks
from reconciler.schedule import observed
from tests.unit import builders

MARK = marks.Mark(
    kind="plan",
    scope=marks.scope("staging", "spec.yaml"),
    key=marks.key(builders.TARGET),
    digest="sha256:" + "0" * 64,
    commit="c" * 40,
    run=7,
    since=datetime.datetime(2026, 11, 24, 9, tzinfo=datetime.UTC),
)


@pytest.mark.parametrize("mark", [MARK, dataclasses.replace(MARK, since=None, digest="", run=0)])
def test_a_mark_is_found_again_at_the_head_of_a_body(mark: marks.Mark) -> None:
    line = marks.dumps(mark)
    assert "\n" not in line
    assert [marks.find(text) for text in (line, f"\n {line}\nb", f"{line}\r\n\r\nb\r\n")] == [mark] * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no mark",
        "<!-- reconciler {} -->",
        "<!-- reconciler not json -->",
        '<!-- reconciler {"v": 2} -->',
        f"quoted: {marks.dumps(MARK)}",
        f"### somebody's\n{marks.dumps(MARK)}",
        f"> {marks.dumps(MARK)}",
        marks.dumps(MARK).replace("+00:00", ""),
        marks.dumps(MARK).replace('"run": 7', '"run": "7"'),
        marks.dumps(MARK).replace('"plan"', '"other"'),
        marks.dumps(MARK).replace("2026-11-24", "yesterday"),
        marks.dumps(MARK).replace('"v": 1', '"v": 1, "more": 1'),
    ],
)
def test_an_invalid_mark_is_ignored(text: str) -> None:
    assert marks.find(text) is None


def test_environments_specs_namespaces_and_prefixes_have_marks_of_their_own() -> None:
    scopes = {marks.scope(name, path) for name in (None, "staging", "a") for path in ("spec.yaml", "b/spec.yaml")}
    targets = [
        observed.Target(address="a:1", namespace="one"),
        observed.Target(address="a:1", namespace="two"),
        observed.Target(address="a:1", namespace="one", prefixes=("acme:",)),
    ]
    assert (len(scopes), len({marks.key(each) for each in targets})) == (6, 3)
    assert marks.key(targets[0]) == marks.key(dataclasses.replace(targets[0], address="b:2", owner="acme"))


def test_a_commit_of_any_kind_cannot_end_the_hidden_comment() -> None:
    line = marks.dumps(dataclasses.replace(MARK, commit="--> <b>"))
    assert line.count("-->") == 1
    assert line.endswith(" -->")


def test_a_mark_identifies_its_namespace() -> None:
    assert marks.is_of(MARK, builders.TARGET.namespace)
    assert not marks.is_of(MARK, "another")


def test_a_mark_of_another_repository_with_the_same_secret_is_not_valid() -> None:
    line = marks.dumps(MARK, marks.key_for("acme/other", "secret"))
    assert marks.find(line, marks.key_for("acme/other", "secret")) == MARK
    assert marks.find(line, marks.key_for("Acme/Other", "secret")) == MARK
    assert marks.find(line, marks.key_for("acme/app", "secret")) is None
    assert marks.key_for("acme/app", "") == ""
