"""The live schedules as a JSON document, to plan from later without a server or credentials.

Secrets, and all payloads that a codec encoded, are replaced by digests, which can still be compared. A snapshot of an
encrypted namespace therefore does not reveal what its payloads contain. `schemas/snapshot.schema.json` describes it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from reconciler import errors, json_text, published
from reconciler.documents import plan_json, rejections, schedules, versions
from reconciler.schedule import observed, ownership

_HINT = "create one with reconciler snapshot --out FILE"

FORMAT_VERSION = "1.4"  # minor versions are additive; major versions are breaking


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A target's schedules at one moment, by id, without the conflict tokens that changing them would require."""

    target: observed.Target
    taken_at: datetime.datetime
    live: Mapping[str, observed.Live]
    salt: bytes = dataclasses.field(default=b"", repr=False)


def dumps(snapshot: Snapshot) -> str:
    """Return the document's text, ending with a newline."""
    document = {
        "format_version": FORMAT_VERSION,
        "taken_at": snapshot.taken_at.isoformat(),
        "salt": snapshot.salt.hex(),
        "target": plan_json.target(snapshot.target),
        "schedules": [_schedule(each) for _, each in sorted(snapshot.live.items())],
    }
    return json_text.document(document)


def _schedule(live: observed.Live) -> dict[str, Any]:
    return {
        **schedules.encode(live.schedule, coded=live.coded),
        "coded": live.coded,
        "memo_is_fixed": live.memo_is_fixed,
        "pause": plan_json.pause(live.pause) if live.pause else None,
    }


def loads(text: str, path: str) -> Snapshot:
    """Return the snapshot in a document's text; raises `errors.DocumentError`, with `path`, if it is not valid."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"it is not valid JSON ({error})") from None
    if not isinstance(document, dict):
        raise _refused(path, "it is not a JSON object")
    rejections.check_kind(document, rejections.SNAPSHOT, path, hint=_HINT)
    newer = versions.newer(document.get("format_version"), FORMAT_VERSION)
    if newer:
        raise errors.DocumentError(
            f"{path} is a snapshot {newer}", hint="take the snapshot and plan from it with the same release"
        )
    broken = next(published.violations("snapshot", document), None)
    if broken is not None:
        raise _refused(path, rejections.fault(broken))
    try:
        salt = bytes.fromhex(document.get("salt", ""))
        return Snapshot(
            salt=salt,
            target=read_target(document["target"]),
            taken_at=schedules.moment(document["taken_at"]),
            live={each["id"]: _live(each, salt) for each in document["schedules"]},
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _refused(path, f"a value cannot be read ({error})") from None


def _live(document: Mapping[str, Any], salt: bytes) -> observed.Live:
    return observed.Live(
        schedule=dataclasses.replace(schedules.decode(document), salt=salt),
        token=b"",
        pause=plan_json.read_pause(document.get("pause")),
        coded=document.get("coded", False),
        memo_is_fixed=document.get("memo_is_fixed", False),
    )


def _refused(path: str, what: str) -> errors.DocumentError:
    return errors.DocumentError(f"{path} is not a usable snapshot: {what}", hint=_HINT)


def read_target(document: Mapping[str, Any]) -> observed.Target:
    """Return the target in a document."""
    return observed.Target(
        address=document["address"],
        namespace=document["namespace"],
        prefixes=plan_json.read_prefixes(document) or ownership.DEFAULT_PREFIXES,
        owner=document.get("owner") or "",
    )
