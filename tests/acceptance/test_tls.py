"""TLS, mutual TLS and API keys, on a loopback server that insists on them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import grpc
import pytest
import trustme

from tests.support import fake_temporal, program

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""
KEY = "sk-hunter2"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with ca.pem, and with cert.pem and key.pem of a client whom the authority knows."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("deployer.example")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    return folder


def credentials(authority: trustme.CA, name: str, *, mutual: bool) -> grpc.ServerCredentials:
    issued = authority.issue_cert(name)
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    known = authority.cert_pem.bytes() if mutual else None
    return grpc.ssl_server_credentials([pair], root_certificates=known, require_client_auth=mutual)


@pytest.fixture
def mutual(authority: trustme.CA) -> Iterator[fake_temporal.FakeTemporal]:
    """A server that speaks only to clients with a certificate."""
    with fake_temporal.running(credentials=credentials(authority, "127.0.0.1", mutual=True)) as served:
        yield served


@pytest.fixture
def keyed(authority: trustme.CA) -> Iterator[fake_temporal.FakeTemporal]:
    """A server that speaks TLS and wants an API key; its certificate has another name."""
    with fake_temporal.running(credentials=credentials(authority, "temporal.example", mutual=False)) as served:
        served.wants_key = KEY
        yield served


@pytest.fixture
def declared(tmp_path: pathlib.Path) -> program.Program:
    """The program with a valid spec; each test names the server."""
    found = program.Program(folder=tmp_path, address="")
    found.declare(SPEC)
    return found


def test_a_client_certificate_is_shown_to_the_server(
    declared: program.Program, mutual: fake_temporal.FakeTemporal, files: pathlib.Path
) -> None:
    options = [f"--tls-{name}-path={files / name}.pem" for name in ("ca", "cert", "key")]
    done = declared.run("apply", "--yes", "--address", mutual.address, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert (mutual.peers, list(mutual.schedules)) == ({"deployer.example"}, ["governance:community"])


def test_the_certificates_may_come_from_the_environment(
    declared: program.Program, mutual: fake_temporal.FakeTemporal, files: pathlib.Path
) -> None:
    environment = {
        "TEMPORAL_TLS": "",
        "TEMPORAL_TLS_SERVER_CA_CERT_DATA": (files / "ca.pem").read_text(),
        "TEMPORAL_TLS_CLIENT_CERT_DATA": (files / "cert.pem").read_text(),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(files / "key.pem"),
    }
    done = declared.run("plan", "--detailed-exitcode", TEMPORAL_ADDRESS=mutual.address, **environment)
    assert (done.returncode, "Error" in done.stderr) == (2, False)


def test_without_a_client_certificate_nothing_is_written(
    declared: program.Program, mutual: fake_temporal.FakeTemporal, files: pathlib.Path
) -> None:
    done = declared.run("apply", "--yes", "--address", mutual.address, f"--tls-ca-path={files}/ca.pem")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert mutual.address in done.stderr
    assert "--tls" in done.stderr
    assert mutual.schedules == {}


def test_an_authority_that_is_not_known_is_said(
    declared: program.Program, mutual: fake_temporal.FakeTemporal, files: pathlib.Path
) -> None:
    trustme.CA().cert_pem.write_to_path(files / "another.pem")
    for options in (["--tls"], [f"--tls-ca-path={files}/another.pem"]):
        done = declared.run("plan", "--address", mutual.address, *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"cannot establish a TLS connection to Temporal at {mutual.address} (" in done.stderr
        assert "certificate" in done.stderr


@pytest.mark.parametrize(
    ("name", "messages"),
    [("key", "the client's private key"), ("cert", "certificate"), ("ca", "certificate")],
)
def test_a_file_that_holds_no_pem_is_said_and_not_shown(
    declared: program.Program, mutual: fake_temporal.FakeTemporal, files: pathlib.Path, name: str, messages: str
) -> None:
    (files / f"{name}.pem").write_text("-----BEGIN NOTHING-----\nsk-hunter2\n-----END NOTHING-----\n")
    options = [f"--tls-{each}-path={files / each}.pem" for each in ("ca", "cert", "key")]
    done = declared.run("plan", "--address", mutual.address, *options)
    assert (done.returncode in {1, 64}, "Traceback" in done.stderr, "hunter2" in done.stderr) == (True, False, False)
    assert messages in done.stderr


def test_an_api_key_is_sent_by_tls_to_a_server_of_another_name(
    declared: program.Program, keyed: fake_temporal.FakeTemporal, files: pathlib.Path
) -> None:
    options = [f"--tls-ca-path={files}/ca.pem", "--tls-server-name=temporal.example", "--address", keyed.address]
    done = declared.run("apply", "--yes", *options, TEMPORAL_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(keyed.schedules) == ["governance:community"]
    assert {headers["temporal-namespace"] for headers in keyed.headers if "temporal-namespace" in headers} == {
        "default"
    }


@pytest.mark.parametrize("key", ["", "sk-hunter2-of-somebody-else"])
def test_a_wrong_key_or_none_is_refused_and_never_shown(
    declared: program.Program, keyed: fake_temporal.FakeTemporal, files: pathlib.Path, key: str
) -> None:
    options = [f"--tls-ca-path={files}/ca.pem", "--tls-server-name=temporal.example", "--address", keyed.address]
    done = declared.run("apply", "--yes", "--log-level", "debug", *options, TEMPORAL_API_KEY=key)
    assert done.returncode == 1
    assert "rejected the credentials for namespace 'default' (Request unauthorized)" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert keyed.schedules == {}
