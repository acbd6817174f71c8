"""`--spec -`: every command that reads a repo-spec reads it from standard input."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.support import program

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""
LATER = SPEC.replace("0 * * * *", "30 * * * *")


@pytest.fixture
def local(tmp_path: pathlib.Path) -> program.Program:
    """The program without a server."""
    return program.Program(folder=tmp_path, address="127.0.0.1:1")


def test_a_spec_on_standard_input_is_planned_applied_and_looked_at(reconciler: program.Program) -> None:
    planned = json.loads(reconciler.run("plan", "--spec", "-", "--format", "json", piped=SPEC).stdout)
    assert planned["spec"] == "<stdin>"
    assert [each["verb"] for each in planned["changes"]] == ["create"]

    applied = reconciler.run("apply", "--yes", "--spec", "-", piped=SPEC)
    assert applied.returncode == 0, applied.stderr
    for command in (("status",), ("snapshot",), ("lock", "show"), ("prune", "--yes")):
        done = reconciler.run(*command, "--spec", "-", piped=SPEC)
        assert done.returncode == 0, (command, done.stderr)
        assert "governance:" in done.stdout, command
    assert "COMMUNITY" in reconciler.run("preflight", "--spec", "-", piped=SPEC).stdout
    assert reconciler.run("import", "--spec", "-", piped=SPEC).stdout == SPEC


def test_a_plan_of_standard_input_is_applied_with_the_same_input_and_no_other(reconciler: program.Program) -> None:
    saved = reconciler.run("plan", "--spec", "-", "--out", "plan.json", piped=SPEC)
    assert saved.returncode == 0, saved.stderr
    assert reconciler.run("apply", "plan.json", "--yes", "--spec", "-", piped=LATER).returncode == 5
    without = reconciler.run("apply", "plan.json", "--yes", piped=SPEC)
    assert without.returncode == 64
    assert "specify the repo-spec with --spec" in without.stderr
    applied = reconciler.run("apply", "plan.json", "--yes", "--spec", "-", piped=SPEC)
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize(
    ("piped", "problem"),
    [
        ("governance:\n  schedules:\n    - charter: A\n      cron: @daily\n", "<stdin>:4:13: not valid YAML"),
        ("governance:\n  schedules: [{charter: A, cron: '0 25 * * *', entrypoint: E}]\n", "<stdin>:2:37: '25' is not"),
        ("# " + "x" * 16 * 1024 * 1024, "<stdin>: exceeds 16 MiB"),
    ],
)
def test_what_is_wrong_with_it_is_located_in_standard_input(local: program.Program, piped: str, problem: str) -> None:
    done = local.run("validate", "--spec", "-", piped=piped)
    assert (done.returncode, done.stdout) == (3, "")
    assert problem in done.stderr


def test_next_and_validate_need_no_file(local: program.Program) -> None:
    assert local.run("validate", "--spec", "-", piped=SPEC).stdout == "<stdin>: valid, 1 charter\n"
    assert "COMMUNITY" in local.run("next", "--spec", "-", piped=SPEC).stdout
    assert not list(local.folder.iterdir())


def test_a_file_with_that_name_is_still_read_as_a_file(local: program.Program) -> None:
    (local.folder / "-").write_text(LATER, encoding="utf-8")
    (local.folder / "<stdin>").write_text(SPEC, encoding="utf-8")
    for name in ("./-", "<stdin>"):
        assert local.run("validate", "--spec", name, piped="not: [read").returncode == 0


def test_what_cannot_use_standard_input_says_so(local: program.Program) -> None:
    for command, why in ((("import", "--write"), "--write has no file to write to"), (("serve",), "only once")):
        done = local.run(*command, "--spec", "-", piped=SPEC)
        assert done.returncode == 64
        assert why in done.stderr
        assert "--spec" in done.stderr


def test_without_a_terminal_an_apply_from_standard_input_has_to_be_confirmed(reconciler: program.Program) -> None:
    done = reconciler.run("apply", "--spec", "-", piped=SPEC)
    assert done.returncode == 64
    assert "--yes" in done.stderr
