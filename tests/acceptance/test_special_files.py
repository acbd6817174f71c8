"""A pipe, a device, a socket or a folder in place of an input file is refused at once: nothing waits for a writer."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from tests.support import program

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""
INPUTS: dict[str, tuple[str, ...]] = {
    "spec": ("validate", "--spec", "PATH"),
    "plan's spec": ("plan", "--spec", "PATH"),
    "live": ("plan", "--live", "PATH"),
    "show": ("show", "PATH"),
    "apply": ("apply", "PATH"),
    "apply's spec": ("apply", "--yes", "--spec", "PATH"),
    "configuration": ("plan", "--config-file", "PATH"),
    "authority": ("plan", "--tls-ca-path", "PATH"),
    "certificate": ("plan", "--tls-cert-path", "PATH", "--tls-key-data", "x"),
    "key": ("plan", "--tls-key-path", "PATH", "--tls-cert-data", "x"),
}
VARIABLES = ("TEMPORAL_CONFIG_FILE", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_PATH")


@pytest.fixture
def away(tmp_path: pathlib.Path) -> program.Program:
    away = program.Program(folder=tmp_path, address="127.0.0.1:1")
    away.declare(SPEC)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    return away


def refused(done: subprocess.CompletedProcess[str], name: str, why: str) -> None:
    assert done.returncode in (3, 64), done.stderr
    assert name in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr


@pytest.mark.parametrize("arguments", INPUTS.values(), ids=INPUTS.keys())
def test_a_pipe_as_an_input_file_is_refused_without_waiting_for_a_writer(
    away: program.Program, arguments: tuple[str, ...]
) -> None:
    refused(away.run(*(each.replace("PATH", "link") for each in arguments)), "link", "regular file")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_pipe_in_a_variable_that_names_a_file_is_refused(away: program.Program, variable: str) -> None:
    environment = {variable: "pipe", "TEMPORAL_TLS": "true"}
    refused(away.run("plan", **environment), "pipe", "it is a pipe (FIFO), not a regular file")


def test_a_folder_a_socket_and_a_device_are_named_for_what_they_are(away: program.Program) -> None:
    (away.folder / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(away.folder / "socket"))
        for name, why in (("folder", "irectory"), ("socket", "a socket"), ("/dev/zero", "a character device")):
            refused(away.run("show", name), name, why)
            refused(away.run("validate", "--spec", name), name, "directory" if name == "folder" else why)


def test_the_event_of_the_action_is_not_read_from_a_pipe(away: program.Program) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.github"],
        cwd=away.folder,
        env=away.environment(INPUT_COMMAND="validate", GITHUB_EVENT_PATH="pipe"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=program.TIMEOUT,
    )
    assert (done.returncode, "it is a pipe (FIFO)" in done.stdout, "defect" in done.stdout) == (64, True, False)


def test_no_document_holds_a_raw_character_that_is_invisible_or_reorders_text(reconciler: program.Program) -> None:
    hidden = "".join(map(chr, (0x202E, 0x2066, 0x2069, 0x200B, 0x200F, 0xFEFF, 0x85, 0x2028, 0xE0041)))
    escaped = json.dumps(f"a{hidden}b")
    reconciler.declare(
        "governance:\n  schedules:\n"
        "    - charter: X\n      cron: '0 * * * *'\n      entrypoint: X\n      input: {text: "
        + f'"a{"".join(f"{chr(92)}U{ord(each):08x}" for each in hidden)}b"'
        + "}\n"
    )
    outputs = [reconciler.run("plan", "--format", "json", "--out", "plan.json").stdout]
    assert reconciler.run("apply", "--yes", "--format", "json").returncode == 0
    outputs += [reconciler.run("snapshot").stdout, reconciler.run("status", "--format", "json").stdout]
    outputs += [(reconciler.folder / "plan.json").read_text(encoding="utf-8")]
    assert [text for text in outputs if not text.replace("\n", "").isprintable()] == []
    assert [escaped[1:-1] in outputs[index] for index in (0, 1, 3)] == [True] * 3
    (reconciler.folder / "live.json").write_text(outputs[1], encoding="utf-8")
    assert "1 unchanged" in reconciler.run("plan", "--live", "live.json").stdout
