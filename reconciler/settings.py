"""What a user can set, as frozen data; nothing here reads the environment on its own."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import re
from collections.abc import Mapping
from typing import Literal

from reconciler import errors
from reconciler.credentials import held
from reconciler.schedule import declarations

EMBEDDED = "embedded:"  # the URL prefix for a database that runs only as long as the program does
HEADER_NAME = re.compile("[A-Za-z0-9_.-]+")  # valid in HTTP and gRPC
VARIABLE_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
SYNC_PATH = "/api/internal/ops/governance/schedules/sync"  # on the service


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The TLS options; if `enabled` is None, the other options and the profile decide."""

    enabled: bool | None = None
    server_name: str | None = None
    ca_path: pathlib.Path | None = None
    cert_path: pathlib.Path | None = None
    key_path: pathlib.Path | None = None
    ca_data: str | None = None
    cert_data: str | None = dataclasses.field(default=None, repr=False)
    key_data: str | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        held.hold(self.key_data)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How to reach the server that decodes and encodes payloads; the endpoint may contain `{namespace}`."""

    endpoint: str
    auth: str | None = dataclasses.field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)

    def __post_init__(self) -> None:
        held.hold(self.auth, *(value for _, value in self.headers))
        held.hold_url(self.endpoint)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach Temporal; None means the value from the environment, the profile, or else the default.

    `request_timeout` is how long one request may take while the server responds to others, and `rate` is the maximum
    number of requests per second, or None for as many as the server sustains.
    """

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
    codec_endpoint: str | None = None
    codec_auth: str | None = dataclasses.field(default=None, repr=False)
    codec_header: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)
    request_timeout: datetime.timedelta | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        held.hold_environment(self.environ)
        pairs = (*self.grpc_meta, *self.codec_header)
        held.hold(self.api_key, self.codec_auth, *(value for _, value in pairs))


LEAST_RATE, MOST_RATE = 0.1, 1_000_000  # requests per second
LONGEST = datetime.timedelta(days=36_500)  # for a duration option: the longest timeout that Temporal stores unchanged


def rate(text: str) -> float:
    """Parse a number of requests per second; raises ValueError, without quoting the text, for anything else."""
    if not re.fullmatch("[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)", text, re.ASCII):
        raise ValueError("specify requests per second as a plain number, such as 10 or 2.5")
    if not LEAST_RATE <= float(text) <= MOST_RATE:
        raise ValueError(f"specify at least {LEAST_RATE} and at most {MOST_RATE} requests per second")
    return float(text)


DATABASE_SCHEMA = "reconciler"
_NAME_BYTES = 63  # PostgreSQL's limit; it truncates longer names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL database and the schema that contains our tables."""

    url: str = dataclasses.field(repr=False)
    schema: str = DATABASE_SCHEMA

    def __post_init__(self) -> None:
        held.hold_url(self.url)


def schema_fault(name: str) -> str:
    """Return why a schema cannot have this name, or an empty string if it can."""
    if not name.isprintable():
        return "contains an invisible character"
    if not name.strip():
        return "is blank"
    if len(name.encode()) > _NAME_BYTES:
        return f"is longer than {_NAME_BYTES} bytes, the maximum in PostgreSQL"
    if name.startswith("pg_") or name == "information_schema":
        return "is reserved by PostgreSQL"
    return "means the role's own name in PostgreSQL" if name == "$user" else ""


LEAST_LEASE = datetime.timedelta(minutes=1)  # the last half minute of a lease is never used for writes
LockKind = Literal["auto", "postgres", "temporal", "none"]
GOVERNANCE_LOCK = "governance_sync"  # other programs that sync schedules may lock the same key
REPAIR_LOCK = "schedules_repair"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How concurrent writes are prevented, and where changes are recorded.

    `auto` is PostgreSQL if there is a database, otherwise Temporal. `lock_key` is the key that PostgreSQL locks, and
    `lock_lease` is how long a lease in Temporal lasts. Without `audit`, a database is used only for the lock.
    """

    lock: LockKind = "auto"
    lock_key: str = GOVERNANCE_LOCK
    lock_timeout: datetime.timedelta = datetime.timedelta(0)
    lock_lease: datetime.timedelta = datetime.timedelta(minutes=10)
    database: Database | None = None
    audit: bool = True

    @property
    def record(self) -> Database | None:
        """Return the audit's database, or None if the audit is disabled."""
        return self.database if self.audit else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Where executions are started: at `url`, or in the database if `url` is None.

    The workflow replaces `{workflow}` in `url`. `timeout` limits each request, and `patience` limits all attempts to
    start one execution.
    """

    url: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    timeout: datetime.timedelta = datetime.timedelta(seconds=30)
    patience: datetime.timedelta = datetime.timedelta(minutes=10)

    def __post_init__(self) -> None:
        held.hold(self.token)
        held.hold_url(self.url)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """How a worker identifies itself and shuts down; `health` and `metrics` are its endpoints, None if disabled.

    Its build is reported whether or not it is `versioned`; a versioned worker needs a deployment, and receives runs
    once its version becomes current.
    """

    task_queue: str
    build_id: str
    deployment: str | None = None
    versioned: bool = False
    drain_timeout: datetime.timedelta = datetime.timedelta(seconds=30)
    health: tuple[str, int] | None = None
    metrics: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who runs this: a person on a machine, or a CI job with its run and commit."""

    who: str
    run: str = ""
    commit: str = ""


def origin(environ: Mapping[str, str], user: str, host: str) -> Origin:
    """Return who runs this, as reported by GitHub Actions or the machine; undecodable bytes become question marks."""
    if not environ.get("GITHUB_RUN_ID"):
        return Origin(who=_text(f"{user}@{host}"))
    run = f"{environ.get('GITHUB_RUN_ID')}/{environ.get('GITHUB_RUN_ATTEMPT') or 1}"
    who = environ.get("GITHUB_ACTOR") or user
    return Origin(who=_text(who), run=_text(run), commit=_text(environ.get("GITHUB_SHA", "")))


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def variables(environ: Mapping[str, str]) -> tuple[declarations.Variable, ...]:
    """Return the repo-spec variables set in an environment; an empty value is treated as unset."""
    found = []
    for name, text in sorted(environ.items()):
        if name.startswith(held.VARIABLE) and text:
            short = name.removeprefix(held.VARIABLE)
            held.hold_variable(short, text)
            found.append(declarations.Variable(name=short, text=text, source=name, optional=True))
    return tuple(found)


def variable(pair: str, source: str) -> declarations.Variable:
    """Return the variable that `NAME=VALUE` sets; raises ValueError, without quoting the value, for anything else.

    `source`, such as `--var`, precedes the variable's name in messages.
    """
    name, equals, text = pair.partition("=")
    if not equals or not VARIABLE_NAME.fullmatch(name):
        raise ValueError("a variable must have the form NAME=VALUE, where NAME consists of letters, digits, and '_'")
    held.hold_variable(name, text)
    return declarations.Variable(name=name, text=text, source=f"{source} {name}")


def without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have a value; GitHub Actions passes a missing secret as an empty string."""
    return {name: value for name, value in environ.items() if value}


def schedules_enabled(environ: Mapping[str, str]) -> bool:
    """Return whether applying is enabled; GOVERNANCE_SCHEDULES_ENABLED=false disables it in preview environments.

    Raises `errors.UsageError` for an unrecognized value: a mistyped false must not enable applying.
    """
    value = environ.get("GOVERNANCE_SCHEDULES_ENABLED", "")
    word = value.strip().lower()
    if word not in _YES | _NO:
        raise errors.UsageError(f"GOVERNANCE_SCHEDULES_ENABLED={value} is not valid", hint="set it to true or false")
    return word in _YES


_YES = frozenset({"", "true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})
