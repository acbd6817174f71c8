"""One way to call GitHub: failures repeated where that is safe, rate limits waited for, errors in our own words.

PyGithub's own retries are off: they would repeat a POST that may have been carried out, and wait for as long as they
are told to.
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
_LONGEST_WAIT = 65.0  # seconds in all, as pauses of one run: the minute that GitHub asks for when it names no time
_UNNAMED_WAIT = 60.0
_LONGEST_REASON = 300  # characters

_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
# What PyGithub stumbles over when an answer is not GitHub's: a proxy's page, a redirect to another host.
_STRANGE = (
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
    """GitHub has nothing there, or the token may not see it."""


class ForbiddenError(errors.GitHubError):
    """The token may not do this, as that of a pull request from a fork, which can only read."""


class OutageError(errors.GitHubError):
    """GitHub failed or gave no answer; a write that was under way may have been done or not."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of GitHub, in words that follow "cannot", and the permission that it takes."""

    doing: str
    permission: str = ""


class Calls:
    """Sends requests to one GitHub with one token."""

    def __init__(self, *, api_url: str, token: str, timeout: int, sleep: Callable[[float], None]) -> None:
        self._api_url = api_url
        self._token = token
        self._timeout = timeout
        self._sleep = sleep
        self._patience = _LONGEST_WAIT

    def send(
        self, call: Call, request: Callable[[], Answer], *, made: Callable[[], Answer | None] | None = None
    ) -> Answer:
        """Send a request, and again after a failure of GitHub's or a lost connection.

        One that must not be carried out twice gives `made`, which looks for what an attempt without an answer may
        have made; only when there is none is the request sent again. Raises GitHubError or one of this module.
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
                if made is not None and (found := made()) is not None:
                    return found
                if final:
                    raise

    def _admitted(self, call: Call, request: Callable[[], Answer]) -> Answer:
        """Send a request, and again as long as it is not let in because of a rate limit."""
        while True:
            begun = time.monotonic()
            try:
                answer = request()
            except _LOST as error:
                _log(call, "no answer", begun)
                raise self._unreachable(call, error) from error
            except _STRANGE as error:
                raise self._stranger(call) from error
            except github.GithubException as error:
                _log(call, str(error.status), begun)
                seconds = _seconds_to_wait(error)
                if seconds is None:
                    raise self._refusal(call, error) from error
                self._wait(call, seconds)
            else:
                _log(call, "OK", begun)
                return answer

    def _paused(self, seconds: float) -> bool:
        """Sleep, unless this would be longer than all pauses may be."""
        if seconds > self._patience:
            return False
        self._patience -= seconds
        self._sleep(seconds)
        return True

    def _wait(self, call: Call, seconds: float) -> None:
        """Wait until the limit is over, or say that this takes too long."""
        if seconds <= self._patience:
            _LOG.warning("GitHub limits the rate of requests, waiting", extra={"fields": {"seconds": seconds}})
        if not self._paused(seconds):
            raise errors.GitHubError(
                f"cannot {call.doing}: GitHub limits the rate of requests for another {_duration(seconds)}",
                hint=f"run again in {_duration(seconds)}",
            )

    def _refusal(self, call: Call, error: github.GithubException) -> errors.GitHubError:
        """Say what a refusal means to the user."""
        said = _reason(error.data).replace(self._token, "***")[:_LONGEST_REASON]
        cannot = f"cannot {call.doing}"
        match error.status:
            case 401:
                return errors.GitHubError(
                    f"{cannot}: GitHub does not accept the token ({said})",
                    hint="give the job's own token, `github.token`, or one that has not expired",
                )
            case 403 if "by integration" in said:
                hint = f"set `{call.permission}` under `permissions:` of the job" if call.permission else ""
                fork = "; a pull request from a fork has a token that can only read" if "write" in hint else ""
                return ForbiddenError(f"{cannot}: the token may not do this ({said})", hint=hint + fork)
            case 403:
                hint = f"give the token the permission `{call.permission}`" if call.permission else ""
                return ForbiddenError(f"{cannot}: GitHub refuses it ({said})", hint=hint)
            case 404:
                return NotFoundError(
                    f"{cannot}: GitHub does not find it, or the token may not see it ({said})",
                    hint=f"check the repository and the number, and that the token has `{call.permission}`",
                )
            case 410:
                return errors.GitHubError(
                    f"{cannot}: GitHub no longer has it ({said})", hint="see that issues are enabled in the repository"
                )
            case 422:
                return errors.GitHubError(
                    f"{cannot}: GitHub does not take what was sent ({said})",
                    hint="correct what the reason names; a text may have 65,536 characters",
                )
            case status if status >= 500:
                return OutageError(
                    f"{cannot}: GitHub at {self._api_url} answered {status} ({said})", hint="wait, then run again"
                )
            case status:
                return errors.GitHubError(f"{cannot}: GitHub at {self._api_url} answered {status} ({said})")

    def _unreachable(self, call: Call, error: requests.RequestException) -> errors.GitHubError:
        cannot = f"cannot {call.doing}: GitHub at {self._api_url}"
        if isinstance(error, requests.exceptions.SSLError):
            return errors.GitHubError(
                f"{cannot} has a certificate that is not trusted ({_root(error)})",
                hint="name the file of the authority that signed it with REQUESTS_CA_BUNDLE",
            )
        if isinstance(error, requests.Timeout):
            return OutageError(f"{cannot} gave no answer within {self._timeout} s", hint="wait, then run again")
        return OutageError(
            f"{cannot} cannot be reached ({_root(error)})",
            hint="check GITHUB_API_URL and that this machine may connect to it, then run again",
        )

    def _stranger(self, call: Call) -> errors.GitHubError:
        return errors.GitHubError(
            f"cannot {call.doing}: {self._api_url} does not answer as GitHub's API does", hint="check GITHUB_API_URL"
        )


def _seconds_to_wait(error: github.GithubException) -> float | None:
    """Return for how long GitHub limits the rate, as its documentation says to read it; None when it does not."""
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
    """Return the server's time, so that a clock which is wrong here does not matter."""
    return email.utils.parsedate_to_datetime(headers["date"]).timestamp()


def _reason(data: object) -> str:
    """Return what GitHub says about an error, on one line."""
    if not isinstance(data, dict):
        return "no reason given"
    said = [str(data.get("message") or data.get("data") or "no reason given")]
    for each in data.get("errors") or ():
        text = each.get("message") or f"{each.get('field')} {each.get('code')}" if isinstance(each, dict) else each
        said.append(str(text))
    return " ".join("; ".join(said).split())


def _root(error: BaseException) -> str:
    """Return the innermost cause, which says in a few words what three libraries wrap in many.

    What failed before this call was made, and is being told when it is, is no cause of it.
    """
    while error.__context__ is not None and not isinstance(error.__context__, errors.ReconcilerError):
        error = error.__context__
    return str(getattr(error, "strerror", None) or error)


def _duration(seconds: float) -> str:
    """Return a time to wait, never less than it is."""
    return f"{math.ceil(seconds)} s" if seconds <= 120 else f"{math.ceil(seconds / 60)} minutes"


def _log(call: Call, status: str, begun: float) -> None:
    """Note a call and how it ended; never what it carried."""
    fields = {"status": status, "ms": round((time.monotonic() - begun) * 1000, 1)}
    _LOG.debug(call.doing, extra={"fields": fields})
