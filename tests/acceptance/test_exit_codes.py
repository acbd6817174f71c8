"""Exit codes are a contract, whatever the SDK's threads do at the interpreter's end and whoever reads the output."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import grpc
import pytest

from tests.support import fake_temporal, program, terminal

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""


@pytest.fixture
def away(tmp_path: pathlib.Path) -> program.Program:
    """The program with a valid spec and a server that nobody runs."""
    away = program.Program(folder=tmp_path, address="127.0.0.1:1")
    away.declare(SPEC)
    return away


PLANS = int(os.environ.get("EXIT_RUNS") or 8)


@pytest.mark.usefixtures("polled")
@pytest.mark.parametrize("code", [0, 2])
def test_plan_after_plan_ends_with_the_declared_code(reconciler: program.Program, code: int) -> None:
    reconciler.declare(SPEC)
    if code == 0:
        assert reconciler.run("apply", "--yes").returncode == 0
    ended = [reconciler.run("plan", "--detailed-exitcode") for _ in range(PLANS)]
    assert [(each.returncode, each.stderr) for each in ended] == [(code, "")] * PLANS


def test_a_reader_that_goes_away_is_no_error(reconciler: program.Program) -> None:
    entries = "\n".join(f"    - {{charter: C{n}, cron: '{n} * * * *', entrypoint: C}}" for n in range(60))
    reconciler.declare(f"governance:\n  schedules:\n{entries}\n")
    process = reconciler.start("apply", "--yes")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=program.TIMEOUT) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert reconciler.run("plan", "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], ["schema", "plan"]])
def test_help_for_a_reader_that_goes_away_is_no_error(away: program.Program, arguments: list[str]) -> None:
    process = away.start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=program.TIMEOUT) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_what_the_sdk_has_to_say_stays_out_of_the_plan(away: program.Program) -> None:
    def limit() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded")

    with fake_temporal.running() as fake:
        fake.before["ListSchedules"] = [limit] * 4
        done = away.run("plan", "--format", "json", "--address", fake.address)
    assert (done.returncode, json.loads(done.stdout)["counts"]["create"]) == (0, 1)


def test_a_secret_in_a_file_or_an_option_that_cannot_be_read_is_not_shown(away: program.Program) -> None:
    (away.folder / "bad.toml").write_text('[profile.default]\napi_key = "sk-hunter2\n')
    for arguments in (["--config-file", "bad.toml"], ["--grpc-meta", "authorization: Bearer sk-hunter2"]):
        done = away.run("plan", *arguments)
        assert (done.returncode, "sk-hunter2" in done.stderr) == (64, False)
    assert away.run("plan", "--config-file", "absent.toml").returncode == 64


def test_a_full_disk_is_an_error_after_the_work_is_done(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device, not a path to a file of ours
        done = subprocess.run(
            reconciler.command("apply", "--yes"),
            cwd=reconciler.folder,
            env=reconciler.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=program.TIMEOUT,
        )
    assert done.returncode == 1
    assert "standard output could not be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert reconciler.run("plan", "--detailed-exitcode").returncode == 0


def test_a_plan_that_cannot_be_saved_is_an_error_that_names_the_file(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run("plan", "--out", "no/such/folder/plan.json")
    assert done.returncode == 1
    assert "no/such/folder/plan.json: cannot be written" in done.stderr


def timed(run: program.Program, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run, and see that it ends by itself, long before the program would be killed; a busy machine takes its time."""
    started = time.monotonic()
    done = run.run(*arguments, **environment)
    assert time.monotonic() - started < 120
    assert "Traceback" not in done.stderr
    return done


def test_a_server_that_is_away_is_one_clear_sentence(away: program.Program) -> None:
    for command in (["plan"], ["apply", "--yes"]):
        done = timed(away, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: cannot reach Temporal at 127.0.0.1:1 (")
        assert "TEMPORAL_ADDRESS" in done.stderr


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(away: program.Program) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = timed(away, "plan", "--address", f"127.0.0.1:{listener.getsockname()[1]}")
    assert done.returncode == 1
    assert "did not respond within" in done.stderr


def test_a_server_that_stops_answering_is_given_up_in_time(away: program.Program) -> None:
    with fake_temporal.running() as fake:

        def fall_silent() -> None:
            fake.before["GetSystemInfo"] = [fake.hang] * 9
            fake.hang()

        fake.before["ListSchedules"] = [fall_silent]
        done = timed(away, "plan", "--address", fake.address)
    assert done.returncode == 1
    assert "did not respond in time" in done.stderr


def test_a_call_is_given_up_after_the_time_that_it_may_take(away: program.Program) -> None:
    with fake_temporal.running() as fake:
        fake.before["ListSchedules"] = [fake.hang] * 9
        done = timed(away, "plan", "--address", fake.address, "--request-timeout", "1s")
    assert done.returncode == 1
    assert "did not respond in time" in done.stderr


def test_a_namespace_that_does_not_exist_is_named(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    done = timed(reconciler, "plan", "--namespace", "nowhere")
    assert done.returncode == 1
    assert "namespace 'nowhere' does not exist" in done.stderr
    assert "--namespace or TEMPORAL_NAMESPACE" in done.stderr


@pytest.mark.parametrize("method", ["GetSystemInfo", "DescribeSchedule"])
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_refused_key_is_said_and_never_shown(away: program.Program, method: str, code: grpc.StatusCode) -> None:
    def refuse() -> None:
        raise fake_temporal.Refusal(code, "Request unauthorized")

    with fake_temporal.running() as fake:
        fake.before[method] = [refuse] * 9
        done = timed(away, "plan", "--no-tls", "--address", fake.address, TEMPORAL_API_KEY="sk-hunter2")
    assert done.returncode == 1
    assert "rejected the credentials for namespace 'default' (Request unauthorized)" in done.stderr
    assert "TEMPORAL_API_KEY" in done.stderr
    assert "sk-hunter2" not in done.stderr + done.stdout


def test_tls_with_a_server_that_has_none_is_said(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    for environment in ({"TEMPORAL_TLS": "true"}, {"TEMPORAL_TLS": "", "TEMPORAL_API_KEY": "sk-hunter2"}):
        done = timed(reconciler, "plan", **environment)
        assert (done.returncode, "does not use TLS" in done.stderr, "sk-hunter2" in done.stderr) == (1, True, False)


def test_an_empty_variable_is_unset(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    empty = dict.fromkeys(
        ("TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_PROFILE", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"), ""
    )
    assert reconciler.run("plan", **empty).returncode == 0


@pytest.mark.usefixtures("polled")
def test_the_connection_comes_from_flags_over_environment_over_profile(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    (reconciler.folder / "temporal.toml").write_text(
        f'[profile.staging]\naddress = "{reconciler.address}"\nnamespace = "from-profile"\n'
    )
    arguments = ["plan", "--config-file", "temporal.toml", "--profile", "staging"]
    done = reconciler.run(*arguments, TEMPORAL_ADDRESS="", TEMPORAL_NAMESPACE="")
    assert "namespace 'from-profile' does not exist" in done.stderr
    done = reconciler.run(*arguments, TEMPORAL_ADDRESS="", TEMPORAL_NAMESPACE="from-environment")
    assert "namespace 'from-environment' does not exist" in done.stderr
    done = reconciler.run(*arguments, "-n", reconciler.namespace, TEMPORAL_NAMESPACE="from-environment")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ([], "Usage: reconciler"),
        (["plan", "--no-such-option"], "No such option"),
        (["plan", "--format", "yaml"], "'yaml' is not one of"),
        (["aply"], "No such command 'aply'"),
        (["plan", "--profile", "missing"], "missing"),
        (["plan", "--address", "not an address"], "not in the form host:port"),
        (["plan", "--address", "http://localhost:7233"], "not in the form host:port"),
        (["plan", "--tls-ca-path", "missing.pem"], "missing.pem"),
        (["plan", "--grpc-meta", "novalue"], "KEY=VALUE"),
        (["apply"], "--yes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_cannot_be_meant_is_64(
    reconciler: program.Program, arguments: list[str], messages: str
) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run(*arguments)
    assert (done.returncode, messages in done.stderr, "Traceback" in done.stderr) == (64, True, False), done.stderr


def test_a_schema_is_printed_and_a_version_and_a_help(away: program.Program) -> None:
    assert '"$schema": "https://json-schema.org/draft/2020-12/schema"' in away.run("schema", "repo-spec").stdout
    assert '"title": "Plan"' in away.run("schema", "plan").stdout
    assert re.fullmatch(r"reconciler \d+\.\d+\.\d+\n", away.run("--version").stdout)
    for command in ([], ["validate"], ["plan"], ["apply"], ["schema"]):
        done = away.run(*command, "--help")
        assert (done.returncode, done.stdout.startswith("Usage: reconciler")) == (0, True)


# On a terminal


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    return reconciler


def test_on_a_terminal_apply_asks_and_yes_applies(declared: program.Program) -> None:
    shown = terminal.Terminal(declared, "apply")
    shown.wait_for("Enter 'yes' to continue: ")
    shown.type("yes")
    assert shown.end() == 0
    place = f"governance:* in namespace {declared.namespace} on {declared.address}"
    assert f"Apply 1 change (1 create) to {place}? Enter 'yes' to continue: " in shown.seen
    assert f"Applied to {place}: 1 created" in shown.seen


@pytest.mark.parametrize("answer", ["no", "y", "", "\x04"])
def test_any_other_answer_applies_nothing(declared: program.Program, answer: str) -> None:
    shown = terminal.Terminal(declared, "apply")
    shown.wait_for("Enter 'yes' to continue: ")
    shown.type(answer)
    assert shown.end() == 1
    assert "Cancelled; nothing was changed." in shown.seen
    assert declared.run("plan", "--detailed-exitcode").returncode == 2


def test_ctrl_c_at_the_question_applies_nothing(declared: program.Program) -> None:
    shown = terminal.Terminal(declared, "apply")
    shown.wait_for("Enter 'yes' to continue: ")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert "Traceback" not in shown.seen
    assert declared.run("plan", "--detailed-exitcode").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "is_colored"),
    [
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_color_is_for_terminals_that_want_it(
    declared: program.Program, arguments: list[str], environment: dict[str, str], is_colored: bool
) -> None:
    shown = terminal.Terminal(declared, "plan", *arguments, **environment)
    assert shown.end() == 0
    assert ("\x1b[" in shown.seen) is is_colored
    assert "\x1b[" not in declared.run("plan", *arguments, **environment).stdout
