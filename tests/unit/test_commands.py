from __future__ import annotations

import importlib
import pathlib
import pkgutil
import subprocess
import sys

import click
import pytest

from reconciler import cli
from reconciler.cli import commands
from reconciler.platform import cli as platform_cli

ROOT = pathlib.Path(__file__).parents[2]
HEAVY = ("deepdiff", "grpc", "jsonschema", "psycopg", "pydantic", "temporalio", "yaml")
UNUSED_BY_VALIDATE = ("asyncio", "deepdiff", "grpc", "psycopg", "pydantic", "reconciler.report.text", "temporalio")
IMPORTED = f"""
import sys
from reconciler.cli import commands, console
commands.app.main(sys.argv[1:], standalone_mode=False, obj=console.Console(sys.stdout, sys.stderr))
print(*sorted(name for name in {(*HEAVY, *UNUSED_BY_VALIDATE)} if name in sys.modules))
"""


def test_every_command_of_the_package_is_in_the_table_under_its_name() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}")
        for package in (cli, platform_cli)
        for each in pkgutil.iter_modules(package.__path__)
    ]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, click.Command)}
    below = {each for group in found if isinstance(group, click.Group) for each in group.commands.values()}
    context = click.Context(commands.app)
    listed = {name: commands.app.get_command(context, name) for name in commands.COMMANDS}
    assert set(listed.values()) == found - below - {commands.app}
    assert {name: command.name for name, command in listed.items() if command} == {name: name for name in listed}


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_what_needs_no_command_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_validate_imports_only_what_reads_a_spec() -> None:
    command = [sys.executable, "-c", IMPORTED, "validate"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "yaml"  # jsonschema explains what is wrong, and nothing is


def test_without_a_codec_server_no_http_client_is_imported() -> None:
    imported = "import sys, reconciler.cli.plan, reconciler.temporal.connect; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_names_of_commands_are_completed() -> None:
    context = click.Context(commands.app)
    items = commands.app.shell_complete(context, "pr")
    assert [(item.value, item.help) for item in items] == [
        (name, commands.COMMANDS[name][1]) for name in ("preflight", "prune")
    ]
