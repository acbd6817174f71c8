"""A database, a codec server or GitHub that repeats our credential does not get it printed."""

from __future__ import annotations

import urllib.parse

import pytest
from psycopg import conninfo

from reconciler.credentials import held
from tests.support import codec_server, github_hub, github_server, job, postgres, program

KEY = "zq9Xw7Vb2Kd4-live"
SPEC = 'governance: {schedules: [{charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA, memo: {team: platform}}]}\n'


@pytest.mark.parametrize("form", ["url", "query", "words"])
def test_a_password_that_postgresql_repeats_is_not_printed(
    reconciler: program.Program, database_url: str, form: str
) -> None:
    """The server's words name the database that does not exist, and its name is the password."""
    url = postgres.altered(database_url, user="postgres", password=KEY, database=KEY)
    if form == "query":
        plain = urllib.parse.urlsplit(postgres.altered(database_url, database=KEY))
        url = plain._replace(query=f"{plain.query}&password={KEY}".lstrip("&")).geturl()
    elif form == "words":
        url = conninfo.make_conninfo(url, connect_timeout=5)  # rewrites it as key=value words
    done = reconciler.run("db", "status", "--log-level", "debug", DATABASE_URL=url)
    assert done.returncode == 1
    assert f'database "{held.MARK}" does not exist' in done.stderr
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_authorization_that_a_codec_server_repeats_is_not_printed(reconciler: program.Program, status: int) -> None:
    reconciler.declare(SPEC)
    with codec_server.running(auth=f"Bearer {KEY}") as codec:
        codec.status, codec.answer = status, f'{{"payloads": "{KEY} is not valid"}}'
        given = ("--codec-endpoint", codec.endpoint, "--codec-auth", f"Bearer {KEY}", "--log-level", "debug")
        done = reconciler.run("apply", "--yes", *given)
    assert done.returncode == 1
    assert "codec server" in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_token_that_github_repeats_is_in_no_log_annotation_summary_or_output(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    with github_server.running() as github:
        github.hub.tokens[KEY] = github.hub.tokens[github_hub.JOB]
        github.hub.add_pull("Add a charter", head_sha="b" * 40)
        github.inject("GET", "/comments", github_server.failing(422, f"token {KEY} may not"), times=9)
        work = job.Job(run=reconciler, github=github)
        work.pull_request(1, sha="b" * 40)
        step = work.step("plan", github_token=KEY)
    assert "may not" in step.messages("error")[0]
    assert KEY not in "".join([step.log, step.summary, *step.outputs.values()])
