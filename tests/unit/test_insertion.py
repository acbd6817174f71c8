"""Whatever a spec looks like: with the charters taken out again, it is the file that it was."""

from __future__ import annotations

import dataclasses
import difflib

import pytest

from reconciler import errors
from reconciler.repospec import importer, loader
from reconciler.schedule import declarations
from tests.unit import builders

NEW = builders.schedule(
    "engineering",
    arguments=(
        {
            "temporalScheduleId": "governance:engineering",
            "dbScheduleId": None,
            "charter": "ENGINEERING",
            "entrypoint": "ENGINEERING",
            "input": {},
        },
    ),
)
NEW_LINES = ["- charter: ENGINEERING", '  cron: "0 * * * *"', "  entrypoint: ENGINEERING"]
CHARTER = "- {charter: COMMUNITY, cron: 0 * * * *, entrypoint: COMMUNITY}"
ODD = """\
%YAML 1.2
---
# Some other tool's, in which anything may stand.
twice: 1
twice: 2
date: 2026-02-31
merged: {<<: 1}
tagged: !!int abc
local: !thing {a: b}
a: &anchor 1
b: &anchor 2
c: *anchor
escaped: "\\u00e9\\x41\\/"      # and a comment   far to the right
no:    ~
kept: |+
  text


"""


def added(text: str) -> str:
    """Return the text with one more charter, which is read as it shall be."""
    imported = importer.add(text, builders.PATH, [NEW])
    assert imported.added == ("ENGINEERING",)
    bare = imported.text.removeprefix("\ufeff")
    assert NEW in [each.schedule for each in loader.parse(bare, builders.PATH).charters]
    return imported.text


def inserted(text: str) -> str:
    """Return what was put into the text, of which every character must stay."""
    after = added(text)
    matcher = difflib.SequenceMatcher(None, text, after, autojunk=False)
    changes = [each for each in matcher.get_opcodes() if each[0] != "equal"]
    assert {each[0] for each in changes} == {"insert"}
    return "".join(after[start:end] for _, _, _, start, end in changes)


def lines(indent: int, newline: str = "\n") -> str:
    return "".join(" " * indent + line + newline for line in NEW_LINES)


@pytest.mark.parametrize(
    ("before", "after", "indent"),
    [
        (f"governance:\n  schedules:\n    {CHARTER}\n", "", 4),
        (f"governance:\n  schedules:\n  {CHARTER}\n", "  # of the next key\n  manual_pauses: keep\n", 2),
        (f"governance:\n  schedules:\n  {CHARTER}\n   # of this one\n", "other: 1\n", 2),
        (f"governance:\n    schedules:\n          {CHARTER}   # said\n\n          # and more\n", "\n# end\n", 10),
        (f"{ODD}governance:\n  schedules:\n    {CHARTER}\n", "more: *anchor\n...\n", 4),
        (f"  governance:\n    schedules:\n      {CHARTER}\n", "  b: 1\n", 6),
        (f"governance:\n  schedules: &list\n    {CHARTER}\n", "b: [1]\n", 4),
        (
            "ä: '😀'\ngovernance:\n  schedules:\n    - charter: A\n      cron: '@daily'\n      entrypoint: é\n",
            "b: 😀\n",
            4,
        ),
        (
            "governance:\n  schedules:\n    - charter: A\n      cron: '@daily'\n      entrypoint: A\n"
            "      note: |+\n        a\n\n        b\n\n",
            "b: 1\n",
            4,
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_charters_stand_at_the_end_of_the_list_in_its_own_style(
    before: str, after: str, indent: int, newline: str
) -> None:
    before, after = (each.replace("\n", newline) for each in (before, after))
    assert added(before + after) == before + lines(indent, newline) + after


def test_a_missing_list_or_section_is_created() -> None:
    assert inserted("governance:\n    owner: a/b # ours\n    # more\nb: 1\n") == "    schedules:\n" + lines(6)
    assert inserted("governance:\nb: 1\n") == "  schedules:\n" + lines(4)
    started = "governance:\n  schedules:\n" + lines(4)
    assert inserted("# nothing but a comment\n") == started
    assert inserted("") == started
    assert added("a: 1") == "a: 1\n" + started
    assert added(f"{ODD}...\n# end\n") == f"{ODD}{started}...\n# end\n"
    assert added("governance: null # later\nb: 1\n") == "governance: # later\n  schedules:\n" + lines(4) + "b: 1\n"


@pytest.mark.parametrize("empty", ["[]", "[ ]", "[\n    ]"])
def test_a_list_that_is_empty_becomes_one_with_lines(empty: str) -> None:
    text = f"governance:\n  schedules: {empty} # none\nb: [1]\n"
    assert added(text) == "governance:\n  schedules: # none\n" + lines(4) + "b: [1]\n"
    assert added(text.replace(" #", "#")) == "governance:\n  schedules: # none\n" + lines(4) + "b: [1]\n"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": 1}\n',
        '{"governance": {}}',
        '{"governance": null, "b": [1]}',
        '{"governance": {"schedules": []}, "b": 1}',
        '{"governance": {"schedules": [{"charter": "A", "cron": "@daily", "entrypoint": "A"}]}}',
        '{\n\t"governance": {}\n}'.replace("\t", "  "),
        '{\n    "governance": {\n        "schedules": [\n            {\n                "charter": "A",\n'
        '                "cron": "@daily",\n                "entrypoint": "A"\n            }\n        ]\n    }\n}\n',
        "governance:\n  schedules: [{charter: A, cron: '@daily', entrypoint: A}, # one\n    ] # end\nb: 1\n",
        "governance: {owner: a/b, schedules: [ # none\n  ]}\n",
        "governance: {owner: a/b, theirs: }\n",
    ],
)
def test_into_brackets_and_braces_go_charters_that_json_can_hold(text: str) -> None:
    if "null" in text:
        assert added(text).endswith(', "b": [1]}')
    else:
        assert '"charter": "ENGINEERING"' in inserted(text)


def test_a_json_file_keeps_its_lines() -> None:
    listed = '{\n  "governance": {\n    "schedules": [\n      {"charter": "A", "cron": "@daily", "entrypoint": "A"}'
    keys = '"charter": "ENGINEERING",\n        "cron": "0 * * * *",\n        "entrypoint": "ENGINEERING"'
    new = f",\n      {{\n        {keys}\n      }}"
    assert added(listed + "\n    ]\n  }\n}\n") == listed + new + "\n    ]\n  }\n}\n"


def test_a_byte_order_mark_stays() -> None:
    assert added("\ufeffgovernance:\n").startswith("\ufeffgovernance:\n  schedules:\n    - charter")


@pytest.mark.parametrize(
    "text",
    [
        f"b: &list\n  {CHARTER}\ngovernance:\n  schedules: *list\n",
        f"governance:\n  schedules: &list\n  {CHARTER}\nb: *list\n",
        f"b: &section\n  schedules: [{CHARTER[2:]}]\ngovernance: *section\n",
    ],
)
def test_where_an_alias_would_show_the_charters_elsewhere_too_it_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        importer.add(text, builders.PATH, [NEW])
    assert "is repeated by an alias" in caught.value.message
    assert caught.value.message.startswith(f"{builders.PATH}:")


@pytest.mark.parametrize("text", ["governance:\n  ? owner\n  : acme/app\n", '""\n'])
def test_what_cannot_be_added_to_is_refused_and_never_written_wrong(text: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        added(text)
    assert caught.value.message == f"{builders.PATH}: charters cannot be inserted into the file in its current form"


def test_an_import_of_nothing_leaves_the_text_alone() -> None:
    for text in ("a: 1", ODD, "\ufeffgovernance: # none\r\n"):
        assert importer.add(text, builders.PATH, []).text == text


def test_a_prefix_that_is_chosen_begins_a_section_and_changes_none_without_need() -> None:
    chosen = declarations.Choice(prefixes=("acme:",))
    live = [dataclasses.replace(NEW, id="acme:engineering")]
    assert 'governance:\n  prefix: "acme:"\n' in importer.add("a: 1\n", builders.PATH, live, chosen).text.replace(
        "'", '"'
    )
    declared = importer.add("governance:\n  prefix: other\n", "s", [], chosen)
    assert declared.text == "governance:\n  prefix: other\n"
