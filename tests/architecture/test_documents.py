"""The documents: a short README, complete references, no dead links, no repetition, and plain technical English."""

from __future__ import annotations

import collections
import json
import pathlib
import re
import tomllib
from collections.abc import Iterator

import click
import pytest
import yaml

from reconciler import errors, published
from reconciler.cli import commands
from tests.support import english

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/*.md"), *ROOT.glob(".github/**/*.md")]
)
GUIDES = [README, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
FENCED = re.compile(r"^(`{3,4})\w*\n.*?^\1$", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(r"<!-- generated from .*?<!-- end -->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CONSOLE = re.compile(r"^```console\n.*?^```$", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHER_PROGRAMS = re.compile(r"bin/pytest|docker build|--build-arg|--password x|curl")
COMMAND = re.compile(r"(?:`|^)reconciler ((?:db |grant |lock )?[a-z]+)")
PRIVATE_DIALECT = english.pattern(english.EVERYWHERE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CELLS = re.compile(r"(?<!\\)\|")


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(README.read_bytes()) <= 10_000


def test_the_architecture_names_the_layers_that_are_enforced() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract, _ = project["tool"]["importlinter"]["contracts"]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Layers")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert [row.strip("`").split("` `") for row in rows] == [layer.split(" | ") for layer in contract["layers"]]


def test_what_the_architecture_points_to_exists() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:reconciler|tests|schemas)/[\w./]*)`", page))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert len(named) > 20


def test_the_readme_or_the_guide_for_contributors_links_to_every_document() -> None:
    linked = {(ROOT / target).resolve() for page in (README, ROOT / "CONTRIBUTING.md") for target in links(page)}
    assert set((ROOT / "docs").glob("*.md")) - linked == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: pathlib.Path) -> None:
    dead = []
    for link in links(document):
        target, _, anchor = link.partition("#")
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(link)
    assert dead == []


def test_no_sentence_is_repeated() -> None:
    places = collections.defaultdict(list)
    for document in GUIDES:
        for sentence in sentences(document):
            places[sentence].append(document.name)
    assert {sentence: names for sentence, names in places.items() if len(names) > 1} == {}


def test_documents_are_in_plain_english() -> None:
    found = []
    for document in (*GUIDES, ROOT / "CHANGELOG.md", ROOT / "tests/README.md"):
        text = GENERATED.sub("", without_code(document))
        found += [(document.name, phrase) for phrase in PRIVATE_DIALECT.findall(text)]
    assert found == []


def test_every_option_of_every_command_is_documented_once() -> None:
    options = {name: sorted(map(long_name, declared)) for name, declared in declared_options()}
    commands_table, *groups, others = generated("commands.md").split("\n### ")
    by_anchor = {slug(group.partition("\n")[0]): names(group) for group in groups}
    own = [(name, cells[2]) for name, cells in ((first_name(cells), cells) for cells in rows(others))]
    documented = {}
    for usage, _, used in rows(commands_table):
        command = next(name for name in sorted(options, reverse=True) if f"{usage} `".startswith(f"`reconciler {name}"))
        shared = [name for anchor in re.findall(r"\(#([a-z-]+)\)", used) for name in by_anchor[anchor]]
        documented[command] = sorted([*shared, *(name for name, users in own if f"`{command}`" in users)])
    assert documented == options


def test_every_command_and_option_that_a_document_names_exists() -> None:
    options = dict(declared_options())
    declared = [name for each in options.values() for option in each for name in (*option.opts, *option.secondary_opts)]
    known = {"--help", "--version", *declared, *options, *(name.partition(" ")[0] for name in options)}
    unknown = []
    for document in GUIDES:
        text = CONSOLE.sub("", document.read_text(encoding="utf-8"))  # which are run
        for line in text.splitlines():
            named = [] if OTHER_PROGRAMS.search(line) else OPTION.findall(line)
            unknown += [(document.name, name) for name in named if name not in known]
            unknown += [(document.name, name) for name in COMMAND.findall(line) if name not in known]
    assert unknown == []


def test_every_exit_code_is_documented_once() -> None:
    codes = [code for page in GUIDES for code in re.findall(r"^\| (\d+) \|", without_code(page), re.MULTILINE)]
    assert sorted(map(int, codes)) == sorted(errors.ExitCode)


def test_every_input_and_output_of_the_action_is_documented_once() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| `([a-z-]+)` \|", generated("github.md"), re.MULTILINE)
    assert rows == [*action["inputs"], *action["outputs"]]


def test_every_route_of_the_service_is_documented_once() -> None:
    openapi = json.loads((ROOT / "schemas/openapi.json").read_text(encoding="utf-8"))
    routes = [f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods]
    page = (ROOT / "docs/service.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE)
    assert sorted(documented) == sorted(re.sub(r"\{\w+\}", "{id}", route) for route in routes)


def test_every_published_schema_is_named() -> None:
    text = generated("commands.md")
    assert [name for name in published.NAMES if name not in text] == []


def links(document: pathlib.Path) -> list[str]:
    """Return the document's links to files of this repository."""
    return [link for link in LINK.findall(without_code(document)) if "://" not in link]


def without_code(document: pathlib.Path) -> str:
    """Return a document without its code blocks."""
    return FENCED.sub("", document.read_text(encoding="utf-8"))


def anchors(document: pathlib.Path) -> set[str]:
    """Return the anchors that GitHub gives to the document's headings."""
    return {slug(heading) for heading in HEADING.findall(without_code(document))}


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sentences(document: pathlib.Path) -> list[str]:
    """Return the sentences of eight words or more in a document's prose and tables, without markup."""
    text = COMMENT.sub("", GENERATED.sub("", without_code(document)))
    blocks = re.split(r"\n\n|\n(?=- |\d+\. |\|)|(?<!\\)\|", text)
    whole = [" ".join(re.sub(r"[`*\[\]]", "", block).split()) for block in blocks]
    found = [sentence for block in whole for sentence in re.split(r"(?<=[.:;]) ", block)]
    return [sentence for sentence in found if len(sentence.split()) >= 8]


def generated(page: str) -> str:
    """Return the generated parts of a page of the documentation."""
    return "\n".join(GENERATED.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without their headings."""
    lines = [CELLS.split(row) for row in re.findall(r"^\|(.+)\|$", text, re.MULTILINE)]
    return [[cell.strip() for cell in cells] for cells in lines if cells[0].strip().startswith("`")]


def names(text: str) -> list[str]:
    """Return the names of the options in the tables of a text."""
    return [first_name(cells) for cells in rows(text)]


def first_name(cells: list[str]) -> str:
    """Return the long name of the option in a row."""
    found = re.search(r"--[a-z-]+", cells[0])
    assert found, cells
    return found[0]


def declared_options() -> Iterator[tuple[str, list[click.Option]]]:
    """Yield every command by its name, such as `db migrate`, with the options that it declares."""
    waiting = [click.Context(commands.app, info_name="reconciler")]
    while waiting:
        context = waiting.pop()
        command = context.command
        if isinstance(command, click.Group):
            inner = ((name, command.get_command(context, name)) for name in command.list_commands(context))
            waiting += [click.Context(each, info_name=name, parent=context) for name, each in inner if each]
        else:
            options = [param for param in command.params if isinstance(param, click.Option)]
            yield context.command_path.removeprefix("reconciler "), options


def long_name(option: click.Option) -> str:
    """Return the name of an option that begins with two dashes."""
    return next(each for each in option.opts if each.startswith("--"))
