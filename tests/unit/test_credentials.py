from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterator

import pytest

from reconciler import credentials, errors, settings
from reconciler.store import database

KEY = 'k3y/with"quotes+and\nlines-of-text'


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Hold nothing before and after."""
    credentials.forget()
    yield
    credentials.forget()


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        json.dumps(KEY),
        urllib.parse.quote(KEY),
        urllib.parse.quote(KEY, safe=""),
        urllib.parse.quote_plus(KEY),
        *(base64.b64encode(b"x" * before + KEY.encode() + b"yy").decode() for before in range(4)),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
    ],
)
def test_a_credential_is_replaced_however_it_is_written(written: str) -> None:
    credentials.hold(KEY)
    scrubbed = credentials.scrub(f"refused: {written}.")
    assert credentials.MARK in scrubbed
    assert not any(written[at : at + 12] in scrubbed for at in range(4, len(written) - 16))


def test_every_error_is_scrubbed_where_it_is_made() -> None:
    credentials.hold("tk-live-123456")
    error = errors.ServerError("refused tk-live-123456", hint="not tk-live-123456")
    assert (error.message, error.hint, str(error)) == ("refused (credential)", "not (credential)", error.message)


def test_settings_register_each_credential_that_they_hold() -> None:
    settings.Connection(
        environ={"TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer from-meta-1", "INTERNAL_OPS_TOKEN": "from-ops-22"},
        api_key="from-option-3",
        codec_auth="from-codec-4",
        codec_header=(("X", "from-header-5"),),
        tls=settings.Tls(key_data="from-tls-6"),
    )
    settings.Writing(database_url="postgresql://app:p%40ss-word@host/app")
    settings.Executor(token="from-executor-8")  # noqa: S106
    texts = ["from-meta-1", "from-ops-22", "from-option-3", "from-codec-4", "from-header-5", "from-tls-6"]
    texts += ["p@ss-word", "p%40ss-word", "from-executor-8"]
    assert [text for text in texts if credentials.scrub(f"got {text}") != "got (credential)"] == []


def test_short_credentials_are_not_replaced_within_words_and_tiny_ones_never() -> None:
    credentials.hold("reports", "abc")
    assert credentials.scrub("reports, reportsX, abc") == "(credential), reportsX, abc"


def test_a_password_that_is_the_user_name_is_no_secret() -> None:
    credentials.hold_url("postgresql://postgres:postgres@localhost/postgres")
    assert credentials.scrub("database postgres") == "database postgres"


def test_the_longest_credential_is_replaced_first() -> None:
    credentials.hold("token-part-12", "token-part-12-and-more")
    assert credentials.scrub("token-part-12-and-more") == "(credential)"


@pytest.mark.parametrize(
    "given",
    [
        "host=db user=app password=from-words-1 sslpassword=from-tls-22",
        "host=db user=app password='from-words-1' sslpassword = from-tls-22",
        "postgresql://app@db/x?password=from-words-1&sslpassword=from-tls-22",
    ],
)
def test_the_passwords_of_a_database_are_registered_however_they_are_given(given: str) -> None:
    database.place(given)
    assert credentials.scrub("from-words-1 from-tls-22") == "(credential) (credential)"
