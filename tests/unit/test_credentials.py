from __future__ import annotations

import base64
import datetime
import html
import json
import urllib.parse
from collections.abc import Iterator

import pytest

from reconciler import errors, settings
from reconciler.credentials import held as held_credentials
from reconciler.documents import plan_json, saved, snapshots
from reconciler.plan import build
from reconciler.postgres import database
from reconciler.schedule import declarations
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)

KEY = 'k3y/with"quotes+and\nlines-of-<&>-text'


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Hold nothing before and after."""
    held_credentials.forget()
    yield
    held_credentials.forget()


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
        *(base64.b32encode(b"x" * before + KEY.encode() + b"yyyy").decode() for before in range(6)),
        base64.b32encode(KEY.encode()).decode().lower(),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        json.dumps(json.dumps(KEY)),
        html.escape(KEY),
        urllib.parse.quote(urllib.parse.quote(KEY, safe=""), safe=""),
    ],
)
def test_a_credential_is_replaced_however_it_is_written(written: str) -> None:
    held_credentials.hold(KEY)
    scrubbed = held_credentials.scrub(f"refused: {written}.")
    assert held_credentials.MARK in scrubbed
    assert not any(written[at : at + 12] in scrubbed for at in range(4, len(written) - 16))


def test_a_held_credential_is_in_no_document_and_compares_with_itself() -> None:
    held_credentials.hold("tk-live-123456", "987654321")
    held = {"v": "x tk-live-123456 y", "hex": b"tk-live-123456".hex(), "n": 987654321, "plain": 98765}
    schedule = builders.schedule(input=held, note="tk-live-123456", salt=b"salt")
    plan = build.plan(builders.declaration(schedule), {}, builders.TARGET)
    live = builders.live(schedule)
    snapshot = snapshots.dumps(snapshots.Snapshot(target=builders.TARGET, taken_at=NOW, live=live, salt=b"salt"))
    written = [
        snapshot,
        plan_json.dumps(plan, NOW),
        saved.dumps(saved.Saved(plan=plan, planned_at=NOW, spec_sha256="", choice=declarations.Choice())),
    ]
    for text in written:
        assert "98765" in text
        assert [each for each in ("tk-live", b"tk-live".hex(), "987654321") if each in text] == []
    found = snapshots.loads(snapshot, "live.json")
    declaration = builders.declaration(builders.schedule(input=held))
    assert build.plan_from_snapshot(declaration, found.live, found.target, found.taken_at).steps == ()


def test_every_error_is_scrubbed_where_it_is_made() -> None:
    held_credentials.hold("tk-live-123456")
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
    settings.Database(url="postgresql://app:p%40ss-word@host/app")
    settings.Executor(token="from-executor-8")  # noqa: S106
    texts = ["from-meta-1", "from-ops-22", "from-option-3", "from-codec-4", "from-header-5", "from-tls-6"]
    texts += ["p@ss-word", "p%40ss-word", "from-executor-8"]
    assert [text for text in texts if held_credentials.scrub(f"got {text}") != "got (credential)"] == []


def test_variables_with_the_names_of_secrets_are_registered_with_the_texts_in_them() -> None:
    held_credentials.hold_environment(
        {"RECONCILER_VAR_db_password": "from-env-1", "RECONCILER_VAR_region": "eu-west-1"}
    )
    settings.variable("apiToken=from-option-2", "--var")
    settings.variable('signing_key={"a": ["from-json-3"], "b": true}', "--var")
    settings.variable("use_token=true", "--var")
    settings.variables({"RECONCILER_VAR_secret": "from-read-4"})
    texts = ["from-env-1", "from-option-2", "from-json-3", "from-read-4"]
    assert [text for text in texts if held_credentials.scrub(f"got {text}") != "got (credential)"] == []
    assert held_credentials.scrub("eu-west-1 is true") == "eu-west-1 is true"


def test_short_credentials_are_not_replaced_within_words_and_tiny_ones_never() -> None:
    held_credentials.hold("reports", "abc")
    assert held_credentials.scrub("reports, reportsX, abc") == "(credential), reportsX, abc"


def test_a_password_that_is_the_user_name_is_no_secret() -> None:
    held_credentials.hold_url("postgresql://postgres:postgres@localhost/postgres")
    assert held_credentials.scrub("database postgres") == "database postgres"


def test_the_longest_credential_is_replaced_first() -> None:
    held_credentials.hold("token-part-12", "token-part-12-and-more")
    assert held_credentials.scrub("token-part-12-and-more") == "(credential)"


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
    assert held_credentials.scrub("from-words-1 from-tls-22") == "(credential) (credential)"
