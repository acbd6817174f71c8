"""A spec in the neutral spelling, in several files, through the command line."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.support import program

MAIN = 'temporal:\n  prefix: "acme:"\n  include: ["schedules/*.yaml"]\n  defaults: {timezone: Europe/Berlin}\n'
ONE = 'temporal:\n  schedules:\n    - {name: ONE, cron: "30 7 * * 1-5", entrypoint: ONE}\n'
TWO = ONE.replace("ONE", "TWO")


@pytest.fixture
def several(reconciler: program.Program) -> program.Program:
    """The program in a folder with a main file at its usual place, and one that it includes."""
    (reconciler.folder / "schedules").mkdir()
    write(reconciler, "temporal-schedules.yaml", MAIN)
    write(reconciler, "schedules/one.yaml", ONE)
    (reconciler.folder / program.SPEC).unlink(missing_ok=True)
    return reconciler


def write(run: program.Program, name: str, text: str) -> None:
    (run.folder / name).write_text(text, encoding="utf-8")


def test_a_plan_names_the_included_file_and_an_apply_converges(several: program.Program) -> None:
    done = several.run("plan")
    assert done.returncode == 0, done.stderr
    assert "+ acme:one  will be created  schedules/one.yaml:3:7\n" in done.stdout
    (change,) = json.loads(several.run("plan", "--format", "json").stdout)["changes"]
    assert (change["charter"], change["place"]["path"], change["place"]["line"]) == ("ONE", "schedules/one.yaml", 3)
    assert several.run("apply", "--yes").returncode == 0
    assert several.run("plan", "--detailed-exitcode").returncode == 0
    write(several, "schedules/one.yaml", "temporal: {schedules: []}\n")
    write(several, "schedules/two.yaml", ONE)
    assert several.run("plan", "--detailed-exitcode").returncode == 0  # a charter may move to another file


@pytest.mark.parametrize("changed", ["one", "two", "gone", "main"])
def test_a_saved_plan_is_stale_once_any_file_changed(several: program.Program, changed: str) -> None:
    assert several.run("plan", "--out", "plan.json").returncode == 0
    match changed:
        case "one":
            write(several, "schedules/one.yaml", ONE + "# later\n")
        case "two":
            write(several, "schedules/two.yaml", TWO)
        case "gone":
            (several.folder / "schedules/one.yaml").unlink()
        case _:
            write(several, "temporal-schedules.yaml", MAIN + "  schedules: broken\n")
    done = several.run("apply", "plan.json", "--yes")
    assert done.returncode == 5, done.stderr
    name = "temporal-schedules.yaml" if changed == "main" else f"schedules/{changed.replace('gone', 'one')}.yaml"
    assert f"Error: {name} changed since the plan was made" in done.stderr


def test_a_saved_plan_of_several_files_is_applied(several: program.Program) -> None:
    assert several.run("plan", "--out", "plan.json").returncode == 0
    done = several.run("apply", "plan.json", "--yes")
    assert done.returncode == 0, done.stderr
    assert several.run("plan", "--detailed-exitcode").returncode == 0


def test_an_import_adds_to_the_main_file_what_no_file_declares(several: program.Program) -> None:
    write(several, "schedules/two.yaml", TWO)
    assert several.run("apply", "--yes").returncode == 0
    (several.folder / "schedules/two.yaml").unlink()
    done = several.run("import", "--write")
    assert (done.returncode, done.stdout) == (0, "temporal-schedules.yaml: 1 charter added\n")
    assert "acme:one is already declared" in done.stderr
    text = (several.folder / "temporal-schedules.yaml").read_text(encoding="utf-8")
    assert text.startswith(MAIN + "  schedules:\n    - name: TWO\n")
    assert several.run("plan", "--detailed-exitcode").returncode == 0


def test_mistakes_and_warnings_name_their_files(several: program.Program) -> None:
    write(several, "schedules/two.yaml", TWO.replace("name", "charter"))
    done = several.run("validate")
    assert (done.returncode, done.stderr) == (
        3,
        "schedules/two.yaml:3:8: unknown key 'charter' in charter 1; write 'name', the key in a temporal section\n",
    )
    write(several, "schedules/two.yaml", TWO)
    write(several, "temporal-schedules.yaml", MAIN.replace("[", "[nothing/*.yaml, "))
    done = several.run("validate")
    assert (done.returncode, done.stdout) == (0, "temporal-schedules.yaml: valid, 2 charters\n")
    assert "temporal-schedules.yaml:3:13: warning: include: 'nothing/*.yaml' matches no file" in done.stderr
    done = several.run("validate", "--spec", "-", piped=MAIN)
    assert done.returncode == 64
    assert "<stdin>:3:3: include requires the spec to be a file" in done.stderr


def test_without_any_file_both_places_are_named(tmp_path: pathlib.Path) -> None:
    done = program.Program(folder=tmp_path, address="127.0.0.1:1").run("validate")
    assert done.returncode == 3
    assert ".cogni/repo-spec.yaml: no such file (temporal-schedules.yaml does not exist either)" in done.stderr
