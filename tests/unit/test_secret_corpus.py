"""What is redacted, and what is not: one corpus of planted secrets, one of ordinary values."""

from __future__ import annotations

import dataclasses
import datetime
import json

import pytest

from reconciler import json_values
from reconciler.credentials import detection
from reconciler.documents import plan_json, saved, snapshots
from reconciler.plan import build
from reconciler.report import comment, text
from reconciler.schedule import declarations, fields, model, redaction
from tests.property import strategies
from tests.unit import builders

P = "zq9Xw7Vb2Kd4"  # what must not show
WEBHOOK = "".join(("https://hooks.slack", ".com/services/T00/B00/"))  # in parts: scanners of this repository find it

TEXTS = [
    f"redis://:{P}@host:6379/0",
    f"postgresql://app:{P}/x/y@host/db",
    f"see https://ada:{P}@host",
    f"amqp://u:{P}#1@host",
    f"https://{P}{P}@github.com/o/r",
    f"PASSWORD={P}",
    f"run with DB_PASSWORD='{P}' set",
    f"password: {P}",
    f"tool --password {P} --verbose",
    f"tool --password={P}",
    f"tool --api-key {P}",
    f"mysql -password {P}",
    f"PGPASSWORD={P} psql",
    f"curl -sS -u ada:{P} https://host",
    f"curl --user 'ada:{P}' https://host",
    f"sshpass -p {P} ssh host",
    f"redis-cli -h host -a {P} ping",
    f"client_secret={P}",
    f"host=db user=app password={P}",
    f"AccountName=a;AccountKey={P};EndpointSuffix=core",
    f"Authorization: Bearer {P}",
    f"authorization: token {P}",
    f"Bearer {P}",
    f"Basic dXNlcjp{P}",
    f"X-Api-Key: {P}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{P}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\\n{P}",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{P}",
    "AKIA" + "ZQ9XW7VB2KD4" + "ABCD",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{P}",
    f"ghp_{P}{P}",
    f"gho_{P}{P}",
    f"github_pat_{P}{P}",
    f"glpat-{P}{P}",
    f"xoxb-1234-{P}",
    f"xoxp-1234-{P}",
    "sk_" + f"live_{P}",
    f"sk-{P}{P}",
    f"SG.{P}{P}.{P}{P}",
    f"npm_{P}{P}{P}",
    f"pypi-{P}{P}",
    f"{WEBHOOK}{P}",
    f"https://discord.com/api/webhooks/1/{P}",
    f"https://x.webhook.office.com/webhookb2/{P}",
    f"https://hooks.zapier.com/hooks/catch/1/{P}",
    f"https://api.host/x?token={P}",
    f"https://blob.host/x?sv=1&sig={P}",
    f"https://api.host/x?a=1&access_token={P}",
    f"https://s3/x?X-Amz-Signature={P}",
    f"https://maps/x?key={P}",
    f"SMTP_PASS={P}",
    f"unlock with PIN={P}",
    f"ENV DB_PASSWORD {P}",
    f"mysql -uroot -p{P} db",
    f"docker login -u ada -p {P} host",
    f"CREATE USER a IDENTIFIED BY '{P}'",
    f"ALTER ROLE a WITH PASSWORD '{P}'",
    f"machine host login ada password {P}",
    f"openssl rsa -passin pass:{P}",
    f"kubectl create secret generic a --from-literal=password={P}",
    f"user: ada\npassword: {''.join(filter(str.isalpha, P))}\nport: 1 # {P}",
    f"https://chat.host/hooks/{P}{P}",
    f"https://maker.host/trigger/a/with/key/{P}",
    "GOCSPX" + f"-{P}{P}",
    "shpat" + "_" + "0123456789abcdef" * 2 + P,
    "dapi" + "0123456789abcdef" * 2 + f" {P}",
    f"lin_api_{P}{P}",
    f"export STRIPE_KEY={P}; run",
    f"NPM_AUTH={P}",
    f"tool --pass {P}",
    json.dumps({"api_key": P}),
    json.dumps({"env": [{"name": "DB_PASSWORD", "value": P}]}),
    f'call {{"password": "{P}"}}',
    f'call {{\\"password\\": \\"{P}\\"}}',
]
VALUES: list[json_values.Json] = [
    {"key": "DB_PASSWORD", "value": P},
    {"name": "DB_PASSWORD", "value": P},
    {"Name": "DB_PASSWORD", "Value": P},
    [["DB_PASSWORD", P], ["MODE", "fast"]],
    {"passwort": P, "kennwort": P, "passkey": P, "totp": P, "psk": P},
    {"id": "DB_PASSWORD", "value": P},
    {"k": "DB_PASSWORD", "v": P},
    {"K": "PIN", "V": P},
    {"ParameterKey": "DbPassword", "ParameterValue": P},
    {"parameterName": "dbPassword", "parameterValue": P},
    {"env_name": "API_TOKEN", "env_value": P},
    {"label": "Password", "default": P},
    {"name": "DB_PASSWORD", "content": {"text": P}},
    [["pin", P], ["mode", "fast"]],
    [["otp", {"code": P}]],
    ["DB_PASSWORD", P],
    ["MODE", "fast", "API_KEY", P],
    ["password", P, "user", "ada"],
    ["--password", P],
    {"token": {"nested": [P]}},
    {f"PASSWORD={P}": 1},
    {f"redis://:{P}@host": "x"},
]
BENIGN: list[json_values.Json] = [
    "3f2b1c9e-8d5a-4c7b-9e0f-1a2b3c4d5e6f",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "0 9 * * MON-FRI # morning: reports",
    "2026-11-23T20:00:00Z",
    "https://example.org:8080/a@b",
    "https://user@example.org/path?page=2&sort_key=id",
    "ada@example.org",
    "Rotate the password every week; ask the token owner first.",
    "the token: a short guide",
    "Basic maintenance of the key accounts",
    "basic internationalization tests",
    "max_tokens=100",
    "primary_key=id",
    "tokenizer: bert",
    "key: value",
    "monkey=1 path=/tmp author=ada",
    "password=${{ secrets.DB_PASSWORD }}",
    "--token-file /run/token",
    "--max-tokens 100",
    'curl -u "$NAME:$PASS" https://host:8080/',
    "curl -s https://host:8080/a -o b:c",
    "curl -fsS -u ada https://host",
    "redis-cli -h host ping",
    "arn:aws:iam::123456789012:role/reports",
    "governance:reports-2026-11-23T20:00:00Z",
    "docker.io/org/image:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '{"model": "small", "n": 1}',
    "see: note [1] (draft)",
    "MyCompany.Workflows.TokenRefresh",
    "passwordReset",
    {"max_tokens": 100, "tokenizer": "x", "primary_key": "id", "author": "ada", "passes": 3},
    {"name": "MODEL", "value": "small"},
    [["id", "key"], ["mode", "fast"]],
    ["password", "email"],
    ["PASSWORD", "EMAIL"],
    ["DB_PASSWORD", "API_TOKEN"],
    ["token", "sha256"],
    [["a", 1], ["mode", "fast"]],
    ["key", "1234"],
    ["id", "name", "keys"],
    "tests pass: 12, fail: 0",
    "bypass:auth",
    "SET TOKEN limits for 2026Q1 reports; the PASSWORD policy2 applies",
    "log in, then login with mkdir -p a/b",
    "mysqldump -P 3306 db",
    "docker run -p 8080:80 -e MODE=fast",
    "password reset for user 12",
    "https://host/hooks/after-deploy",
    {"passage": "x", "compass": 1, "spin": 2, "keystone": 3, "passenger": "y", "author_id": 4},
    "pass=3 fail=2",
    "PASS_COUNT=3 TOKEN_TTL=3600 SORT_KEY=created_at2 AUTH_MODE=basic",
    "SMTP_AUTH=login",
    "gpio pin=17 pat=*.txt --pass 2",
    "ffmpeg -i a.mp4 -pass 1 b.mp4",
    "run --auth basic --key id",
    "PRIMARY_KEY=id1234567",
    {"id": "reports", "value": 3},
    {"k": "mode", "v": "fast"},
    {"metric": "max_tokens", "value": 100},
    {"labels": {"app": "x"}, "data": {"a": 1}},
    {"id": "sort_key", "value": "created_at"},
    {"id": "order-key-17", "value": 3},
    {"key": "environment", "value": "prod"},
    {"key": "database_password", "value": None},
    {"name": "rotate-keys", "content": "x"},
    {"id": "token-refresh", "data": {"a": 1}},
    {"fields": [{"name": "email", "type": "string"}, {"name": "password", "type": "string", "default": None}]},
    {"pairs": [["key", "value"], ["a", "b"]]},
    {"columns": ["id", "password_hash", "token"]},
    {"passRate": 0.9, "cacheKey": "a:b", "routingKey": "a.b", "objectKey": "a/b", "translationKey": "x.y"},
    {"command": "pg_dump -h db -p 5432 -U app -f /backup/app.sql app"},
    {"sql": "UPDATE accounts SET password_expired = 1 WHERE token_count > 5 AND pass = true"},
    "The password 'field' is hidden",
    {"option": "color", "default": "red"},
    ["--verbose", "x"],
    {"monkey": 1, "keyboard": "qwerty", "sort_keys": True},
]


def placed(value: json_values.Json) -> model.Schedule:
    """Return a schedule with the value in every field that can hold it."""
    given = builders.schedule(input={"v": value}, memo={"v": value}, summary=value, details=value)
    if not isinstance(value, str):
        return given
    name = "v" if redaction.is_secret(value) and value in BENIGN else value  # what is under it would be secret
    action = dataclasses.replace(
        given.action,
        workflow=value,
        workflow_id=value,
        task_queue=value,
        retry_policy=model.RetryPolicy(non_retryable_errors=(value,)),
        priority=model.Priority(fairness_key=value),
        search_attributes={name: model.Attribute(type=model.AttributeType.KEYWORD, value=value)},
        memo={"v": value, name: 1},
    )
    calendars = tuple(dataclasses.replace(each, comment=f"0 * * * * # {value}") for each in given.timing.calendars)
    timing = dataclasses.replace(given.timing, calendars=calendars)
    return dataclasses.replace(given, timing=timing, action=action, note=value)


NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


def rendered(schedule: model.Schedule) -> str:
    """Return all that is shown or saved of plans that create the schedule, change it and pause it."""
    other = builders.schedule()
    shown = []
    for desired, live in (([schedule], []), ([schedule], [other]), ([other], [schedule]), ([], [schedule])):
        described = strategies.described(live)
        plan = build.plan(strategies.declare(desired), described, strategies.TARGET)
        shown += [
            text.Text(verbose=True, now=NOW).plan(plan),
            comment.plan(plan, comment.About(now=NOW)),
            plan_json.dumps(plan, NOW),
            saved.dumps(saved.Saved(plan=plan, planned_at=NOW, spec_sha256="", choice=declarations.Choice())),
            snapshots.dumps(snapshots.Snapshot(target=strategies.TARGET, taken_at=NOW, live=described)),
        ]
    return "\n".join(shown)


@pytest.mark.parametrize("value", [*TEXTS, *VALUES], ids=lambda each: f"{each}"[:30])
def test_a_planted_secret_is_in_no_plan_document_or_snapshot(value: json_values.Json) -> None:
    schedule = placed(value)
    shown = rendered(schedule)
    assert P not in shown
    assert P.upper() not in shown
    assert fields.redacted(fields.redacted(schedule)) == fields.redacted(schedule)


@pytest.mark.parametrize("part", ["://", "://a:", "a=", "password: ", "mysql ", "docker login ", "TOKEN ", "-a b "])
def test_a_hostile_text_is_examined_in_time_that_grows_with_its_length(part: str) -> None:
    assert not detection.in_text(part * (200_000 // len(part)))  # by the square of it, this takes minutes


@pytest.mark.parametrize("value", BENIGN, ids=lambda each: f"{each}"[:30])
def test_an_ordinary_value_is_not_redacted(value: json_values.Json) -> None:
    assert fields.redacted(placed(value)) == placed(value)
