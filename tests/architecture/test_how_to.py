"""The how-tos of docs/architecture.md, followed on a copy of the package."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SPEC = "governance:\n  schedules:\n    - {charter: A, cron: '0 3 * * *', entrypoint: A}\n"
FIELD = "    pause_on_failure: bool = False\n"
ROW = re.compile(r'    rows\.Field\(\n        key="pause_on_failure",\n.*?\n    \),\n', re.DOTALL)
HELLO = '''"""`reconciler hello`: greet."""

import click


@click.command()
def hello() -> None:
    """Greet whoever calls."""
    click.echo("Hello.")
'''


class Copy:
    """A copy of the package, and how to run it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        shutil.copytree(ROOT / "reconciler", folder / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))

    def write(self, name: str, text: str) -> None:
        """Write a file below the copy."""
        (self._folder / name).write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str | re.Pattern[str], new: str) -> None:
        """Replace a text that is there once."""
        text = (self._folder / name).read_text(encoding="utf-8")
        edited, count = re.subn(re.escape(old) if isinstance(old, str) else old, lambda _: new, text)
        assert count == 1
        self.write(name, edited)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program of the copy."""
        command = [sys.executable, "-m", "reconciler", *arguments]
        return subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> Copy:
    return Copy(tmp_path)


def test_a_command_is_a_module_and_a_line(copy: Copy) -> None:
    copy.write("reconciler/cli/hello.py", HELLO)
    table = "COMMANDS: Mapping[str, tuple[str, str]] = {  # where each is in `reconciler`, and its line in the help\n"
    copy.edit("reconciler/cli/commands.py", table, f'{table}    "hello": ("cli.hello.hello", "Greet."),\n')
    assert copy.run("hello").stdout == "Hello.\n"
    assert re.search(r"^ +hello +Greet\.$", copy.run("--help").stdout, re.MULTILINE)


def test_a_field_is_a_line_of_the_model_and_a_row_of_the_table(copy: Copy) -> None:
    """Without the two, and nothing else edited, the program works."""
    copy.edit("reconciler/schedule/model.py", FIELD, "")
    copy.edit("reconciler/schedule/fields.py", ROW, "")
    copy.write("spec.yaml", SPEC)
    done = copy.run("validate", "--spec", "spec.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "spec.yaml: valid, 1 charter\n", "")
