"""Which environments a command accepts, how several are named, and what `validate` reports of them."""

from __future__ import annotations

import io
import pathlib

import pytest

from reconciler import errors
from reconciler.cli import commands, console
from tests.support import specs

ALL = ("--environment", "*")


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with the spec."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(specs.ENVIRONMENTS)
    return tmp_path


def run(*arguments: str) -> tuple[str, str]:
    """Return what a command prints on standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    commands.app.main([*arguments, "--spec", "spec.yaml"], standalone_mode=False, obj=console.Console(out, err))
    return out.getvalue(), err.getvalue()


def refused(*arguments: str) -> errors.ReconcilerError:
    with pytest.raises(errors.ReconcilerError) as raised:
        run(*arguments)
    return raised.value


def test_all_environments_are_validated() -> None:
    shown = "spec.yaml: valid in 3 environments (staging, preview, production), 2 charters\n"
    assert run("validate", *ALL) == (shown, "")
    assert run("validate", "--environment", "staging", "--environment", "production")[0] == (
        "spec.yaml: valid in 2 environments (staging, production), 2 charters\n"
    )
    assert run("validate", "--environment", "staging")[0] == "spec.yaml: valid, 2 charters\n"


def test_without_an_environment_the_error_names_how_to_validate_all() -> None:
    error = refused("validate")
    assert (error.exit_code, "or all of them with --environment '*'" in error.message) == (3, True)


def test_environments_that_may_be_on_different_servers_are_valid(folder: pathlib.Path) -> None:
    (folder / "spec.yaml").write_text(specs.ENVIRONMENTS.replace("${environment}:", "acme:"))
    assert run("validate", *ALL)[0].startswith("spec.yaml: valid in 3 environments")
    assert "both manage acme:*" in refused("plan", *ALL).message


def test_each_problem_is_reported_once_and_with_the_environments_that_have_it(folder: pathlib.Path) -> None:
    text = specs.ENVIRONMENTS.replace("  schedules", "  vars: {hour: 1}\n  schedules")
    text = text.replace('cron: "0 * * * *"', "cron: '0 ${hour} * * *'").replace(
        "entrypoint: OPS", "entrypoint: two words"
    )
    text = text.replace("staging: {", "staging: {vars: {hour: 25}, ").replace(
        "production: {", "production: {vars: {hour: 26}"
    )
    (folder / "spec.yaml").write_text(text)
    assert [line.partition(";")[0] for line in refused("validate", *ALL).message.splitlines()] == [
        "spec.yaml:5:34: '25' is not a valid hour: use 0 to 23 (in environment 'staging')",
        "spec.yaml:5:34: '26' is not a valid hour: use 0 to 23 (in environment 'production')",
        "spec.yaml:6:54: 'entrypoint' \"two words\" must be one word, without spaces",
    ]


def test_advice_is_printed_once(folder: pathlib.Path) -> None:
    (folder / "spec.yaml").write_text(specs.ENVIRONMENTS.replace("  schedules", "  vars: {unused: 1}\n  schedules"))
    assert run("validate", *ALL)[1].count("nothing refers to") == 1


@pytest.mark.parametrize(
    "command", [("status",), ("snapshot",), ("import",), ("next",), ("prune",), ("preflight",), ("lock", "show")]
)
def test_a_command_for_one_environment_refuses_all_of_them(command: tuple[str, ...]) -> None:
    error = refused(*command, *ALL)
    assert (error.exit_code, error.message) == (
        64,
        "--environment selects all environments, but only plan, apply, and validate accept more than one",
    )
    two = refused(*command, "--environment", "staging", "--environment", "production")
    assert two.message.startswith("--environment selects 2 environments, but only ")


@pytest.mark.parametrize("names", ["staging,production", "staging production", "staging, production"])
def test_several_names_in_one_option_or_variable_are_refused_with_how_to_name_them(
    names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "to select several, repeat the option: --environment staging --environment production"
    assert refused("plan", "--environment", names).hint == expected
    monkeypatch.setenv("GOVERNANCE_ENVIRONMENT", names)
    assert refused("plan").hint == expected
    assert (
        refused("plan", "--environment", "staging,europe").hint == "declared environments: staging, preview, production"
    )
