from __future__ import annotations

import json
import pathlib
import re
import tempfile
from typing import Any

import hypothesis
from hypothesis import strategies as st

from reconciler import errors
from reconciler.repospec import dialects, loader, references
from tests.property import strategies

LOCATED = re.compile(r"spec\.yaml:\d+:\d+: .+")

pieces = st.sampled_from(
    (
        *(
            "governance:",
            "\n  schedules:",
            "\n    - charter: A",
            "\n      cron: ",
            '"0 * * * *"',
            "\n      entrypoint: A",
        ),
        *(
            "\n",
            " ",
            "  ",
            "- ",
            ": ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!x ",
            "|",
            ">",
            "'",
            '"',
            "#",
            "---",
            "? ",
            "<<",
        ),
        *(
            "\t",
            "~",
            "NO",
            "5",
            "1e9",
            "\x00",
            "\u2028",
            "ü",
            "\r\n",
            "%YAML 1.1\n",
            "@",
            "`",
            ",",
            "${a}",
            "$${",
            "${",
        ),
    )
)
nearly_yaml = st.lists(pieces, max_size=25).map("".join)
known = ("charter", "cron", "entrypoint", "timezone", "input", "jitter", "overlap", "paused", "defaults", "schedules")
nearly_specs = strategies.json_of(
    st.sampled_from(("A", "a", "0 * * * *", "@every 1h", "UTC", "10s", "Skip")) | strategies.plain_words,
    st.sampled_from(known) | strategies.plain_words,
)


def load(text: str) -> None:
    """Load what may be refused, but only with located problems."""
    try:
        loader.parse(text, "spec.yaml")
    except errors.InvalidSpecError as error:
        lines = error.message.splitlines()
        assert lines
        assert [line for line in lines if not LOCATED.fullmatch(line)] == []


@hypothesis.given(st.one_of(st.text(max_size=40), nearly_yaml))
def test_any_text_is_a_spec_or_refused_with_places(text: str) -> None:
    load(text)


@hypothesis.given(nearly_specs)
def test_any_shape_of_the_section_is_a_spec_or_refused_with_places(section: Any) -> None:
    load(json.dumps({"governance": section}, ensure_ascii=False))


@hypothesis.given(st.lists(nearly_specs, max_size=3))
def test_any_list_of_charters_is_a_spec_or_refused_with_places(charters: list[Any]) -> None:
    load(json.dumps({"governance": {"schedules": charters}}, ensure_ascii=False))


@hypothesis.given(
    st.dictionaries(strategies.plain_words, strategies.json_of(strategies.plain_words, strategies.plain_words))
)
def test_any_json_is_accepted_as_input_unchanged(given: dict[str, Any]) -> None:
    charter = {"charter": "A", "cron": "0 * * * *", "entrypoint": "A", "input": references.escaped(given)}
    text = json.dumps({"governance": {"schedules": [charter]}}, ensure_ascii=False)
    (found,) = loader.parse(text, "spec.yaml").charters
    (argument,) = found.schedule.action.arguments
    assert isinstance(argument, dict)
    assert json.dumps(argument["input"]) == json.dumps(given)


near_references = st.text("${}a \\n_9", max_size=12)


@hypothesis.given(strategies.json_of(near_references, near_references))
def test_an_escaped_value_is_expanded_to_the_value_itself(value: Any) -> None:
    charter = {"charter": "A", "cron": "0 * * * *", "args": references.escaped([value])}
    section = {"vars": {"a": "wrong", "n": "wrong"}, "schedules": [charter]}
    (found,) = loader.parse(json.dumps({"governance": section}), "spec.yaml").charters
    assert json.dumps(found.schedule.action.arguments) == json.dumps([value])


@hypothesis.given(near_references, near_references)
def test_any_text_with_references_is_expanded_once_or_refused_with_places(text: str, value: str) -> None:
    charter = {"charter": "A", "cron": "0 * * * *", "args": [text]}
    spec = json.dumps({"governance": {"vars": {"a": references.escaped(value)}, "schedules": [charter]}})
    load(spec)
    marked = text.replace("$${", "\0").replace("${a}", "\1")
    if "${" not in marked:
        (found,) = loader.parse(spec, "spec.yaml").charters
        assert found.schedule.action.arguments == (marked.replace("\1", value).replace("\0", "${"),)


@hypothesis.settings(max_examples=15)
@hypothesis.given(st.lists(st.integers(0, 3), max_size=8), st.sampled_from(dialects.ALL))
def test_charters_mean_the_same_whichever_files_they_are_in(files: list[int], dialect: dialects.Dialect) -> None:
    lines = [
        f"    - {{{dialect.name}: N{number}, cron: '{number} * * * *', entrypoint: E}}\n"
        for number in range(len(files))
    ]
    head, listed = f"{dialect.section}:\n", "  schedules:\n"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file in set(files):
            own = (line for line, of in zip(lines, files, strict=True) if of == file)
            (folder / f"{file}.part").write_text(head + listed + "".join(own), encoding="utf-8")
        first = f'{head}  prefix: "p:"\n'
        divided = loader.parse(f'{first}  include: ["*.part"]\n', "spec.yaml", None, folder)
    whole = loader.parse(first + listed.replace("\n", " []\n" if not lines else "\n") + "".join(lines), "spec.yaml")
    assert {each.name: each.schedule for each in divided.charters} == {
        each.name: each.schedule for each in whole.charters
    }
    for charter in divided.charters:
        assert charter.place.path == f"{files[int(charter.name[1:])]}.part"
