"""Grants by the command line: made once with a token, listed without, revoked."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from tests.support import postgres, program

TOKEN = re.compile(r"rcn_[\w-]{43}")
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
WHEN = r"\w{3} \d\d \w{3} \d{4} \d\d:\d\d(:\d\d)? UTC"


@pytest.fixture
def alone(tmp_path: pathlib.Path) -> program.Program:
    """The program where there is no Temporal: grants need none."""
    return program.Program(folder=tmp_path, address="127.0.0.1:1")


@pytest.fixture
def run(alone: program.Program, database_url: str) -> Any:
    """What runs a command with a database, and returns what it prints where that is expected."""

    def ran(*arguments: str, code: int = 0) -> str:
        done = alone.run(*arguments, DATABASE_URL=database_url)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return ran


def test_a_grant_shows_its_token_once_and_is_listed_until_it_is_revoked(run: Any, database_url: str) -> None:
    assert run("grant", "list") == "There are no grants.\n"
    messages = run("grant", "create", "alice", "--scope", "REPORT", "--scope", "OTHER", "--expires-in", "90d")
    shown = re.fullmatch(
        rf"Grant ({ID}) allows alice to run REPORT, OTHER until {WHEN}\. Its token:\n({TOKEN.pattern})\n"
        r"Store it securely; it will not be shown again\.\n",
        messages,
    )
    assert shown
    assert re.match(
        rf"Grant {ID} allows bob to run every workflow until it is", run("grant", "create", "bob", "--scope", "*")
    )
    listed = run("grant", "list")
    assert re.fullmatch(
        rf"{ID}  bob  every workflow  no expiry\n{shown[1]}  alice  REPORT, OTHER  expires {WHEN}\n", listed
    )
    assert re.fullmatch(rf"Grant {shown[1]} for alice was revoked at {WHEN}\.\n", run("grant", "revoke", shown[1]))
    assert re.fullmatch(
        rf"{shown[1]}  alice  REPORT, OTHER  revoked {WHEN}\n", run("grant", "list", "--subject", "alice")
    )
    kept = str(postgres.execute(database_url, "SELECT execution_grants::text FROM execution_grants"))
    assert not TOKEN.search(listed + kept + run("grant", "list", "--log-level", "debug"))


def test_grants_are_json_for_scripts_and_only_the_new_one_has_a_token(run: Any) -> None:
    made = json.loads(run("grant", "create", "zoë", "--scope", "*", "--format", "json"))
    token = made.pop("token")
    assert TOKEN.fullmatch(token)
    assert (made["subject"], made["scopes"], made["expires_at"], made["revoked_at"]) == ("zoë", ["*"], None, None)
    assert json.loads(run("grant", "list", "--format", "json")) == [made]
    revoked = json.loads(run("grant", "revoke", made["id"], "--format", "json"))
    assert revoked == made | {"revoked_at": revoked["revoked_at"]}
    assert revoked["revoked_at"] >= made["created_at"]


def test_an_expired_grant_is_listed_as_that(run: Any, database_url: str) -> None:
    run("grant", "create", "alice", "--scope", "A", "--expires-in", "1h")
    postgres.execute(
        database_url,
        "UPDATE execution_grants SET created_at = created_at - interval '2h', expires_at = expires_at - interval '2h'",
    )
    assert re.search(rf"  alice  A  expired {WHEN}\n", run("grant", "list"))


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        (("create", "alice"), 64, "Missing option '--scope'"),
        (("create", "", "--scope", "A"), 64, "a grant requires a subject and a workflow"),
        (("create", "alice", "--scope", ""), 64, "a grant requires a subject and a workflow"),
        (("create", "alice", "--scope", "A", "--expires-in", "0s"), 64, "is too short; use 0.1s or more"),
        (("create", "alice", "--scope", "A", "--expires-in=-1d"), 64, "is too short; use 0.1s or more"),
        (("create", "alice", "--scope", "A", "--expires-in", "soon"), 64, "is not a valid duration"),
        (("create", "a\nb", "--scope", "A"), 64, "control character"),
        (("revoke", "1"), 64, "is not a valid UUID"),
        (("revoke", "00000000-0000-4000-8000-000000000000"), 1, "there is no grant 00000000-"),
    ],
)
def test_what_cannot_be_done_is_told(run: Any, arguments: tuple[str, ...], code: int, messages: str) -> None:
    assert messages in run("grant", *arguments, code=code)


def test_grants_are_kept_in_a_database_of_its_own_where_none_is_named(alone: program.Program) -> None:
    state = str(alone.folder / "state")
    made = alone.run("grant", "create", "alice", "--scope", "A", XDG_STATE_HOME=state)
    assert (made.returncode, made.stderr) == (0, "")
    listed = alone.run("grant", "list", XDG_STATE_HOME=state)
    assert re.fullmatch(rf"{ID}  alice  A  no expiry\n", listed.stdout)


@pytest.mark.parametrize("arguments", [("create", "a", "--scope", "A"), ("list",), ("revoke", "0" * 32)])
def test_a_database_that_is_away_is_told(alone: program.Program, arguments: tuple[str, ...]) -> None:
    away = alone.run("grant", *arguments, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/app")
    assert (away.returncode, away.stdout) == (1, "")
    assert "cannot connect to database app at 127.0.0.1:1" in away.stderr
    assert "Traceback" not in away.stderr
