"""The IDs that identify a request in the log: X-Request-Id, and traceparent from W3C Trace Context."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}", re.ASCII)
_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return response headers: `X-Request-Id` (the request's if valid, else a new one) and any valid `traceparent`.

    The request's header names must be in lowercase, as in ASGI.
    """
    request_id = trace = ""
    for name, value in headers:
        if name == b"x-request-id":
            request_id = value.decode("latin-1")
        elif name == b"traceparent":
            trace = value.decode("latin-1")
    ids = {"X-Request-Id": request_id if _ID.fullmatch(request_id) else secrets.token_hex(16)}
    return ids | {"traceparent": trace} if trace and _TRACE.fullmatch(trace) else ids
