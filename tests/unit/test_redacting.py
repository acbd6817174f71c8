from __future__ import annotations

import pytest

from reconciler import model, redacting
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
    assert redacting.is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "tokenizer", "keyboard", "monkey", "author", "path", "passes", "secretary", "", "äöü"],
)
def test_names_that_only_look_alike_are_left(name: str) -> None:
    assert not redacting.is_secret(name)


def test_what_stands_under_a_secret_name_is_taken_whole_and_the_rest_is_left() -> None:
    shown = redacting.redact({"auth": {"user": "ada", "pin": 1234}, "list": [{"apiKey": "s3cr3t", "n": 1}, "plain"]})
    assert isinstance(shown, dict)
    assert list(shown) == ["auth", "list"]
    assert str(shown["auth"]).startswith("(secret, sha256:")
    assert shown["list"][1] == "plain"
    assert shown["list"][0]["n"] == 1
    assert not [each for each in ("ada", "1234", "s3cr3t") if each in str(shown)]


def test_any_name_on_the_way_to_a_value_counts() -> None:
    assert redacting.redact("hunter2", "input", "password", "current") != "hunter2"
    assert redacting.redact("hunter2", "input", "passage", "current") == "hunter2"


def test_equal_secrets_have_equal_digests_and_others_differ() -> None:
    one = redacting.redact({"b": 1, "a": 2}, "token")
    assert redacting.redact({"a": 2, "b": 1}, "token") == one
    assert redacting.redact({"a": 2, "b": True}, "token") != one


@pytest.mark.parametrize(
    "name",
    ["APIkey", "passcode", "DB_PASS", "creds", "tokens", "webhook_url", "connection_string", "sessionid", "masterkey"],
)
def test_names_of_secrets_that_people_really_use_are_known(name: str) -> None:
    assert redacting.is_secret(name)


def test_a_secret_that_only_its_value_gives_away_is_redacted() -> None:
    found = redacting.redact(
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
    once = redacting.redact({"api_key": "hunter2"})
    assert redacting.redact(once) == once


URL = "see https://ada:hunter2@host/db"


def test_texts_for_people_are_looked_into_as_well() -> None:
    given = builders.schedule(summary=URL, details=URL, note=URL, memo={"db": URL})
    assert "hunter2" not in str(redacting.schedule(given))


def test_of_coded_payloads_nothing_is_left_but_what_compares_them() -> None:
    attributes = {"Team": model.Attribute(type=model.AttributeType.KEYWORD, value="platform")}
    given = builders.schedule(
        input={"model": "small"}, memo={"team": "platform"}, summary="words", search_attributes=attributes
    )
    found = redacting.schedule(given, coded=True)
    action = found.action
    assert [str(each)[:11] for each in (*action.arguments, action.memo["team"], action.summary)] == ["(encrypted,"] * 3
    assert (action.details, action.search_attributes) == (None, attributes)
    assert redacting.schedule(found, coded=True) == found
    assert redacting.schedule(found) == found
