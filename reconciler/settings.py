"""What a user can set, as frozen data; nothing here reads an environment by itself."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

DEFAULT_SPEC = pathlib.Path(".cogni/repo-spec.yaml")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The TLS options; `enabled` None leaves the choice to the other options and the profile."""

    enabled: bool | None = None
    server_name: str | None = None
    ca_path: pathlib.Path | None = None
    cert_path: pathlib.Path | None = None
    key_path: pathlib.Path | None = None
    ca_data: str | None = None
    cert_data: str | None = dataclasses.field(default=None, repr=False)
    key_data: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach Temporal; None leaves a value to the environment, the profile, then the default."""

    environ: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    address: str | None = None
    namespace: str | None = None
    profile: str | None = None
    config_file: pathlib.Path | None = None
    disable_config_file: bool = False
    disable_config_env: bool = False
    api_key: str | None = dataclasses.field(default=None, repr=False)
    identity: str | None = None
    grpc_meta: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)
    tls: Tls = Tls()


def without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have a value: an absent secret arrives in a GitHub Action as an empty one."""
    return {name: value for name, value in environ.items() if value}


def schedules_enabled(environ: Mapping[str, str]) -> bool:
    """Tell whether applying is switched on; GOVERNANCE_SCHEDULES_ENABLED=false keeps preview environments still."""
    return environ.get("GOVERNANCE_SCHEDULES_ENABLED", "").strip().lower() not in {"false", "0", "no", "off"}
