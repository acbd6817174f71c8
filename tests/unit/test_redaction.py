from __future__ import annotations

import dataclasses

import pytest

from reconciler.schedule import fields, model, paths, redaction
from tests.unit import builders


@pytest.mark.parametrize(
    "name",
    [
        *("token", "accessToken", "ACCESS_TOKEN", "accesstoken", "GITHUB_TOKEN", "x-auth-token"),
        *("password", "passwords", "dbPassword", "dbpassword", "PGPASSWORD", "pwd", "passphrase"),
        *("secret", "client_secret", "clientSecrets", "key", "api_key", "apiKeys", "apikey", "APIKey", "secretkey"),
        *("privateKey", "ssh-key-path", "credentials", "Authorization", "bearer", "dsn", "jwt", "cookie", "token2"),
    ],
)
def test_names_that_sound_like_a_secret_are_known(name: str) -> None:
    assert redaction.is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "tokenizer", "keyboard", "monkey", "author", "path", "passes", "secretary", "", "äöü"],
)
def test_names_that_only_look_alike_are_left(name: str) -> None:
    assert not redaction.is_secret(name)


def test_a_value_under_a_secret_name_is_redacted_as_a_whole_and_the_rest_is_kept() -> None:
    shown = redaction.redact({"auth": {"user": "ada", "pin": 1234}, "list": [{"apiKey": "s3cr3t", "n": 1}, "plain"]})
    assert isinstance(shown, dict)
    assert list(shown) == ["auth", "list"]
    assert str(shown["auth"]).startswith("(secret, sha256:")
    assert shown["list"][1] == "plain"
    assert shown["list"][0]["n"] == 1
    assert not [each for each in ("ada", "1234", "s3cr3t") if each in str(shown)]


def test_any_name_on_the_way_to_a_value_counts() -> None:
    assert redaction.redact("hunter2", "input", "password", "current") != "hunter2"
    assert redaction.redact("hunter2", "input", "passage", "current") == "hunter2"


def test_equal_secrets_have_equal_digests_and_others_differ() -> None:
    one = redaction.redact({"b": 1, "a": 2}, "token")
    assert redaction.redact({"a": 2, "b": 1}, "token") == one
    assert redaction.redact({"a": 2, "b": True}, "token") != one


@pytest.mark.parametrize(
    "name",
    ["APIkey", "passcode", "DB_PASS", "creds", "tokens", "webhook_url", "connection_string", "sessionid", "masterkey"],
)
def test_names_of_secrets_that_people_really_use_are_known(name: str) -> None:
    assert redaction.is_secret(name)


def test_a_secret_that_only_its_value_gives_away_is_redacted() -> None:
    found = redaction.redact(
        {
            "store": "postgres://user:hunter2@host/db",
            "headers": ["Authorization: Bearer abcdef123"],
            "env": [{"name": "API_KEY", "value": "hunter2"}, {"name": "MODEL", "value": "small"}],
            "docs": "https://example.org:8080/a@b",
        }
    )
    text = str(found)
    assert ("hunter2" in text, "abcdef123" in text) == (False, False)
    assert "small" in text
    assert "https://example.org:8080/a@b" in text


def test_what_is_redacted_already_stays_as_it_is() -> None:
    once = redaction.redact({"api_key": "hunter2"})
    assert redaction.redact(once) == once


URL = "see https://ada:hunter2@host/db"


def test_texts_for_people_are_looked_into_as_well() -> None:
    given = builders.schedule(summary=URL, details=URL, note=URL, memo={"db": URL})
    assert "hunter2" not in str(fields.redacted(given))


def test_of_coded_payloads_nothing_is_left_but_what_compares_them() -> None:
    attributes = {"Team": model.Attribute(type=model.AttributeType.KEYWORD, value="platform")}
    given = builders.schedule(
        input={"model": "small"}, memo={"team": "platform"}, summary="words", search_attributes=attributes
    )
    found = fields.redacted(given, coded=True)
    action = found.action
    assert [str(each)[:11] for each in (*action.arguments, action.memo["team"], action.summary)] == ["(encrypted,"] * 3
    assert (action.details, action.search_attributes) == (None, attributes)
    assert fields.redacted(found, coded=True) == found
    assert fields.redacted(found) == found


HIDDEN = {
    "scopeKey": "default",
    "keys": {"public": "p", "private": "q", "more": {"x": "y"}},
    "env": [{"name": "DB_PASSWORD", "value": "w"}],
    "args": ["--password", "v"],
    "pair": [["API_KEY", "u"]],
    "text": URL,
}


def shown(*exempt: str) -> model.Schedule:
    policy = model.RetryPolicy(non_retryable_errors=("A", URL))
    attribute = model.Attribute(type=model.AttributeType.TEXT, value="s")
    return fields.redacted(
        builders.schedule(
            input=HIDDEN,
            calendars=(builders.calendar(comment=f"0 * * * * # {URL}"),),
            retry_policy=policy,
            memo={"token": "r"},
            search_attributes={"Key": attribute},
            note=URL,
            summary=URL,
            workflow_id=URL,
            not_secret=exempt,
        )
    )


PLACES = {
    "input.scopeKey": "'scopeKey': 'default'",
    "input.keys": "{'public': 'p', 'private': 'q', 'more': {'x': 'y'}}",
    "input.keys.public": "{'public': 'p', 'private': '(secret",
    "input.keys.more.x": "'more': {'x': 'y'}",
    "input.env[0].value": "'value': 'w'",
    "input.args[1]": "'v'",
    "input.pair[0][1]": "'u'",
    "input.text": f"'text': '{URL}'",
    "cron": f"# {URL}",
    "retry_policy.non_retryable_errors[1]": f"['A', '{URL}']",
    "memo.token": "{'token': 'r'}",
    "search_attributes.Key.value": "'value': 's'",
    "note": f"'note': '{URL}'",
    "static_summary": f"'static_summary': '{URL}'",
    "workflow_id": f"'workflow_id': '{URL}'",
}


def apart(schedule: model.Schedule, path: str) -> str:
    """Return the schedule's fields but for that of the path, or but for its key of the input."""
    words = fields.words(schedule)
    field, *inside = paths.parse(path)
    value = words.pop(str(field))
    if field == "input" and isinstance(value, dict):
        words["input"] = {key: inner for key, inner in value.items() if key != inside[0]}
    return str(words)


@pytest.mark.parametrize("path", PLACES)
def test_what_is_declared_not_to_be_secret_is_shown_and_nothing_else(path: str) -> None:
    clear, hidden = (str(fields.words(each)) for each in (shown(path), shown()))
    assert (PLACES[path] in hidden, PLACES[path] in clear) == (False, True)
    assert apart(shown(path), path) == apart(shown(), path)
    assert fields.redacted(shown(path)) == shown(path)


def test_a_key_that_looks_like_a_secret_is_shown_where_a_path_names_it() -> None:
    given = builders.schedule(input={URL: {"a": "t", "b": "u"}}, not_secret=(f'input["{URL}"].a',))
    (argument,) = fields.redacted(given).action.arguments
    assert isinstance(argument, dict)
    assert argument["input"][URL]["a"] == "t"
    assert str(argument["input"][URL]["b"]).startswith("(secret, sha256:")


def test_of_coded_payloads_nothing_is_shown_whatever_is_declared() -> None:
    given = builders.schedule(input={"model": "small"}, memo={"m": "x"}, not_secret=("input.model", "memo.m", "input"))
    plain = dataclasses.replace(given, not_secret=())
    assert fields.redacted(given, coded=True) == fields.redacted(plain, coded=True)
