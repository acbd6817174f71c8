"""A plan in a file, to be applied later exactly as it was reviewed.

It is the plan document plus what an apply needs: each schedule before and after, conflict tokens, the spec's checksum,
and the options, with a checksum of everything. Secrets and the values of encrypted payloads are replaced by digests.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import errors, json_text, published
from reconciler.documents import plan_json, rejections, schedules, snapshots, versions
from reconciler.plan import plans
from reconciler.schedule import declarations, observed
from reconciler.timing import durations

_HINT = "plan again with --out"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A saved plan; `applied_at` is set once an apply of the plan has started.

    `spec_sha256` covers the spec's bytes and those of the files that it includes. `files` has the checksum of each, by
    its path relative to the spec's directory; it is empty for a spec that does not include any files.
    """

    plan: plans.Plan
    planned_at: datetime.datetime
    spec_sha256: str
    choice: declarations.Choice
    applied_at: datetime.datetime | None = None
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)


def dumps(saved: Saved) -> str:
    """Return the document's text, ending with a newline."""
    return json_text.document(encode(saved))


def encode(saved: Saved) -> dict[str, Any]:
    """Return the document."""
    document = plan_json.encode(saved.plan, saved.planned_at)
    document["saved"] = {
        "planned_at": saved.planned_at.isoformat(),
        "spec_sha256": saved.spec_sha256,
        **({"files": dict(saved.files)} if saved.files else {}),
        "salt": saved.plan.salt.hex(),
        "governed": saved.plan.governed,
        "choice": _choice(saved.choice),
        **({"variables": dict(saved.plan.variables)} if saved.plan.variables else {}),
        "schedules": [_sides(change) for change in saved.plan.schedules],
    }
    document["applied_at"] = saved.applied_at.isoformat() if saved.applied_at else None
    document["checksum"] = checksum(document)
    return document


def loads(text: str, path: str) -> Saved:
    """Return the plan in a document's text; raises `errors.DocumentError`, which mentions `path`, if it is invalid."""
    return read(parsed(text, path), path)


def read(document: Mapping[str, Any], path: str) -> Saved:
    """Return the plan in a document; raises as `loads` does."""
    version = document.get("format_version")
    newer = versions.newer(version, plan_json.FORMAT_VERSION)
    if newer:
        raise errors.DocumentError(
            f"{path} is a plan {newer}", hint="apply it with the release that created it, or plan again"
        )
    if version is None:
        raise refused(path, "it has no 'format_version'")
    if not isinstance(version, str) or version.partition(".")[0] != plan_json.FORMAT_VERSION.partition(".")[0]:
        raise refused(path, f"its format version is {version!r}, but this version supports {plan_json.FORMAT_VERSION}")
    check_checksum(document, path)
    broken = next(published.violations("plan", document), None)
    if broken is not None:
        raise refused(path, rejections.fault(broken))
    if "saved" not in document:
        raise refused(path, "it has no 'saved'")
    for side in _all_sides(document):
        if next(published.violations("snapshot", side, "schedule"), None):
            raise refused(path, "a schedule in it does not match the schema")
    try:
        return _saved(document)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise refused(path, f"a value cannot be read ({error})") from None


def _choice(choice: declarations.Choice) -> dict[str, Any]:
    """Return the document for the options, without the values of variables, which the plan stores as digests."""
    names = (field.name for field in dataclasses.fields(choice) if field.name not in ("variables", "prefixes"))
    options = {name: getattr(choice, name) for name in names}
    if choice.refresh is None:
        del options["refresh"]
    if choice.max_age is None:
        del options["max_age"]
    else:
        options["max_age"] = durations.render(choice.max_age)
    return {"environment": options.pop("environment"), **plan_json.prefixes(choice.prefixes), **options}


def _all_sides(document: Mapping[str, Any]) -> Iterator[Any]:
    for sides in document["saved"]["schedules"]:
        yield sides["after"]
        if sides["before"] is not None:
            yield sides["before"]


def parsed(text: str, path: str) -> dict[str, Any]:
    """Return the JSON object in a document's text; raises `errors.DocumentError`, with `path`, for other text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise refused(path, "it is not valid JSON, or it is truncated") from None
    if not isinstance(document, dict):
        raise refused(path, "it is not a JSON object")
    rejections.check_kind(document, rejections.PLAN, path, hint=_HINT)
    return document


def refused(path: str, what: str) -> errors.DocumentError:
    """Return the error for a file that cannot be used, with the reason."""
    return errors.DocumentError(f"{path} is not a usable plan: {what}", hint=_HINT)


def check_checksum(document: Mapping[str, Any], path: str) -> None:
    """Raise `errors.DocumentError` for a document that was not saved, or that was changed since."""
    if "checksum" not in document:
        raise refused(path, "it has no 'checksum', which only plan --out writes")
    if document["checksum"] != checksum(document):
        raise refused(path, "its checksum does not match: it was truncated or edited")


def checksum(document: Mapping[str, Any]) -> str:
    """Return the checksum of everything in the document except itself."""
    covered = {key: value for key, value in document.items() if key != "checksum"}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _read_choice(document: Mapping[str, Any]) -> declarations.Choice:
    options = {name: value for name, value in document.items() if name not in ("prefix", "prefixes")}
    options["only"] = tuple(options.get("only", ()))
    if "max_age" in options:
        options["max_age"] = durations.parse(options["max_age"])
    return declarations.Choice(prefixes=plan_json.read_prefixes(document), **options)


def _sides(change: plans.Change) -> dict[str, Any]:
    live = change.live
    return {
        "id": change.id,
        "after": schedules.encode(change.after, coded=live.coded if live else False),
        "before": schedules.encode(live.schedule, coded=live.coded) if live else None,
        "coded": live.coded if live else False,
        "token": base64.b64encode(live.token).decode() if live else None,
        "created_at": live.created_at if live else None,
    }


def _saved(document: Mapping[str, Any]) -> Saved:
    saved = document["saved"]
    sides = {each["id"]: each for each in saved["schedules"]}
    as_of = document["as_of"]
    plan = plans.Plan(
        target=snapshots.read_target(document["target"]),
        spec_path=document["spec"],
        governed=saved["governed"],
        salt=bytes.fromhex(saved.get("salt", "")),
        environment=document["environment"],
        digest=document["digest"],
        as_of=schedules.moment(as_of) if as_of else None,
        adopts=saved["choice"].get("adopt", False),
        only=tuple(document.get("only", ())),
        refresh=document.get("refresh"),
        variables=saved.get("variables", {}),
        disabled=document.get("disabled", ""),
        changes=tuple(_change(each, sides) for each in document["changes"]),
    )
    applied_at = document.get("applied_at")
    return Saved(
        plan=plan,
        planned_at=schedules.moment(saved["planned_at"]),
        spec_sha256=saved["spec_sha256"],
        choice=_read_choice(saved["choice"]),
        applied_at=schedules.moment(applied_at) if applied_at else None,
        files=saved.get("files", {}),
    )


def _change(document: Mapping[str, Any], schedules_: Mapping[str, Any]) -> plans.Change:
    sides, origin = schedules_[document["id"]], document.get("origin")
    return plans.Change(
        verb=plans.Verb[document["verb"].upper()],
        reason=plans.Reason[document["reason"].upper()],
        after=schedules.decode(sides["after"]),
        live=_live(document, sides) if sides["before"] else None,
        charter=document["charter"],
        place=_place(document["place"]),
        fields=tuple(map(_field, document["fields"])),
        ignored=tuple(map(_field, document.get("ignored", ()))),
        unchangeable=tuple(map(_field, document.get("unchangeable", ()))),
        overrides={key: declarations.Place(**place) for key, place in document["overrides"].items()},
        renamed_from=document["renamed_from"],
        origin_pause=plan_json.read_pause(document["origin_pause"]),
        origin=_change(origin, schedules_) if origin else None,
    )


def _field(field: Mapping[str, Any]) -> plans.FieldChange:
    return plans.FieldChange(path=field["path"], old=field.get("old", plans.ABSENT), new=field.get("new", plans.ABSENT))


def _live(document: Mapping[str, Any], sides: Mapping[str, Any]) -> observed.Live:
    return observed.Live(
        schedule=schedules.decode(sides["before"]),
        token=base64.b64decode(sides["token"], validate=True),
        created_at=sides["created_at"],
        pause=plan_json.read_pause(document["pause"]),
        coded=sides.get("coded", False),
        assumed=document["reason"] == plans.Reason.LISTED.name.lower(),
    )


def _place(document: Mapping[str, Any] | None) -> declarations.Place | None:
    return declarations.Place(**document) if document else None
