from __future__ import annotations

import datetime
import json
import pathlib
from typing import Any

import pytest

from reconciler import errors, settings
from reconciler.github import admission, events, inputs
from reconciler.plan import guards
from reconciler.repospec import source

EMPTY = {f"INPUT_{name}": "" for name in ("COMMAND", "SPEC", "ADDRESS", "API_KEY", "TLS", "LOCK", "COMMENT", "LIVE")}


def test_empty_inputs_are_left_out_as_an_absent_secret_arrives_empty() -> None:
    given = inputs.read(
        {**EMPTY, "TEMPORAL_ADDRESS": "t:1", "GITHUB_REPOSITORY": "acme/app", "RUNNER_TEMP": "runner/temp"}
    )
    assert (given.command, given.spec_path, given.live) == ("plan", source.DEFAULTS[0], None)
    assert (given.connection.address, given.connection.api_key, given.connection.tls.enabled) == (None, None, None)
    assert (given.comment, given.require_reviewed_plan, given.writing) == (True, "true", settings.Writing())
    assert (given.choice.repository, given.plan_file.parent) == ("acme/app", pathlib.Path("runner/temp"))
    other = inputs.read({**EMPTY, "INPUT_ENVIRONMENT": "staging", "RUNNER_TEMP": "runner/temp"})
    assert given.plan_file.name != other.plan_file.name


def test_every_input_arrives_where_it_is_meant() -> None:
    messages = {
        "COMMAND": "apply",
        "SPEC": "a.yaml",
        "ENVIRONMENT": "staging",
        "PREFIX": "acme:",
        "OWNER": "me",
        "ADDRESS": "t:1",
        "NAMESPACE": "n",
        "API_KEY": "k",
        "TLS": "true",
        "TLS_SERVER_NAME": "s",
        "TLS_CA_DATA": "ca",
        "TLS_CERT_DATA": "cert",
        "TLS_KEY_DATA": "key",
        "CODEC_ENDPOINT": "http://c",
        "CODEC_AUTH": "a",
        "RATE": "2.5",
        "DATABASE_URL": "postgres://d",
        "DATABASE_SCHEMA": "Ours",
        "AUDIT": "false",
        "LOCK": "postgres",
        "LOCK_TIMEOUT": "30s",
        "LOCK_LEASE": "5m",
        "KEEP_MANUAL_PAUSES": "true",
        "ADOPT": "true",
        "ALLOW_MASS_PAUSE": "true",
        "ALLOW_EMPTY_NAMESPACE": "true",
        "ALLOW_PREFIX_CHANGE": "true",
        "ALLOW_PLAINTEXT": "true",
        "EXPECT_DIGEST": "sha256:0",
        "REQUIRE_REVIEWED_PLAN": "warn",
        "APPLY_ON": "workflow_dispatch, push:release/*",
        "ALLOW_OLDER_COMMIT": "true",
        "COMMENT": "false",
        "COMMENT_AUTHOR": "bot",
        "MARKER_KEY": "secret",
        "PLAN_WORKFLOW": "plan.yml",
        "GITHUB_TOKEN": "t",
        "PLAN_FILE": "p.json",
    }
    given = inputs.read({f"INPUT_{name}": value for name, value in messages.items()})
    choice, connection, writing, allowed = given.choice, given.connection, given.writing, given.allowed
    assert (given.command, given.spec_path, given.live, given.plan_file) == (
        *("apply", pathlib.Path("a.yaml"), None, pathlib.Path("p.json")),
    )
    assert (choice.environment, choice.prefixes, choice.owner) == ("staging", ("acme:",), "me")
    assert (choice.keep_manual_pauses, choice.adopt) == (True, True)
    assert (connection.address, connection.namespace, connection.api_key) == ("t:1", "n", "k")
    assert (connection.codec_endpoint, connection.codec_auth, connection.rate) == ("http://c", "a", 2.5)
    assert connection.tls == settings.Tls(enabled=True, server_name="s", ca_data="ca", cert_data="cert", key_data="key")
    assert (writing.lock, writing.audit) == ("postgres", False)
    assert writing.database == settings.Database(url="postgres://d", schema="Ours")
    assert (writing.lock_timeout, writing.lock_lease) == (
        *(datetime.timedelta(seconds=30), datetime.timedelta(minutes=5)),
    )
    assert allowed == guards.Allowed(mass_pause=True, empty_namespace=True, prefix_change=True, plaintext=True)
    assert (given.expect_digest, given.require_reviewed_plan) == ("sha256:0", "warn")
    assert (given.marker_key, given.plan_workflow, "secret" in repr(given)) == ("secret", "plan.yml", False)
    assert (given.apply_on, given.allow_older_commit) == (
        (admission.Rule(event="workflow_dispatch"), admission.Rule(event="push", branches="release/*")),
        True,
    )
    assert (given.comment, given.comment_author, given.token) == (False, "bot", "t")


def test_variables_are_one_a_line_and_those_without_a_value_are_absent() -> None:
    given = inputs.read(
        {"INPUT_VARS": "region=eu\n\n  build = 1 \nempty=\nx=a=b\n".replace(" = ", "="), "RECONCILER_VAR_region": "us"}
    )
    assert [(each.name, each.text, each.source, each.optional) for each in given.choice.variables] == [
        ("region", "us", "RECONCILER_VAR_region", True),
        ("region", "eu", "input 'vars': region", False),
        ("build", "1", "input 'vars': build", False),
        ("x", "a=b", "input 'vars': x", False),
    ]
    assert given.plan_file.name != inputs.read({}).plan_file.name
    with pytest.raises(
        errors.UsageError, match="input 'vars' is invalid: a variable must have the form NAME=VALUE"
    ) as raised:
        inputs.read({"INPUT_VARS": "region=eu\nhunter2"})
    assert "hunter2" not in str(raised.value)


def test_all_wrong_inputs_are_told_at_once_and_no_value_is_shown() -> None:
    wrong = {"COMMAND": "hunter2", "TLS": "hunter2", "LOCK": "hunter2", "LOCK_TIMEOUT": "-hunter2", "COMMENT": "yes"}
    with pytest.raises(errors.UsageError) as raised:
        inputs.read({f"INPUT_{name}": value for name, value in wrong.items()})
    assert [
        name for name in ("command", "tls", "lock", "lock-timeout", "comment") if f"'{name}'" not in str(raised.value)
    ] == []
    assert "not one of plan, apply, drift, validate" in raised.value.message


def test_a_rate_that_is_not_one_is_refused_without_its_value() -> None:
    with pytest.raises(errors.UsageError, match="input 'rate' is invalid: specify requests per second") as raised:
        inputs.read({"INPUT_COMMAND": "plan", "INPUT_RATE": "hunter2"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["lock-timeout", "lock-lease"])
def test_a_length_that_is_too_long_is_refused_for_its_own_limit(name: str) -> None:
    with pytest.raises(errors.UsageError, match=f"input '{name}' is invalid: .* write 36500d or less"):
        inputs.read({"INPUT_COMMAND": "plan", f"INPUT_{name.upper().replace('-', '_')}": "1000000d"})


@pytest.mark.parametrize("name", ["lock-timeout", "lock-lease"])
def test_a_negative_length_is_refused(name: str) -> None:
    with pytest.raises(errors.UsageError, match=f"input '{name}' is negative"):
        inputs.read({"INPUT_COMMAND": "plan", f"INPUT_{name.replace('-', '_').upper()}": "-1s"})


@pytest.mark.parametrize("name", ["pg_ours", "$user", "x" * 64])
def test_a_schema_that_cannot_exist_is_refused_even_without_a_database(name: str) -> None:
    with pytest.raises(errors.UsageError, match=r"input 'database-schema' (is|means) "):
        inputs.read({"INPUT_COMMAND": "plan", "INPUT_DATABASE_SCHEMA": name})


def event(tmp_path: pathlib.Path, payload: Any, **environ: str) -> events.Event:
    path = tmp_path / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    usual = {"GITHUB_REPOSITORY": "acme/app", "GITHUB_SHA": "merge", "GITHUB_EVENT_PATH": str(path)}
    return events.read({**usual, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_RUN_ID": "42", **environ})


def pull(repository: str | None, author: str = "ann") -> dict[str, Any]:
    repo = {"full_name": repository} if repository else None
    return {"pull_request": {"number": 7, "user": {"login": author}, "head": {"sha": "head", "repo": repo}}}


@pytest.mark.parametrize(
    ("payload", "untrusted"),
    [
        (pull("acme/app"), False),
        (pull("eve/app"), True),
        (pull(None), True),
        (pull("acme/app", "dependabot[bot]"), True),
    ],
)
def test_a_pull_request_from_elsewhere_is_not_trusted(tmp_path: pathlib.Path, payload: Any, untrusted: bool) -> None:
    found = event(tmp_path, payload)
    assert (found.pull_request, found.commit, found.is_untrusted) == (7, "head", untrusted)
    assert (found.run, found.run_url) == (42, "https://github.com/acme/app/actions/runs/42")


@pytest.mark.parametrize("payload", [{}, [], {"pull_request": None}, {"pull_request": {"number": "7"}}])
def test_other_events_have_no_pull_request(tmp_path: pathlib.Path, payload: Any) -> None:
    found = event(tmp_path, payload, GITHUB_EVENT_NAME="push", GITHUB_SERVER_URL="https://ghe.example")
    assert (found.pull_request, found.commit, found.run_url) == (
        None,
        "merge",
        "https://ghe.example/acme/app/actions/runs/42",
    )


def test_an_event_that_cannot_be_read_is_said(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.UsageError, match="cannot be read"):
        event(tmp_path, "{")


@pytest.mark.parametrize("name", ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE", "INPUT_ADDRESS"])
def test_a_job_must_name_a_server_and_not_mean_the_local_one(name: str) -> None:
    inputs.check_server(inputs.read({name: "something"}).connection)
    with pytest.raises(errors.UsageError, match="TEMPORAL_ADDRESS is not set"):
        inputs.check_server(inputs.read({name: ""}).connection)


def test_a_snapshot_is_for_a_plan_and_not_for_what_writes() -> None:
    assert inputs.read({"INPUT_LIVE": "a.json"}).live == pathlib.Path("a.json")
    for command in ("apply", "drift", "validate"):
        with pytest.raises(errors.UsageError, match="'live' is for plan and snapshot"):
            inputs.read({"INPUT_LIVE": "a.json", "INPUT_COMMAND": command})


def test_a_spec_is_named_as_the_repository_has_it() -> None:
    given = inputs.read({"INPUT_SPEC": "/work/repo/a/b.yaml", "GITHUB_WORKSPACE": "/work/repo"})
    assert given.spec_path == pathlib.Path("a/b.yaml")
    assert inputs.read({"INPUT_SPEC": "/else/b.yaml", "GITHUB_WORKSPACE": "/work/repo"}).spec_path.is_absolute()


def test_several_prefixes_are_lines() -> None:
    read = inputs.read({"INPUT_PREFIX": "acme:\n  b: \n\nacme:\n"})
    assert read.choice.prefixes == ("acme:", "b:")
    assert inputs.read({"INPUT_PREFIX": " \n"}).choice.prefixes is None
