"""Variables of the repo-spec from the command line and the environment, in plans, saved plans, imports and output."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from tests.support import program

SPEC = """\
governance:
  vars: {region: eu, attempts: 3, db_password: null, spare: 1}
  defaults:
    task_queue: reports-${region}
    note: ${charter} in ${region}
  schedules:
    - charter: NIGHTLY
      cron: "0 2 * * *"
      entrypoint: NIGHTLY
      retry_policy: {maximum_attempts: "${attempts}"}
      input: {connect: "app/${db_password}@db", shell: "echo $${HOME}"}
"""
SECRET = f"{program.SECRET}-zebra"
GIVEN = ("--var", f"db_password={SECRET}")


def change(run: program.Program, *arguments: str, **environment: str) -> dict[str, Any]:
    """Return the only change of a plan: its verb, and its fields by path."""
    planned = run.run("plan", "--format", "json", *arguments, **environment)
    assert planned.returncode == 0, planned.stderr
    assert SECRET not in planned.stdout + planned.stderr
    (found,) = json.loads(planned.stdout)["changes"]
    return {field["path"]: field.get("new") for field in found["fields"]}


def test_values_come_from_the_option_the_environment_variable_and_the_spec(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    fields = change(reconciler, *GIVEN, "--var", "region=us", RECONCILER_VAR_region="ap", RECONCILER_VAR_attempts="9")
    assert (fields["task_queue"], fields["retry_policy"]) == ("reports-us", {"maximum_attempts": 9})
    assert fields["note"] == "NIGHTLY in us"
    assert fields["input"]["shell"] == "echo ${HOME}"
    fields = change(reconciler, RECONCILER_VAR_db_password=SECRET, RECONCILER_VAR_region="ap", RECONCILER_VAR_other="x")
    assert fields["task_queue"] == "reports-ap"
    assert change(reconciler, *GIVEN, RECONCILER_VAR_region="")["task_queue"] == "reports-eu"


def test_every_command_that_reads_the_spec_takes_variables(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    for command in (
        *(["validate"], ["plan"], ["apply", "--yes"], ["status"], ["next"], ["preflight"], ["snapshot"]),
        *(["prune", "--yes"], ["import"], ["lock", "show"]),
    ):
        without = reconciler.run(*command)
        assert (without.returncode, "variable 'db_password' has no value" in without.stderr) == (3, True), command
        ended = reconciler.run(*command, *GIVEN)
        assert ended.returncode in (0, 1 if command == ["preflight"] else 0), (command, ended.stderr)
        assert SECRET not in ended.stdout + ended.stderr
        if command[0] in ("validate", "plan", "apply", "status"):
            assert ":2:54: warning: nothing refers to variable 'spare'" in ended.stderr


def test_wrong_variables_are_refused_without_their_values(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    for arguments, code, message in (
        (
            ["--var", "regoin=zebra"],
            64,
            "--var regoin: the repo-spec declares no variable 'regoin'\nUse a declared variable, such as 'region'.",
        ),
        (["--var", "zebra"], 64, "a variable must have the form NAME=VALUE"),
        (["--var", "attempts=zebra"], 3, ":2:22: --var attempts is not a number, unlike the declared value"),
        (["--var", "attempts=0"], 3, ":10:40: 'maximum_attempts' is 0, but must be at least 1"),
    ):
        ended = reconciler.run("validate", *GIVEN, *arguments)
        assert ended.returncode == code, ended.stderr
        assert message in ended.stderr
        assert "zebra" not in ended.stdout + ended.stderr


def test_a_saved_plan_is_applied_with_the_same_variables_only(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("plan", "--out", "plan.json", *GIVEN, "--var", "region=us").returncode == 0
    text = (reconciler.folder / "plan.json").read_text(encoding="utf-8")
    assert SECRET not in text
    assert json.loads(text)["saved"]["variables"].keys() == {"db_password", "region"}
    for arguments, names in (
        ([*GIVEN], "region"),
        (["--var", "region=us"], "db_password"),
        ([], "db_password, region"),
        ([*GIVEN, "--var", "region=ap"], "region"),
        (["--var", "db_password=another-zebra", "--var", "region=us"], "db_password"),
        ([*GIVEN, "--var", "region=us", "--var", "attempts=3"], "attempts"),
    ):
        ended = reconciler.run("apply", "plan.json", "--yes", *arguments)
        assert ended.returncode == 5, ended.stderr
        assert (
            f"the plan was made with different values of these variables: {names}\nPass the same --var" in ended.stderr
        )
        assert "zebra" not in ended.stdout + ended.stderr
    assert reconciler.run("plan", "--detailed-exitcode", *GIVEN).returncode == 2  # nothing was written
    applied = reconciler.run("apply", "plan.json", "--yes", "--var", "region=us", RECONCILER_VAR_db_password=SECRET)
    assert applied.returncode == 0, applied.stderr
    assert reconciler.run("plan", "--detailed-exitcode", *GIVEN, "--var", "region=us").returncode == 0


def test_a_saved_plan_of_a_spec_without_variables_has_none(reconciler: program.Program) -> None:
    reconciler.declare("governance: {schedules: [{charter: A, cron: '0 * * * *', entrypoint: E}]}\n")
    planned = reconciler.run("plan", "--out", "plan.json", RECONCILER_VAR_region="eu")
    assert planned.returncode == 0
    assert "variables" not in json.loads((reconciler.folder / "plan.json").read_text(encoding="utf-8"))["saved"]
    assert reconciler.run("apply", "plan.json", "--yes").returncode == 0


def test_an_import_escapes_what_looks_like_a_reference(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes", *GIVEN).returncode == 0
    target = pathlib.Path("imported") / ".cogni" / "repo-spec.yaml"
    (reconciler.folder / target).parent.mkdir(parents=True)
    assert reconciler.run("import", "--write", "--spec", str(target)).returncode == 0
    assert "$${HOME}" in (reconciler.folder / target).read_text(encoding="utf-8")
    assert reconciler.run("plan", "--detailed-exitcode", "--spec", str(target)).returncode == 0


def test_numbers_in_a_secret_variable_are_not_shown(reconciler: program.Program) -> None:
    reconciler.declare(
        "governance:\n  vars: {apiToken: null}\n  schedules:\n"
        "    - {charter: A, cron: '@daily', entrypoint: A, input: {x: '${apiToken}'}}\n"
    )
    value = '{"deep": "supersecretvalue99", "n": 424242424242, "l": [1234567890, 0.123456789]}'
    for form in ("text", "json", "markdown"):
        ended = reconciler.run("plan", "--format", form, RECONCILER_VAR_apiToken=value)
        assert ended.returncode == 0, ended.stderr
        hidden = ("supersecretvalue99", "424242424242", "1234567890", "0.123456789")
        assert [each for each in hidden if each in ended.stdout + ended.stderr] == []


def test_an_import_does_not_print_a_file_with_credentials_but_writes_it(reconciler: program.Program) -> None:
    reconciler.declare(
        "governance:\n  schedules:\n    - {charter: A, cron: '@daily', entrypoint: A, note: 'at swordfish-7 now'}\n"
    )
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare("governance:\n  vars: {db_password: null}\n  schedules: []\n")
    printed = reconciler.run("import", "--var", "db_password=swordfish-7")
    assert (printed.returncode, printed.stdout) == (64, "")
    assert "would contain credentials that this process uses, which are never printed" in printed.stderr
    assert reconciler.run("import", "--write", "--var", "db_password=swordfish-7").returncode == 0
    assert "at swordfish-7 now" in (reconciler.folder / ".cogni/repo-spec.yaml").read_text(encoding="utf-8")
