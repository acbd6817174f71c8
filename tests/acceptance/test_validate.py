"""`validate`, and every other command before it reads a server: bad input gets a clear, located error."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.support import program


@pytest.fixture
def local(tmp_path: pathlib.Path) -> program.Program:
    """The program without a server."""
    return program.Program(folder=tmp_path, address="127.0.0.1:1")


TEN_MISTAKES = """\
schema_version: "0.1.4"
governance:
  defaults:
    task_que: scheduler-tasks
    overlap: skip
  schedules:
    - charter: COMMUNITY
      cron: "0 * * * MON-SAT/0"
      entrypoint: COMMUNITY
    - charter: community
      cron: "0 25 * * *"
      entrypoint: two words
    - charter: ENGINEERING
      crn: "15 * * * *"
      entrypoint: ENGINEERING
    - charter: "NOT OK"
      cron: "15 * * * *"
      timezone: Europe/Atlantis
      entrypoint: X
    - charter: PAUSED
      cron: "15 * * * *"
      entrypoint: X
      paused: yes
      catchup_window: 1 week
      input: [a, list]
"""


def test_many_mistakes_give_a_located_message_each_with_what_to_do(local: program.Program) -> None:
    local.declare(TEN_MISTAKES)
    done = local.run("validate")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (pathlib.Path(__file__).parent / "many_mistakes.txt").read_text(encoding="utf-8")


def test_plan_and_apply_say_the_same_before_they_look_for_a_server(local: program.Program) -> None:
    local.declare(TEN_MISTAKES)
    messages = local.run("validate").stderr
    for command in (["plan"], ["apply", "--yes"]):
        done = local.run(*command)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", messages)


def test_a_valid_spec_is_said_to_be_valid(local: program.Program) -> None:
    local.declare("governance:\n  schedules:\n    - {charter: NO, cron: '@daily', entrypoint: A}\n")
    done = local.run("validate")
    assert (done.returncode, done.stdout, done.stderr) == (0, ".cogni/repo-spec.yaml: valid, 1 charter\n", "")


def laughs() -> str:
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    return f"governance:\n  l0: &l0 [lol]\n{levels}  schedules:\n    - *l8\n"


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"- a\n- b\n", "the repo-spec is not an object"),
        (b"governance:\n  schedules: [\n", "not valid YAML"),
        (b"governance: {}\n---\ngovernance: {}\n", "a second document"),
        (b"governance:\n  schedules: []\n  schedules: []\n", "schedules"),
        (b"governance: \xff\xfe\n", "UTF-8"),
        (b"governance: \x00\n", "YAML does not allow this character"),
        (b"#" * (16 * 1024 * 1024 + 1), "16 MiB"),
        (laughs().encode(), "repo-spec.yaml:"),
        (b"governance: " + b"[" * 50_000, "nested deeper than 100 levels"),
        (b"governance:\n  schedules: &a\n    - *a\n", "contains itself"),
        (b"governence:\n  schedules: []\n", "'governance'"),
    ],
    ids=[
        *("empty", "comment", "list", "syntax", "documents", "duplicate", "bytes", "control", "size"),
        *("laughs", "depth", "cycle", "misspelled"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_clear_error(local: program.Program, content: bytes, messages: str) -> None:
    local.declare("")
    (local.folder / program.SPEC).write_bytes(content)
    done = local.run("validate")
    assert done.returncode == 3
    assert done.stderr.startswith(".cogni/repo-spec.yaml:")
    assert messages in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 2000


def absent(path: pathlib.Path) -> None:
    path.parent.mkdir()


def directory(path: pathlib.Path) -> None:
    path.mkdir(parents=True)


def loop(path: pathlib.Path) -> None:
    path.parent.mkdir()
    path.symlink_to(path)


@pytest.mark.parametrize("make", [absent, directory, loop])
def test_what_is_no_file_is_a_clear_error(local: program.Program, make: Callable[[pathlib.Path], None]) -> None:
    make(local.folder / program.SPEC)
    done = local.run("validate")
    assert done.returncode == 3
    assert ".cogni/repo-spec.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_spec_is_named_by_an_option(local: program.Program) -> None:
    (local.folder / "other.yaml").write_text("governance: {schedules: []}\n")
    assert local.run("validate", "--spec", "other.yaml").stdout == "other.yaml: valid, 0 charters\n"


def test_a_warning_is_no_error(local: program.Program) -> None:
    local.declare("governance:\n  schedules:\n    - {charter: A, cron: '0 0 30 2 *', entrypoint: A}\n")
    done = local.run("validate")
    assert (done.returncode, done.stdout) == (0, ".cogni/repo-spec.yaml: valid, 1 charter\n")
    assert done.stderr.startswith(".cogni/repo-spec.yaml:3:26: warning: no time matches, so this never fires")


SWITCHED_OFF = """\
governance:
  schedules:
    - {charter: A, cron: "0 * * * *", entrypoint: A}
    - {charter: B, cron: "0 0 30 2 *", entrypoint: B}
  environments:
    "off": {enabled: false}
    staging: {charters: {A: {paused: true}}}
"""


def test_next_says_that_an_environment_is_switched_off(local: program.Program) -> None:
    local.declare(SWITCHED_OFF)
    done = local.run("next", "--environment", "off")
    assert (done.returncode, done.stdout) == (
        0,
        "Nothing fires: environment 'off' is disabled in .cogni/repo-spec.yaml.\n",
    )


def test_next_says_what_does_not_fire_and_names_the_environment(local: program.Program) -> None:
    local.declare(SWITCHED_OFF)
    done = local.run("next", "--environment", "staging")
    assert done.stdout.splitlines() == [
        ".cogni/repo-spec.yaml, environment staging",
        "A does not fire: it is declared paused",
        "B never fires: no time matches; check its days, years, exclusions, and end",
    ]


def test_next_lists_the_times_of_one_charter_or_of_all_without_a_server(local: program.Program) -> None:
    local.declare(
        "governance:\n  schedules:\n"
        "    - {charter: A, cron: '0 9 * * *', timezone: Europe/Berlin, entrypoint: A}\n"
        "    - {charter: B, intervals: [{every: 6h}], entrypoint: B}\n"
        "    - {charter: C, cron: '@hourly', paused: true, entrypoint: C}\n"
    )
    done = local.run("next", "--from", "2026-11-23T05:00:00Z", "--until", "2026-11-23T12:00:00Z")
    assert done.stdout.splitlines() == [
        "Mon 23 Nov 2026 06:00 UTC   in 60 min  B",
        "Mon 23 Nov 2026 09:00 CET      in 3 h  A",
        "Mon 23 Nov 2026 12:00 UTC      in 7 h  B",
        "C does not fire: it is declared paused",
    ]
    one = local.run("next", "b", "--from", "2026-11-23T05:00:00Z", "--count", "1")
    assert one.stdout == "Mon 23 Nov 2026 06:00 UTC   in 60 min  B\n"
    unknown = local.run("next", "Z")
    assert (unknown.returncode, "has no charter 'Z'" in unknown.stderr) == (64, True)


@pytest.mark.parametrize(("start", "bound"), [(("--from", "2026-11-23T05:00:00Z"), "--from"), ((), "the current time")])
def test_next_refuses_an_end_before_its_start(local: program.Program, start: tuple[str, ...], bound: str) -> None:
    local.declare("governance: {schedules: []}\n")
    done = local.run("next", *start, "--until", "2026-01-01T00:00:00Z")
    assert (done.returncode, done.stdout) == (64, "")
    assert f"--until must be later than {bound}\n" in done.stderr
