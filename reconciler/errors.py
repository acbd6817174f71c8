"""The errors that reach a user: each has a message, a hint, and an exit code.

Adapters translate what their library raises into one of these; the entry point prints it. Nothing else is
caught there, so a bug still shows its traceback. This process's credentials are removed from messages and hints.
"""

from __future__ import annotations

import datetime
import enum

from reconciler.credentials import held


class ExitCode(enum.IntEnum):
    """The exit codes of the process; a contract, listed in docs/commands.md."""

    OK = 0
    ERROR = 1
    CHANGES_PENDING = 2
    INVALID_SPEC = 3
    REFUSED = 4
    STALE = 5
    LOCKED = 6
    USAGE = 64
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def is_interrupted(self) -> bool:
        """Return whether the code means that a signal ended the program."""
        return self in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


INTERRUPTED = "interrupted"  # the reason reported for an interrupt


class ReconcilerError(Exception):
    """An expected failure: `message` describes what happened and where, `hint` what to do about it."""

    exit_code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = held.scrub(message)
        self.hint = held.scrub(hint)
        super().__init__(self.message)

    @property
    def sentence(self) -> str:
        """Return the message and the hint as one string."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


def reason(error: BaseException) -> str:
    """Return why work was cut short: an expected failure, an interrupt, or a bug, reported by its exception type."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.message if isinstance(error, ReconcilerError) else f"a bug in reconciler: {type(error).__name__}"


class InvalidSpecError(ReconcilerError):
    """The spec cannot be used; the message has one line for each problem, with its location."""

    exit_code = ExitCode.INVALID_SPEC


class GuardError(ReconcilerError):
    """A guard refuses to run a plan that may be unintended."""

    exit_code = ExitCode.REFUSED


class UsageError(ReconcilerError):
    """The command line asks for something that cannot be done."""

    exit_code = ExitCode.USAGE


class LockedError(ReconcilerError):
    """Another session holds the lock.

    If known, `who` is the holder, `run` is the holder's run, and `since` is the time when the lock was acquired.
    """

    exit_code = ExitCode.LOCKED

    def __init__(
        self, message: str, *, hint: str = "", who: str = "", run: str = "", since: datetime.datetime | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.who = who
        self.run = run
        self.since = since


class StoreError(ReconcilerError):
    """The database cannot be reached, or rejected a request."""


class BusyError(StoreError):
    """Another session holds a lock that is needed, or a caller has too much in progress; nothing was written."""


class DocumentError(ReconcilerError):
    """A saved plan or snapshot cannot be used: it is something else, truncated, edited, or in an unknown format."""

    exit_code = ExitCode.STALE


class StaleError(ReconcilerError):
    """The reviewed plan is not what would be applied now; nothing was written."""

    exit_code = ExitCode.STALE


class OutputError(ReconcilerError):
    """The output could not be printed or saved."""


class ServerError(ReconcilerError):
    """The Temporal server rejected a call or responded with an error."""


class UnreachableError(ServerError):
    """The Temporal server does not respond; a write in progress may or may not have taken effect."""


class RateLimitedError(ServerError):
    """The Temporal server keeps reporting that its rate limit is exceeded; nothing was written."""


class CodecError(ServerError):
    """The codec server, through which encrypted payloads are read and written, cannot be used."""


class ConflictError(ServerError):
    """The server rejected a write because the schedule changed after it was planned."""

    exit_code = ExitCode.STALE


class GitHubError(ReconcilerError):
    """GitHub cannot be reached, rejected a request, or responded with an error."""


class ExecutorError(ReconcilerError):
    """An execution could not be started at this time.

    The same request may be sent again, after `retry_after` if that is known.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after: datetime.timedelta | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ExecutionRefusedError(ReconcilerError):
    """An execution will not be started, no matter how often it is requested."""


class ArgumentError(ReconcilerError):
    """A workflow's argument is not one that our schedules would pass."""


class IdempotencyConflictError(ReconcilerError):
    """An idempotency key was already used for a different request."""


class QuotaError(ReconcilerError):
    """An owner already has the maximum number of schedules; nothing was written."""


class RevisionError(ReconcilerError):
    """A row's revision is not the one that a change was based on; nothing was written."""

    exit_code = ExitCode.STALE


class MissingError(ReconcilerError):
    """The row does not exist, or the caller may not see it."""


class ServiceError(ReconcilerError):
    """The HTTP service cannot be reached, or something else responded."""
