"""The credentials that this process holds, and how they are removed from external text.

A server, proxy, or driver may echo what it was sent. Settings register each credential when it is read; errors are
scrubbed when they are created, and all output is scrubbed again when it is written.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping

from reconciler.credentials import detection

MARK = "(credential)"  # replaces a credential
VARIABLE = "RECONCILER_VAR_"  # the prefix of environment variables that set variables of the repo-spec
_LEAST = 4  # characters; shorter strings occur in ordinary text
_LONG = 12  # characters; a shorter credential is replaced only if it is not part of a longer word
_NAMES = re.compile(
    "TEMPORAL_API_KEY|TEMPORAL_TLS_CLIENT_KEY_DATA|TEMPORAL_CODEC_AUTH|INTERNAL_OPS_TOKEN|RECONCILER_EXECUTOR_TOKEN"
    "|(GITHUB|GH|ACTIONS_RUNTIME|ACTIONS_ID_TOKEN_REQUEST)_TOKEN|PGPASSWORD"
    "|TEMPORAL_GRPC_META_.*(AUTH|COOKIE|CREDENTIAL|KEY|PASS|SECRET|TOKEN).*"
    "|INPUT_(API_KEY|TLS_KEY_DATA|CODEC_AUTH|GITHUB_TOKEN|MARKER_KEY)"
)
_URLS = re.compile("(INPUT_)?(DATABASE_URL|CODEC_ENDPOINT)|TEMPORAL_CODEC_ENDPOINT|RECONCILER_EXECUTOR_URL")
_LITERALS = {"true", "false", "null"}  # too common to be replaced
_LAST_PORT = 65_535
_WEB = re.compile(
    r"(?P<scheme>https?://)([^/?#@\s]*@)?(?P<host>[^/?#@:\[\]\s]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5})?)?"
    r"(?P<path>/[^?#@\s]*)?([?#][^@\s]*)?",
    re.IGNORECASE,
)

_held: set[str] = set()
_written: list[str] = []  # every form of the credentials, longest first
_patterns: list[re.Pattern[str]] = []


def hold(*values: str | None) -> None:
    """Register credentials; those too short to be distinguished from ordinary text are ignored."""
    before = len(_held)
    for value in values:
        text = (value or "").strip()
        if len(text) >= _LEAST and text not in _held:
            _held.add(text)
            if text.lower().startswith(("bearer ", "basic ")):
                hold(text.partition(" ")[2])
    if len(_held) > before:
        _compile()


def hold_url(url: str | None) -> None:
    """Register a URL's password, as written and percent-decoded; one that equals the user name is not a secret."""
    found = re.match(r"[^:/]+://([^:@/]*):(.+)@", url or "")
    if found and found[1] != found[2]:
        hold(found[2], urllib.parse.unquote(found[2]))
    query = urllib.parse.parse_qs((url or "").partition("?")[2])
    hold(*query.get("password", []))


def web_address(url: str) -> str | None:
    """Return the parts of an http or https URL that can be printed: scheme, host, port, and path.

    Return None for anything else: in a malformed URL, any part may belong to a password.
    """
    found = _WEB.fullmatch(url)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return None
    port = f":{found['port']}" if found["port"] else ""
    return f"{found['scheme']}{found['host']}{port}{found['path'] or ''}"


def hold_variable(name: str, text: str) -> None:
    """Register the value of a repo-spec variable whose name suggests a secret; if it is JSON, also the values in it."""
    if detection.is_secret(name) and text not in _LITERALS:
        hold(text, *_texts(text))


def _texts(text: str) -> Iterator[str]:
    """Yield the strings and the numbers in JSON text, as written; nothing for other text."""
    try:
        rest = [json.loads(text, parse_int=str, parse_float=str)]
    except (ValueError, RecursionError):
        return
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            rest.extend(value.values() if isinstance(value, dict) else value)


def hold_environment(environ: Mapping[str, str]) -> None:
    """Register the credentials in the environment variables that this program reads."""
    for name, value in environ.items():
        if _NAMES.fullmatch(name):
            hold(value)
        elif name.startswith(VARIABLE):
            hold_variable(name.removeprefix(VARIABLE), value)
        elif _URLS.fullmatch(name):
            hold_url(value)


def forget() -> None:
    """Forget all credentials, as at the start of a process."""
    _held.clear()
    _compile()


def scrub(text: str) -> str:
    """Replace all credentials in a text, whether literal, escaped (JSON, HTML, URL), or in base64, base32, or hex."""
    if any(form in text for form in _written):  # far faster than the pattern, and usually false
        for pattern in _patterns:
            text = pattern.sub(MARK, text)
    return text


def is_in(text: str) -> bool:
    """Return whether a string contains a credential that `scrub` would replace."""
    return scrub(text) != text


def _compile() -> None:
    """Build the patterns, longest form first, because one credential may be part of another."""
    forms = {form for value in _held for form in _forms(value) if len(form) >= _LEAST}
    _written[:] = sorted(forms, key=lambda form: (-len(form), form))
    _patterns[:] = [re.compile("|".join(map(_pattern, _written)))] if _written else []


def _pattern(form: str) -> str:
    text = re.escape(form)
    return text if len(form) >= _LONG else rf"(?<![A-Za-z0-9_]){text}(?![A-Za-z0-9_])"


def _forms(value: str) -> Iterator[str]:
    """Yield the forms in which a credential may occur in text."""
    yield from _escaped(value)
    for line in value.splitlines():  # a multi-line key may be quoted line by line
        if len(line) >= _LONG and not line.startswith("-----"):
            yield line
    if len(value) >= _LONG // 2:
        data = value.encode("utf-8", "replace")
        yield from (data.hex(), data.hex().upper())
        yield from _in_digits(data, base64.b64encode, bits=6)
        yield from (form.replace("+", "-").replace("/", "_") for form in _in_digits(data, base64.b64encode, bits=6))
        for form in _in_digits(data, base64.b32encode, bits=5):
            yield from (form, form.lower())


def _escaped(value: str) -> Iterator[str]:
    """Yield a credential literally and as text formats escape it: JSON, JSON within JSON, HTML, and URLs."""
    yield value
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (text, json.dumps(text)[1:-1])
    for quote in (True, False):
        yield html.escape(value, quote=quote)
    for safe in ("", "/"):
        quoted = urllib.parse.quote(value, safe=safe, errors="replace")
        yield from (quoted, quoted.replace("%", "%25"))
        yield re.sub("%..", lambda found: found[0].lower(), quoted)
    yield urllib.parse.quote_plus(value, errors="replace")


def _in_digits(value: bytes, encode: Callable[[bytes], bytes], *, bits: int) -> Iterator[str]:
    """Yield the digits (`bits` bits each) that depend only on the value, for each possible offset in encoded data."""
    for before in range(bits * 8 // math.gcd(bits, 8) // 8):
        digits = encode(b"\0" * before + value).decode()
        start, end = -(-before * 8 // bits), (before + len(value)) * 8 // bits
        yield digits[start:end]
