"""The how-tos of docs/architecture.md, followed on a copy of the package."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.support import github_hub, github_server

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


GREET = '''"""The Action's `greet`: greet whoever reads the log."""

from reconciler.github import results
from reconciler.github.invocation import Invocation


def run(invocation: Invocation) -> results.Result:
    """Greet."""
    invocation.log.write("Hello.")
    return invocation.result(summary="greeted")
'''
COUNT = '''    def count_comments(self, number: int) -> int:
        """Return how many comments a pull request has."""
        call = calls.Call(doing=f"count the comments of {self.name}#{number}", permission=_READ_COMMENTS)
        comments = self._repository.get_issue(number).get_comments()
        return self._calls.send(call, lambda: len(list(comments)))
'''
SCRIPT = """from reconciler.github import client

repository = client.Repository(api_url="{url}", repository="{repository}", token="{token}")
print(repository.count_comments(1))
"""


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

    def run(self, *arguments: str, module: str = "reconciler", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the program of the copy, or another module."""
        command = [sys.executable, "-m", module, *arguments]
        given = {**os.environ, **environment}
        return subprocess.run(command, cwd=self._folder, env=given, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> Copy:
    return Copy(tmp_path)


def test_a_command_is_a_module_and_a_line(copy: Copy) -> None:
    copy.write("reconciler/cli/hello.py", HELLO)
    table = "COMMANDS: Mapping[str, tuple[str, str]] = {  # import path within `reconciler`, and one-line help\n"
    copy.edit("reconciler/cli/commands.py", table, f'{table}    "hello": ("cli.hello.hello", "Greet."),\n')
    assert copy.run("hello").stdout == "Hello.\n"
    assert re.search(r"^ +hello +Greet\.$", copy.run("--help").stdout, re.MULTILINE)


def test_a_command_of_the_action_is_a_module_a_name_and_a_case(copy: Copy) -> None:
    copy.write("reconciler/github/greet.py", GREET)
    copy.edit("reconciler/github/inputs.py", '"validate", "snapshot"]', '"validate", "snapshot", "greet"]')
    case = '        case "validate":\n'
    copy.edit(
        "reconciler/github/commands.py",
        case,
        f'        case "greet":\n            return greet.run(invocation)\n{case}',
    )
    copy.edit("reconciler/github/commands.py", "import apply, drift,", "import apply, greet, drift,")
    done = copy.run(module="reconciler.github", INPUT_COMMAND="greet", GITHUB_WORKSPACE=".")
    assert (done.returncode, "Hello." in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_table_is_a_numbered_file(copy: Copy, tmp_path: pathlib.Path) -> None:
    last = max(path.name for path in (ROOT / "reconciler/postgres/migrations").glob("*/*.sql"))
    number = f"{int(last[:4]) + 1:04}"
    copy.write(f"reconciler/postgres/migrations/audit/{number}_greetings.sql", "CREATE TABLE greetings (word text);\n")
    url = f"embedded:{tmp_path / 'postgres'}"
    assert copy.run("db", "migrate", DATABASE_URL=url).returncode == 0
    status = copy.run("db", "status", DATABASE_URL=url)
    assert f"{number}_greetings" in status.stdout, status.stdout + status.stderr


def test_a_call_to_github_is_a_method(copy: Copy) -> None:
    method = "    def comment(self, comment_id: int)"
    copy.edit("reconciler/github/client.py", method, f"{COUNT}\n{method}")
    with github_server.running() as server:
        server.hub.add_pull("Change a cron", head_sha="a" * 40)
        server.hub.add_comment(1, "a")
        server.hub.add_comment(1, "b")
        script = SCRIPT.format(url=server.api_url, repository=server.hub.repository, token=github_hub.JOB)
        copy.write("ask.py", script)
        done = copy.run(module="ask")
    assert done.stdout == "2\n", done.stderr


def test_a_field_is_a_line_of_the_model_and_a_row_of_the_table(copy: Copy) -> None:
    """Without the two, and nothing else edited, the program works."""
    copy.edit("reconciler/schedule/model.py", FIELD, "")
    copy.edit("reconciler/schedule/fields.py", ROW, "")
    copy.write("spec.yaml", SPEC)
    done = copy.run("validate", "--spec", "spec.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "spec.yaml: valid, 1 charter\n", "")
