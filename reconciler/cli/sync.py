"""`reconciler sync`: sync the charters through the service, as a deployment does."""

from __future__ import annotations

import datetime
import http
import re
from typing import TYPE_CHECKING, Any

import click

from reconciler import errors, json_text, settings
from reconciler.cli import console, reporter
from reconciler.cli.options import flags, parameters
from reconciler.credentials import held
from reconciler.plan import staleness
from reconciler.report import phrases, words

if TYPE_CHECKING:
    import httpx

_COUNTS = ("created", "updated", "resumed", "paused")
_RARE = ("renamed",)  # shown only if there are any; earlier releases of the service do not report it
_LEFT = ("failed", "stale", "not_begun")
_EXIT_CODES = [int(each) for each in errors.ExitCode]
_VERBS = {verb.word: verb for verb in words.DONE}


@click.command()
@click.option(
    "--via-service", "url", type=parameters.LINE, metavar="URL", required=True, help="The URL of the service."
)
@click.option(
    "--token",
    type=parameters.LINE,
    envvar="INTERNAL_OPS_TOKEN",
    metavar="TOKEN",
    help="The bearer token; prefer INTERNAL_OPS_TOKEN.",
)
@click.option(
    "--timeout",
    type=parameters.POSITIVE,
    default="5m",
    metavar="TIME",
    help="How long to wait for the sync to finish.  [5m]",
)
@click.option("--dry-run", is_flag=True, help="Show what a sync would change, without changing anything.")
@click.option("--allow-mass-pause", is_flag=True, help="Allow a plan that stops most or all running schedules.")
@click.option("--allow-empty-namespace", is_flag=True, help="Sync even if all managed schedules are gone.")
@click.option(
    "--allow-prefix-change", is_flag=True, help="Allow creating schedules that also run under another prefix."
)
@click.option("--allow-plaintext", is_flag=True, help="Allow replacing encrypted payloads with plaintext.")
@click.option("--expect-digest", type=parameters.LINE, metavar="sha256:…", help="Sync only the plan with this digest.")
@flags.outcome_format
@click.pass_obj
def sync(
    out: console.Console,
    url: str,
    token: str | None,
    timeout: datetime.timedelta,
    form: reporter.Form,
    dry_run: bool,
    allow_mass_pause: bool,
    allow_empty_namespace: bool,
    allow_prefix_change: bool,
    allow_plaintext: bool,
    expect_digest: str | None,
) -> int:
    """Sync the charters through a running service, with the same exit codes as apply."""
    if not token:
        raise errors.UsageError("sync needs the service's token", hint="set INTERNAL_OPS_TOKEN")
    held.hold(token)
    place = _place(url)
    if expect_digest is not None and not re.fullmatch(staleness.DIGEST, expect_digest):
        raise errors.StaleError(
            f"{expect_digest!r} is not a valid plan digest",
            hint="pass the digest that a plan shows, which is sha256: followed by 64 hexadecimal digits",
        )
    wanted = {
        "dry_run": dry_run,
        "allow_mass_pause": allow_mass_pause,
        "allow_empty_namespace": allow_empty_namespace,
        "allow_prefix_change": allow_prefix_change,
        "allow_plaintext": allow_plaintext,
        "expect_digest": expect_digest,
    }
    status, body = _asked(url, place, token, wanted, timeout)
    if form == "json" and "exit_code" in body:
        out.say(json_text.document(body))
        return int(body["exit_code"])
    if status != http.HTTPStatus.OK:
        return _refused(out, place, status, body)
    _tell(out, place, body)
    return int(body["exit_code"])


def _place(url: str) -> str:
    """Return the printable part of the service's URL, and register its password as a credential."""
    held.hold_url(url)
    place = held.web_address(url)
    if place is None:
        raise errors.UsageError(
            "--via-service is not a valid http or https URL",
            hint="pass it in the form http://host:8080; percent-encode special characters, such as %40 for @",
        )
    return place


def _asked(
    url: str, place: str, token: str, wanted: dict[str, Any], timeout: datetime.timedelta
) -> tuple[int, dict[str, Any]]:
    """Return the status and JSON body of the service's response; raises `errors.ServiceError` if it is invalid."""
    import httpx  # no other command needs it

    try:
        answer = httpx.post(
            url.rstrip("/") + settings.SYNC_PATH,
            json=wanted,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout.total_seconds(),
        )
        body = answer.json()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeEncodeError):
        raise errors.UsageError(
            "cannot send a request with this --via-service URL or token",
            hint="pass a URL such as http://host:8080, and an ASCII token",
        ) from None
    except httpx.TimeoutException:
        raise errors.ServiceError(
            f"the service at {place} did not respond in time; the sync may still be running",
            hint="see reconciler history, or wait longer with --timeout",
        ) from None
    except httpx.HTTPError as error:
        raise errors.ServiceError(
            f"cannot reach the service at {place} ({_reason(error)})", hint="check that it is running at this address"
        ) from None
    except (ValueError, RecursionError):
        body = None
    if not (isinstance(body, dict) and (_is_outcome(body) if answer.is_success else _is_problem(answer, body))):
        hint = "check the URL" + (" and any proxy in front of the service" if answer.is_server_error else "")
        raise errors.ServiceError(
            f"{place} did not respond like the reconciler service (HTTP {answer.status_code})", hint=hint
        )
    return answer.status_code, body


def _reason(error: Exception) -> str:
    """Return a connection's error without the operating system's error number."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _is_outcome(body: dict[str, Any]) -> bool:
    """Return whether a response is the outcome of a sync, in the service's format."""
    return (
        all(type(body.get(name)) is int for name in (*_COUNTS, *_LEFT, "skipped"))
        and all(type(body.get(name, 0)) is int for name in _RARE)
        and body.get("exit_code") in _EXIT_CODES
        and "steps" in body
        and all(map(_is_step, _objects(body, "steps")))
        and isinstance(body.get("warnings"), list)
    )


def _is_problem(answer: httpx.Response, body: dict[str, Any]) -> bool:
    """Return whether a response is a problem document from the service; for a sync, it may include outcomes."""
    return (
        answer.headers.get("Content-Type", "").startswith("application/problem+json")
        and body.get("status") == answer.status_code
        and isinstance(body.get("detail"), str)
        and body.get("exit_code", 1) in _EXIT_CODES
        and all("message" in each for each in _objects(body, "problems"))
        and all("detail" in each for each in _objects(body, "errors"))
        and ("steps" not in body or _is_outcome(body))
    )


def _is_step(each: dict[str, Any]) -> bool:
    texts = all(isinstance(each.get(name), str) for name in ("id", "verb", "status"))
    return texts and isinstance(each.get("detail"), str | None)


def _objects(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in a list; if it is not a list of objects, return a single empty object."""
    found = body.get(name, [])
    return found if isinstance(found, list) and all(isinstance(each, dict) for each in found) else [{}]


def _refused(out: console.Console, place: str, status: int, body: dict[str, Any]) -> int:
    """Report why the sync failed, or why it succeeded only in part."""
    if body.get("steps"):
        _tell(out, place, body)
    for each in body.get("problems", []):
        hint = f"; {each['hint']}" if each.get("hint") else ""
        where = ":".join(str(each[name]) for name in ("path", "line", "column") if each.get(name))
        out.warn(f"{where}: {each['message']}{hint}")
    for each in body.get("errors", []):
        what = str(each.get("pointer") or each.get("parameter") or "")
        hint = f"; {each['hint']}" if each.get("hint") else ""
        out.warn(f"{what}: {each['detail']}{hint}")
    hint = str(body.get("hint") or ("check the token" if status in (401, 403) else ""))
    detail = str(body.get("detail") or f"HTTP {status}")
    if not body.get("problems"):
        out.warn(f"Error: {detail}" + (f"\n{phrases.sentence(hint)}" if hint else ""), "error", status=status)
    return int(body.get("exit_code") or errors.ExitCode.ERROR)


def _tell(out: console.Console, place: str, body: dict[str, Any]) -> None:
    """Print each step and the counts, as an apply does."""
    for warning in body.get("warnings", []):
        out.warn(str(warning))
    if body.get("reason"):
        out.say(f"Nothing to do: {phrases.printable(str(body['reason']))}.\n")
        return
    for step in body["steps"]:
        out.say(_step(step))
    counts = ", ".join(f"{body[name]} {name}" for name in (*_COUNTS, *filter(body.get, _RARE)))
    verb = "Planned" if body.get("status") == "planned" else "Synced"
    missing = [f"{body[name]} {name.replace('_', ' ')}" for name in _LEFT]
    left = f"; {', '.join(missing)}" if any(body[name] for name in _LEFT) else ""
    part = " in part" if left else ""
    out.say(f"{verb}{part} by {place}: {counts}, {body['skipped']} unchanged{left}.\n")
    if body.get("digest"):
        out.say(f"Digest {body['digest']}\n")


def _step(step: dict[str, Any]) -> str:
    verb, name = _VERBS.get(step["verb"]), phrases.printable(str(step["id"]))
    symbol, done = (verb.value, words.DONE[verb]) if verb else ("?", step["verb"])
    detail = phrases.printable(str(step["detail"])) if step["detail"] else ""
    if step["status"] == "planned":
        return f"  {symbol} {name} to {step['verb']}\n"
    if step["status"] == "done":
        return f"  {symbol} {name} {done}{f' ({detail})' if detail else ''}\n"
    return f"  {symbol} {name} {step['status'].upper()}: {detail}\n"
