"""Encrypted namespaces, through the command line, on the real server and a codec server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from tests.support import codec_server, program, remote

ID = "governance:alpha"
AUTH = "Bearer hunter2-of-the-codec"
SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "{cron}"
      entrypoint: ALPHA
      input: {{model: {model}}}
      memo: {{team: platform}}
      static_summary: the summary
"""


@pytest.fixture
def codec() -> Iterator[codec_server.CodecServer]:
    with codec_server.running(auth=AUTH) as served:
        yield served


def declare(reconciler: program.Program, *, cron: str = "0 * * * *", model: str = "small") -> None:
    reconciler.declare(SPEC.format(cron=cron, model=model))


def options(codec: codec_server.CodecServer) -> tuple[str, ...]:
    return ("--codec-endpoint", codec.endpoint, "--codec-auth", AUTH, "--codec-header", "X-Team=platform")


async def stored(reconciler: program.Program) -> workflow_pb2.NewWorkflowExecutionInfo:
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    return (await raw.describe(ID)).schedule.action.start_workflow


@pytest.fixture
def applied(reconciler: program.Program, codec: codec_server.CodecServer) -> program.Program:
    declare(reconciler)
    done = reconciler.run("apply", "--yes", *options(codec))
    assert done.returncode == 0, done.stderr
    return reconciler


@pytest.mark.usefixtures("polled")
async def test_what_is_written_is_encoded_and_reads_back_as_declared(
    applied: program.Program, codec: codec_server.CodecServer
) -> None:
    start = await stored(applied)
    payloads = [start.input.payloads[0], start.memo.fields["team"], start.user_metadata.summary]
    assert [each.metadata["encoding"] for each in payloads] == [codec_server.ENCODING.encode()] * 3
    assert b"small" not in start.SerializeToString()
    done = applied.run("plan", "--detailed-exitcode", *options(codec))
    assert (done.returncode, done.stderr) == (0, "")
    assert {each["x-namespace"] for each in codec.headers} == {applied.namespace}
    assert {each["x-team"] for each in codec.headers} == {"platform"}


def test_the_environment_names_the_codec_as_for_temporals_own_command_line(
    applied: program.Program, codec: codec_server.CodecServer
) -> None:
    given = {"TEMPORAL_CODEC_ENDPOINT": codec.endpoint, "TEMPORAL_CODEC_AUTH": AUTH}
    assert applied.run("plan", "--detailed-exitcode", **given).returncode == 0


def test_without_the_codec_payloads_are_compared_by_bytes_and_not_overwritten(applied: program.Program) -> None:
    done = applied.run("plan", "--detailed-exitcode")
    assert done.returncode == 2
    assert '"(binary/encrypted payload, sha256:' in done.stdout
    assert (
        "apply will refuse this: the plan would overwrite binary/encrypted payloads of governance:alpha" in done.stderr
    )
    refused = applied.run("apply", "--yes")
    assert refused.returncode == 4
    assert "pass --codec-endpoint" in refused.stderr.lower()
    allowed = applied.run("apply", "--yes", "--allow-plaintext")
    assert allowed.returncode == 0


async def test_an_update_leaves_alone_the_payloads_that_do_not_change(
    applied: program.Program, codec: codec_server.CodecServer
) -> None:
    before = await stored(applied)
    declare(applied, cron="5 * * * *")
    assert applied.run("apply", "--yes", *options(codec)).returncode == 0
    assert await stored(applied) == before
    declare(applied, cron="5 * * * *", model="large")
    done = applied.run("apply", "--yes", *options(codec))
    assert 'input.model  "small" → "large"' in done.stdout
    after = await stored(applied)
    assert after.memo == before.memo
    assert after.input != before.input
    assert after.input.payloads[0].metadata["encoding"] == codec_server.ENCODING.encode()


def test_a_snapshot_of_an_encrypted_namespace_can_be_given_away(
    applied: program.Program, codec: codec_server.CodecServer
) -> None:
    assert applied.run("snapshot", "--out", "live.json", *options(codec)).returncode == 0
    text = (applied.folder / "live.json").read_text(encoding="utf-8")
    assert [each for each in ("small", "platform", "the summary", "entrypoint") if each in text] == []
    done = applied.run("plan", "--live", "live.json", "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (0, "")
    declare(applied, model="large")
    done = applied.run("plan", "--live", "live.json", "--detailed-exitcode")
    assert done.returncode == 2
    assert 'args[0]  "(encrypted, hmac:' in done.stdout


def test_a_plan_that_touches_no_payload_needs_no_codec(applied: program.Program) -> None:
    """A pause leaves the payloads as they are, readable or not."""
    applied.declare("governance: {schedules: []}\n")
    done = applied.run("apply", "--yes", "--allow-mass-pause")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("--codec-endpoint", "http://127.0.0.1:1"), "the codec server at http://127.0.0.1:1 is not responding"),
        (("--codec-endpoint", "127.0.0.1:1"), "--codec-endpoint is not a valid http or https URL"),
        (("--codec-endpoint", "http://user:hidden@127.0.0.1:1"), "the codec server at http://127.0.0.1:1 is not"),
        (("--codec-endpoint", "http://127.0.0.1:1", "--codec-auth", "a\nb"), "it contains a control character"),
    ],
)
def test_a_codec_that_cannot_be_used_is_an_error_that_says_why(
    applied: program.Program, arguments: tuple[str, ...], messages: str
) -> None:
    done = applied.run("plan", *arguments)
    assert done.returncode in (1, 64)
    assert messages in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_codec_that_answers_wrongly_is_an_error_that_says_why(
    applied: program.Program, codec: codec_server.CodecServer
) -> None:
    assert "rejected the credentials (401)" in applied.run("plan", "--codec-endpoint", codec.endpoint).stderr
    codec.answer = '{"payloads": []}'
    assert "returned 0 payloads instead of 3" in applied.run("plan", *options(codec)).stderr
    codec.answer = "<html>"
    assert "returned something that is not a list of payloads" in applied.run("plan", *options(codec)).stderr
    codec.status = 500
    done = applied.run("apply", "--yes", *options(codec))
    assert done.returncode == 1
    assert "returned 500 for decode" in done.stderr


async def test_when_the_codec_fails_nothing_is_written(
    reconciler: program.Program, codec: codec_server.CodecServer
) -> None:
    declare(reconciler)
    codec.status = 503
    done = reconciler.run("apply", "--yes", *options(codec))
    assert done.returncode == 1
    assert "returned 503 for encode" in done.stdout
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    with pytest.raises(Exception, match="not found"):
        await raw.describe(ID)
