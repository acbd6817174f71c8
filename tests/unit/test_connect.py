from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import pytest
import temporalio.service

from reconciler import errors, settings
from reconciler.temporal import client_config

PROFILES = """\
[profile.default]
address = "profile:7233"
namespace = "profile-namespace"

[profile.cloud]
address = "cloud:7233"
api_key = "cloud-key"

[profile.mtls]
address = "mtls:7233"
[profile.mtls.tls]
server_name = "profile-name"
client_cert_data = "profile-cert"
client_key_data = "profile-key"

[profile.open]
address = "open:7233"
[profile.open.tls]
disabled = true
"""


@pytest.fixture
def profiles(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "temporal.toml"
    path.write_text(PROFILES, encoding="utf-8")
    return path


def config(environ: Mapping[str, str] | None = None, **given: Any) -> dict[str, Any]:
    """Return what the client would be given; without a file of profiles unless one is named."""
    given.setdefault("disable_config_file", "config_file" not in given)
    return client_config.client(settings.Connection(environ=environ or {}, **given))


def refusal(environ: Mapping[str, str] | None = None, **given: Any) -> errors.UsageError:
    with pytest.raises(errors.UsageError) as caught:
        config(environ, **given)
    return caught.value


def test_with_nothing_said_it_is_the_dev_server() -> None:
    assert config() == {"target_host": "localhost:7233", "namespace": "default", "tls": False}


def test_the_developers_own_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is handed in, even when it is nothing."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "somewhere:7233")
    assert config()["target_host"] == "localhost:7233"


def test_flags_win_over_the_environment_and_this_over_the_profile(profiles: pathlib.Path) -> None:
    environ = {"TEMPORAL_ADDRESS": "environment:7233"}
    found = config(environ, config_file=profiles, namespace="flag-namespace")
    assert (found["target_host"], found["namespace"]) == ("environment:7233", "flag-namespace")
    assert config(environ, config_file=profiles, address="flag:7233")["target_host"] == "flag:7233"
    assert config(config_file=profiles)["target_host"] == "profile:7233"


@pytest.mark.parametrize("by_flag", [True, False])
def test_a_profile_is_chosen_by_flag_or_environment(profiles: pathlib.Path, by_flag: bool) -> None:
    environ = {} if by_flag else {"TEMPORAL_PROFILE": "cloud"}
    found = config(environ, config_file=profiles, profile="cloud" if by_flag else None)
    assert (found["target_host"], found["api_key"], found["namespace"]) == ("cloud:7233", "cloud-key", "default")


def test_the_environment_names_the_file_of_profiles(profiles: pathlib.Path) -> None:
    found = config({"TEMPORAL_CONFIG_FILE": str(profiles)}, disable_config_file=False)
    assert found["target_host"] == "profile:7233"


@pytest.mark.parametrize("name", ["TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS"])
def test_an_empty_variable_is_unset(name: str) -> None:
    """An absent GitHub secret arrives as one, and an empty API key would turn TLS on."""
    assert config({name: ""}) == config()


def test_disabled_sources_are_not_read(profiles: pathlib.Path) -> None:
    environ = {"TEMPORAL_ADDRESS": "environment:7233"}
    assert config(environ, disable_config_env=True) == config()
    assert config(environ, disable_config_env=True, config_file=profiles)["target_host"] == "profile:7233"


@pytest.mark.parametrize("by_flag", [True, False])
def test_an_api_key_turns_tls_on(by_flag: bool) -> None:
    found = config(api_key="key") if by_flag else config({"TEMPORAL_API_KEY": "key"})
    assert (found["api_key"], found["tls"]) == ("key", True)


def test_tls_can_be_turned_off_whatever_else_is_said(profiles: pathlib.Path) -> None:
    off = settings.Tls(enabled=False)
    assert config(api_key="key", tls=off)["tls"] is False
    assert config(config_file=profiles, profile="mtls", tls=off)["tls"] is False


def test_a_profile_that_disables_tls_holds_for_a_flags_api_key_too(profiles: pathlib.Path) -> None:
    assert config(config_file=profiles, profile="open", api_key="key")["tls"] is False


def test_tls_can_be_turned_on_alone() -> None:
    assert config(tls=settings.Tls(enabled=True))["tls"] is True


def test_tls_options_turn_it_on_and_replace_what_the_profile_says_one_by_one(
    profiles: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(b"authority")
    flags = settings.Tls(ca_path=authority, key_data="flag-key")
    assert config(tls=flags)["tls"] == temporalio.service.TLSConfig(
        server_root_ca_cert=b"authority", client_private_key=b"flag-key"
    )
    assert config(config_file=profiles, profile="mtls", tls=flags)["tls"] == temporalio.service.TLSConfig(
        domain="profile-name",
        server_root_ca_cert=b"authority",
        client_cert=b"profile-cert",
        client_private_key=b"flag-key",
    )


def test_headers_are_added_to_those_of_the_environment() -> None:
    found = config({"TEMPORAL_GRPC_META_TEAM": "a", "TEMPORAL_GRPC_META_OWNER": "x"}, grpc_meta=(("owner", "flag"),))
    assert found["rpc_metadata"] == {"team": "a", "owner": "flag"}


def test_a_certificate_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "absent.pem"
    error = refusal(tls=settings.Tls(cert_path=path))
    assert (error.message, error.hint) == (
        f"--tls-cert-path {path}: No such file or directory",
        "choose a file that can be read",
    )


def test_a_certificate_is_given_once() -> None:
    error = refusal(tls=settings.Tls(cert_path=pathlib.Path("cert.pem"), cert_data="cert"))
    assert error.message == "--tls-cert-path and --tls-cert-data cannot be combined"


def test_a_profile_or_file_that_cannot_be_used_is_a_usage_error(profiles: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.toml").write_text("[profile.", encoding="utf-8")
    environ = {"TEMPORAL_TLS_CLIENT_CERT_PATH": str(tmp_path / "absent.pem")}
    for error in (
        refusal(config_file=profiles, profile="absent"),
        refusal(config_file=tmp_path / "broken.toml"),
        refusal(environ),
    ):
        assert error.message.startswith("the Temporal client configuration cannot be used: ")
        assert error.hint == "check --profile, --config-file, and the TEMPORAL_ variables"


CODEC_PROFILES = """\
[profile.default.codec]
endpoint = "http://profile"
auth = "profile-auth"

[profile.plain]
address = "plain:7233"
"""


@pytest.mark.parametrize(
    ("environ", "given", "codec"),
    [
        ({}, {}, settings.Codec(endpoint="http://profile", auth="profile-auth")),
        ({"TEMPORAL_CODEC_ENDPOINT": "http://env"}, {}, settings.Codec(endpoint="http://env", auth="profile-auth")),
        (
            {"TEMPORAL_CODEC_ENDPOINT": "http://env", "TEMPORAL_CODEC_AUTH": ""},
            {"codec_endpoint": "http://flag", "codec_auth": "flag-auth", "codec_header": (("a", "b"),)},
            settings.Codec(endpoint="http://flag", auth="flag-auth", headers=(("a", "b"),)),
        ),
        ({"TEMPORAL_PROFILE": "plain", "TEMPORAL_CODEC_AUTH": "alone"}, {}, None),
        ({}, {"profile": "plain"}, None),
        ({}, {"disable_config_file": True}, None),
    ],
)
def test_the_codec_comes_from_flag_environment_and_profile_in_this_order(
    tmp_path: pathlib.Path, environ: dict[str, str], given: dict[str, Any], codec: settings.Codec | None
) -> None:
    path = tmp_path / "temporal.toml"
    path.write_text(CODEC_PROFILES, encoding="utf-8")
    connection = settings.Connection(environ=environ, **{"config_file": path, **given})
    assert client_config.codec(connection) == codec
