"""What the tests of the Action share: act, the action installed once, and a repository for each test."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.support import act as workflows
from tests.support import action
from tools import programs


@pytest.fixture(scope="session")
def act() -> pathlib.Path:
    """The program that runs workflows; without it the tests are skipped, but not in continuous integration."""
    try:
        return programs.act()
    except programs.MissingProgramError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"workflows cannot be run: {error}")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The action as its users get it."""
    return action.tree(tmp_path_factory.mktemp("action"))


@pytest.fixture(scope="session")
def installed(tree: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the action finds itself installed; all workers of one test run share it."""
    kept = _shared(tmp_path_factory) / "installed"
    action.install(tree, kept)
    return kept


@pytest.fixture
def repository(
    act: pathlib.Path, tree: pathlib.Path, installed: pathlib.Path, tmp_path: pathlib.Path
) -> Iterator[workflows.Repository]:
    """An empty repository that has the action at hand."""
    made = workflows.Repository(binary=act, folder=tmp_path, action=tree, installed=installed)
    yield made
    made.close()


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a test's own environments are kept."""
    return tmp_path / "kept"


@pytest.fixture
def stand_in(tree: pathlib.Path, kept: pathlib.Path) -> Callable[[str], dict[str, str]]:
    """Puts a script where the action looks for the program, and returns the runner's environment for that."""

    def put(script: str) -> dict[str, str]:
        python = kept / action.key(tree) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
        python.chmod(0o755)
        return {"RECONCILER_INSTALL_DIR": str(kept)}

    return put


def _shared(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
