"""The errors that reach a user: each has a message, a hint and an exit code.

Adapters translate what their library raises into one of these; the entry point prints it. Nothing else is
caught there, so that a defect still shows its traceback. Credentials of this process are taken out of both texts.
"""

from __future__ import annotations

import datetime
import enum

from reconciler.credentials import held


class ExitCode(enum.IntEnum):
    """What the process returns to its caller; a contract, listed in docs/commands.md."""

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
        """Return whether a signal ended the program."""
        return self in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


INTERRUPTED = "interrupted"  # why it ended early


class ReconcilerError(Exception):
    """An expected failure: `message` is what happened and where, `hint` what to do about it."""

    exit_code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = held.scrub(message)
        self.hint = held.scrub(hint)
        super().__init__(self.message)

    @property
    def sentence(self) -> str:
        """Return message and hint in one."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


def reason(error: BaseException) -> str:
    """Return why work was cut short: an expected failure, an interrupt or a defect, which is named by its type."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.message if isinstance(error, ReconcilerError) else f"a bug in reconciler: {type(error).__name__}"


class InvalidSpecError(ReconcilerError):
    """The spec cannot be used; the message holds one located line for each problem."""

    exit_code = ExitCode.INVALID_SPEC


class GuardError(ReconcilerError):
    """A guard refuses to run a plan that may not be meant."""

    exit_code = ExitCode.REFUSED


class UsageError(ReconcilerError):
    """The command line asks for something that cannot be done as asked."""

    exit_code = ExitCode.USAGE


class LockedError(ReconcilerError):
    """Another session holds the lock: `who`, in which `run` and `since` when, as far as that is known."""

    exit_code = ExitCode.LOCKED

    def __init__(
        self, message: str, *, hint: str = "", who: str = "", run: str = "", since: datetime.datetime | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.who = who
        self.run = run
        self.since = since


class StoreError(ReconcilerError):
    """The database cannot be reached, or refused what was asked of it."""


class BusyError(StoreError):
    """Another session holds what a statement needs, or a caller has too much in progress; nothing was written."""


class DocumentError(ReconcilerError):
    """A saved plan or snapshot cannot be used: it is none, it was cut or edited, or another version wrote it."""

    exit_code = ExitCode.STALE


class StaleError(ReconcilerError):
    """What was reviewed is not what would be applied now; nothing was written."""

    exit_code = ExitCode.STALE


class OutputError(ReconcilerError):
    """What was to be shown or saved could not be written."""


class ServerError(ReconcilerError):
    """The Temporal server refused a call or answered with a failure."""


class UnreachableError(ServerError):
    """The Temporal server gives no answer; a write that was under way may have been done or not."""


class RateLimitedError(ServerError):
    """The Temporal server answers that its rate limit is exceeded, however often it is asked; nothing was written."""


class CodecError(ServerError):
    """The codec server, through which encrypted payloads are read and written, cannot be used."""


class ConflictError(ServerError):
    """The server refused a write because the schedule is not what the plan saw."""

    exit_code = ExitCode.STALE


class GitHubError(ReconcilerError):
    """GitHub cannot be reached, refused a request, or answered with a failure."""


class ExecutorError(ReconcilerError):
    """An execution could not be started now.

    The same request may be sent again, `retry_after` a while where that is known.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after: datetime.timedelta | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ExecutionRefusedError(ReconcilerError):
    """An execution will not be started, however often it is asked for."""


class ArgumentError(ReconcilerError):
    """A workflow's argument is not the one that a schedule of ours hands over."""


class IdempotencyConflictError(ReconcilerError):
    """An idempotency key was used before, for another request."""


class QuotaError(ReconcilerError):
    """An owner has as many schedules as are allowed; nothing was written."""


class RevisionError(ReconcilerError):
    """A row is not at the revision that a change was made from; nothing was written."""

    exit_code = ExitCode.STALE


class MissingError(ReconcilerError):
    """The row does not exist, or the caller may not see it."""


class ServiceError(ReconcilerError):
    """The HTTP service cannot be reached, or what answers is not it."""
