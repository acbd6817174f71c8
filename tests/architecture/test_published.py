"""What is published keeps its word: the schemas, their examples, the documented specs, the package."""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from reconciler import published, version
from reconciler.platform.api import app
from reconciler.repospec import loader
from tools import generation

ROOT = pathlib.Path(__file__).parents[2]
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def schema(name: published.Name) -> dict[str, Any]:
    """Return a published schema, parsed."""
    parsed: dict[str, Any] = json.loads(published.text(name))
    return parsed


def parts(part: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a schema with where it stands."""
    if isinstance(part, dict):
        yield path, part
        for key, value in part.items():
            if key not in {"examples", "const", "enum", "default"}:
                yield from parts(value, f"{path}/{key}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from parts(value, f"{path}/{index}")


@pytest.mark.parametrize("name", published.NAMES)
def test_a_schema_is_valid_and_each_of_its_examples_too(name: published.Name) -> None:
    whole = schema(name)
    jsonschema.Draft202012Validator.check_schema(whole)
    examples = 0
    for path, part in parts(whole):
        validator = jsonschema.Draft202012Validator({**part, "$defs": whole.get("$defs", {})})
        for example in part.get("examples", []):
            examples += 1
            assert [error.message for error in validator.iter_errors(example)] == [], path
    assert examples or name == "plan"


def test_every_key_of_the_repo_spec_has_a_description_for_editors() -> None:
    whole = schema("repo-spec")
    named = {**whole["$defs"], **whole["$defs"]["charter"]["properties"], **whole["properties"]}
    assert [key for key, part in named.items() if "description" not in part and "$ref" not in part] == []


def test_the_golden_plans_are_as_the_plan_schema_says() -> None:
    golden = sorted((ROOT / "tests/golden/cases").glob("*/plan.json"))
    assert len(golden) > 5
    for path in golden:
        broken = list(published.violations("plan", json.loads(path.read_text(encoding="utf-8"))))
        assert broken == [], path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_documented_spec_is_valid(document: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A spec that includes schedules/*.yaml is followed by such a file."""
    texts = YAML.findall(document.read_text(encoding="utf-8"))
    included = tmp_path / "schedules/a.yaml"
    included.parent.mkdir()
    for text, following in itertools.pairwise([*texts, ""]):
        included.write_text(following, encoding="utf-8")
        assert loader.parse(text, document.name, None, tmp_path).charters


@pytest.mark.parametrize(("section", "key"), [("governance", "charter"), ("temporal", "name")])
def test_an_included_file_has_charters_and_nothing_else(section: str, key: str) -> None:
    charters = {"schedules": [{key: "A", "cron": "@daily", "entrypoint": "A"}]}
    assert list(published.violations("included", {section: charters})) == []
    others: tuple[object, ...] = (
        {**charters, "prefix": "a:"},
        {"schedules": [{"cron": "@daily", "entrypoint": "A"}]},
        {},
        None,
    )
    for other in [*({section: each} for each in others), {section: charters, "other": 1}, {}]:
        assert list(published.violations("included", other)), other


@pytest.mark.parametrize("path", generation.GENERATED, ids=lambda path: path.name)
def test_what_is_generated_from_the_table_of_fields_is_current(
    path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    text = path.read_text(encoding="utf-8")
    generated = generation.GENERATED[path](text)
    if request.config.getoption("--update-golden"):
        path.write_text(generated, encoding="utf-8")
        return
    assert text == generated


def test_the_wheel_holds_the_package_its_schemas_and_its_types(tmp_path: pathlib.Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.py")}
    expected |= {f"reconciler/schemas/{name}.schema.json" for name in published.NAMES} | {"reconciler/py.typed"}
    assert expected - names == set()
    assert {name for name in names if not name.startswith(("reconciler/", "reconciler-"))} == set()


def test_the_openapi_document_is_that_of_the_service(request: pytest.FixtureRequest) -> None:
    path = ROOT / "schemas/openapi.json"
    text = json.dumps(app.schema(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_every_route_says_who_may_call_it_and_what_its_problems_are() -> None:
    document = app.schema()
    whole = json.dumps(document)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', whole)):
        assert name in document["components"]["schemas"]
    open_to_all = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            problems = {status: each for status, each in operation["responses"].items() if status >= "400"}
            assert "500" in problems, path
            assert all(list(each["content"]) == ["application/problem+json"] for each in problems.values()), path
            if "security" in operation:
                assert {"401", "429"} <= problems.keys(), path
            else:
                open_to_all.append(path)
    assert open_to_all == ["/healthz", "/readyz", "/metrics"]


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == version.VERSION
