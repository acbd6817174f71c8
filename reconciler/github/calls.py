"""Calls to GitHub: retried if that is safe, delayed by rate limits, and with errors raised as GitHubError.

PyGithub's own retries are disabled: they would repeat a POST that may have taken effect, and wait for as long as the
response specifies.
"""

from __future__ import annotations

import dataclasses
import email.utils
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import github
import requests

from reconciler import errors

_LOG = logging.getLogger(__name__)

TIMEOUT = 10  # seconds, after which GitHub itself ends a request
_ATTEMPTS = 4
# Seconds for all pauses in one run. GitHub recommends waiting a minute if it does not specify a time.
_LONGEST_WAIT = 65.0
_UNNAMED_WAIT = 60.0
_LONGEST_REASON = 300  # characters

_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
# What PyGithub raises for a response that is not from GitHub, such as a proxy's page or a redirect to another host.
_UNEXPECTED = (
    github.BadAttributeException,
    github.IncompletableObject,
    requests.RequestException,
    AssertionError,
    AttributeError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)

Answer = TypeVar("Answer")


class NotFoundError(errors.GitHubError):
    """GitHub has no such object, or the token cannot access it."""


class ForbiddenError(errors.GitHubError):
    """The token is not allowed to do this; the one for a pull request from a fork, for example, is read-only."""


class OutageError(errors.GitHubError):
    """GitHub failed or did not respond; a write may or may not have taken effect."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request does, in words that can follow "cannot", and the permission that it requires."""

    doing: str
    permission: str = ""


class Calls:
    """Sends requests to one GitHub server with one token."""

    def __init__(self, *, api_url: str, token: str, timeout: int, sleep: Callable[[float], None]) -> None:
        self._api_url = api_url
        self._token = token
        self._timeout = timeout
        self._sleep = sleep
        self._patience = _LONGEST_WAIT

    def send(
        self, call: Call, request: Callable[[], Answer], *, find_created: Callable[[], Answer | None] | None = None
    ) -> Answer:
        """Send a request, and retry it after a server error or a lost connection.

        For a request that must not take effect twice, `find_created` looks for what an attempt without a response may
        have created; the request is sent again only if it finds nothing. Raises GitHubError.
        """
        failures = 0
        while True:
            try:
                return self._admitted(call, request)
            except OutageError as error:
                failures += 1
                if failures < _ATTEMPTS:
                    _LOG.warning("trying again: %s", error.message)
                final = failures == _ATTEMPTS or not self._paused(2.0 ** (failures - 1))
                if find_created is not None and (created := find_created()) is not None:
                    return created
                if final:
                    raise

    def _admitted(self, call: Call, request: Callable[[], Answer]) -> Answer:
        """Send a request, and retry it while it is rate-limited."""
        while True:
            start = time.monotonic()
            try:
                response = request()
            except _LOST as error:
                _log(call, "no response", start)
                raise self._unreachable(call, error) from error
            except _UNEXPECTED as error:
                raise self._unexpected(call) from error
            except github.GithubException as error:
                _log(call, str(error.status), start)
                seconds = _seconds_to_wait(error)
                if seconds is None:
                    raise self._refusal(call, error) from error
                self._wait(call, seconds)
            else:
                _log(call, "OK", start)
                return response

    def _paused(self, seconds: float) -> bool:
        """Sleep, unless the total of all pauses would be too long; return whether it slept."""
        if seconds > self._patience:
            return False
        self._patience -= seconds
        self._sleep(seconds)
        return True

    def _wait(self, call: Call, seconds: float) -> None:
        """Wait until the rate limit resets; raise GitHubError if that takes too long."""
        if seconds <= self._patience:
            _LOG.warning("waiting for GitHub's rate limit", extra={"fields": {"seconds": seconds}})
        if not self._paused(seconds):
            raise errors.GitHubError(
                f"cannot {call.doing}: GitHub's rate limit lasts for another {_duration(seconds)}",
                hint=f"run again in {_duration(seconds)}",
            )

    def _refusal(self, call: Call, error: github.GithubException) -> errors.GitHubError:
        """Return the error for a rejected request."""
        reason = _reason(error.data).replace(self._token, "***")[:_LONGEST_REASON]
        cannot = f"cannot {call.doing}"
        match error.status:
            case 401:
                return errors.GitHubError(
                    f"{cannot}: GitHub does not accept the token ({reason})",
                    hint="use the job's own token, `github.token`, or one that has not expired",
                )
            case 403 if "by integration" in reason:
                hint = f"set `{call.permission}` under the job's `permissions:`" if call.permission else ""
                fork = "; the token for a pull request from a fork is read-only" if "write" in hint else ""
                return ForbiddenError(f"{cannot}: the token does not have permission ({reason})", hint=hint + fork)
            case 403:
                hint = f"give the token the `{call.permission}` permission" if call.permission else ""
                return ForbiddenError(f"{cannot}: GitHub refused the request ({reason})", hint=hint)
            case 404:
                return NotFoundError(
                    f"{cannot}: GitHub did not find it, or the token has no access to it ({reason})",
                    hint=f"check the repository and the number, and that the token has `{call.permission}`",
                )
            case 410:
                return errors.GitHubError(
                    f"{cannot}: GitHub no longer has it ({reason})",
                    hint="check that issues are enabled in the repository",
                )
            case 422:
                return errors.GitHubError(
                    f"{cannot}: GitHub rejected the request ({reason})",
                    hint="fix the problem that GitHub reports; text can be at most 65,536 characters long",
                )
            case status if status >= 500:
                return OutageError(
                    f"{cannot}: GitHub at {self._api_url} returned {status} ({reason})", hint="wait, then run again"
                )
            case status:
                return errors.GitHubError(f"{cannot}: GitHub at {self._api_url} returned {status} ({reason})")

    def _unreachable(self, call: Call, error: requests.RequestException) -> errors.GitHubError:
        cannot = f"cannot {call.doing}: GitHub at {self._api_url}"
        if isinstance(error, requests.exceptions.SSLError):
            return errors.GitHubError(
                f"{cannot} has a certificate that is not trusted ({_root(error)})",
                hint="set REQUESTS_CA_BUNDLE to the certificate file of the CA that signed it",
            )
        if isinstance(error, requests.Timeout):
            return OutageError(f"{cannot} did not respond within {self._timeout} s", hint="wait, then run again")
        return OutageError(
            f"{cannot} cannot be reached ({_root(error)})",
            hint="check GITHUB_API_URL, make sure that this machine can connect to it, then run again",
        )

    def _unexpected(self, call: Call) -> errors.GitHubError:
        return errors.GitHubError(
            f"cannot {call.doing}: {self._api_url} does not respond like GitHub's API", hint="check GITHUB_API_URL"
        )


def _seconds_to_wait(error: github.GithubException) -> float | None:
    """Return how long a rate limit lasts, according to GitHub's documentation; None for any other error."""
    headers = error.headers or {}
    after = headers.get("retry-after", "")
    exceeded = error.status == 429 or isinstance(error, github.RateLimitExceededException)
    if error.status not in {403, 429} or not (exceeded or after):
        return None
    if after.isdecimal():
        return max(1.0, float(after))
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal() and "date" in headers:
        return max(1.0, int(reset) - _moment(headers) + 1)
    return _UNNAMED_WAIT


def _moment(headers: Mapping[str, str]) -> float:
    """Return the server's time, so that a wrong local clock does not matter."""
    return email.utils.parsedate_to_datetime(headers["date"]).timestamp()


def _reason(data: object) -> str:
    """Return GitHub's explanation of an error, on one line."""
    if not isinstance(data, dict):
        return "no reason given"
    reasons = [str(data.get("message") or data.get("data") or "no reason given")]
    for error in data.get("errors") or ():
        text = error.get("message") or f"{error.get('field')} {error.get('code')}" if isinstance(error, dict) else error
        reasons.append(str(text))
    return " ".join("; ".join(reasons).split())


def _root(error: BaseException) -> str:
    """Return the innermost cause, which is short; three libraries wrap it in long messages.

    If one of our own errors was already being handled when the call was made, it does not count as a cause.
    """
    while error.__context__ is not None and not isinstance(error.__context__, errors.ReconcilerError):
        error = error.__context__
    return str(getattr(error, "strerror", None) or error)


def _duration(seconds: float) -> str:
    """Return a time to wait, rounded up."""
    return f"{math.ceil(seconds)} s" if seconds <= 120 else f"{math.ceil(seconds / 60)} minutes"


def _log(call: Call, status: str, start: float) -> None:
    """Log a call and how it ended, but not its content."""
    fields = {"status": status, "ms": round((time.monotonic() - start) * 1000, 1)}
    _LOG.debug(call.doing, extra={"fields": fields})
