"""Repo-specs, saved plans and snapshots that are nearly right: what is valid, and then mutated."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import pathlib
import random
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import yaml

from reconciler.documents import saved, snapshots
from reconciler.plan import build, plans
from reconciler.repospec import dialects, loader, nodes, values
from reconciler.schedule import declarations, model, observed
from tests.fuzz import mutations

Kind: TypeAlias = Literal["spec", "plan", "snapshot"]

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
TARGET = observed.Target(address="localhost:7233", namespace="default")
ROOT = pathlib.Path(__file__).parents[2]
_STAGING = declarations.Choice(environment="staging")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file's bytes and what is chosen beside it."""

    data: bytes
    choice: declarations.Choice = dataclasses.field(default_factory=declarations.Choice)


def draw(kind: Kind, seed: str) -> Case:
    """Return the case of a seed."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    if kind == "spec":
        return Case(data=_spec(choose), choice=_choice(choose))
    corpus = saved_plans() if kind == "plan" else live_documents()
    text = choose.choice(corpus)
    if choose.random() < 0.4:
        return Case(data=mutations.mangled(text.encode(), choose, [each.encode() for each in corpus]))
    document = mutations.twisted(json.loads(text), choose, [json.loads(choose.choice(corpus))])
    if isinstance(document, dict) and kind == "plan" and choose.random() < 0.95:
        document["checksum"] = checksum(document)
    return Case(data=json.dumps(document, ensure_ascii=choose.random() < 0.8).encode(errors="surrogatepass"))


def checksum(document: Mapping[str, Any]) -> str:
    """Return what a saved plan's checksum is to be, so that what lies behind it is reached."""
    covered = {key: value for key, value in document.items() if key != "checksum"}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _choice(choose: random.Random) -> declarations.Choice:
    return declarations.Choice(
        environment=choose.choice((None, None, "staging", "staging", "preview", "", "absent\n")),
        prefixes=choose.choice((None, None, ("governance:",), ("acme:", "b:"), ("\ud800 `x`",))),
        owner=choose.choice((None, None, "acme/app", "other\x1b")),
        repository=choose.choice((None, "acme/app")),
        keep_manual_pauses=choose.random() < 0.3,
        adopt=choose.random() < 0.3,
    )


def _spec(choose: random.Random) -> bytes:
    corpus = specs()
    text = choose.choice(corpus)
    if choose.random() < 0.4:
        return mutations.mangled(text.encode(), choose, [each.encode() for each in corpus])
    twisted = mutations.twisted(_meaning(text), choose, [_meaning(choose.choice(corpus))])
    return _written(twisted, choose)


def _written(document: Any, choose: random.Random) -> bytes:
    """Return the document as YAML, in one of the ways in which that can be written."""
    if choose.random() < 0.6:
        return json.dumps(document, ensure_ascii=choose.random() < 0.7, default=str).encode(errors="surrogatepass")
    try:
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, default_flow_style=choose.choice((None, True, False)))
    except (ValueError, RecursionError):  # half a surrogate pair, numbers too long for a text, and what is too deep
        return json.dumps(document, default=str).encode()
    return text.encode(errors="surrogatepass")


@functools.cache
def specs() -> tuple[str, ...]:
    """Return valid repo-specs that say everything between them."""
    places = (pathlib.Path(__file__).parent / "corpus", ROOT / "tests/golden/cases", ROOT / ".cogni")
    files = sorted(path for place in places for path in place.rglob("*.yaml"))
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))]
    documented = re.findall(r"^```yaml\n(.*?)^```", "\n".join(pages), re.DOTALL | re.MULTILINE)
    rich = [path.read_text(encoding="utf-8") for path in files[:2] * 3]  # the richest ones more often
    return (*rich, *(path.read_text(encoding="utf-8") for path in files[2:]), *documented)


@functools.cache
def _meaning(text: str) -> Any:
    """Return what a spec says, as plain values; other tools' sections left out."""
    root = nodes.compose(text, "spec.yaml")
    assert isinstance(root, nodes.Mapping)
    for name, _, value in values.pairs(root, []):
        if name in dialects.SECTIONS:
            return {name: values.evaluate(value).value}
    return {"schema_version": "0.1.4"}


@functools.cache
def parsed_specs() -> tuple[declarations.Declaration, ...]:
    """Return what the corpus declares, with and without its environments, but for what consists of several files."""
    alone = [text for text in specs() if "include:" not in text and not _is_included(text)]
    chosen = [(text, declarations.Choice()) for text in alone if "${environment}" not in text] + [
        (text, _STAGING) for text in alone if "staging:" in text
    ]
    return tuple(loader.parse(text, "spec.yaml", choice) for text, choice in chosen)


def _is_included(text: str) -> bool:
    """Return whether it is a file to include: `temporal` has a prefix in each other one."""
    return "temporal:" in text and "prefix:" not in text


def live_like(declaration: declarations.Declaration) -> dict[str, observed.Live]:
    """Return schedules as a server may hold them: of the declared ones every second is quite another, and one more."""
    found = [charter.schedule for charter in declaration.charters]
    foreign = _foreign()
    live = {
        each.id: dataclasses.replace(foreign[number % len(foreign)], id=each.id) if number % 2 else each
        for number, each in enumerate(found)
    }
    more = dataclasses.replace(foreign[0], id=f"{declaration.prefixes[0]}removed")
    return {
        each.id: observed.Live(schedule=each, token=b"1", created_at=number, pause=_PAUSE if each.paused else None)
        for number, each in enumerate([*live.values(), more])
    }


_PAUSE = observed.Pause(by="4711@laptop", at=NOW)


@functools.cache
def _foreign() -> tuple[model.Schedule, ...]:
    """Return schedules with much in them, some paused by hand, some of another owner."""
    declared = [charter.schedule for declaration in parsed_specs() for charter in declaration.charters]
    return tuple(
        dataclasses.replace(each, paused=number % 3 == 1, note="too\nnoisy", owner="other" if number % 5 == 4 else None)
        for number, each in enumerate(declared)
    )


@functools.cache
def saved_plans() -> tuple[str, ...]:
    """Return the texts of saved plans: of every verb, of snapshots, and one that was applied."""
    found = []
    for number, declaration in enumerate(parsed_specs()):
        live: dict[str, observed.Live] = live_like(declaration) if number % 3 else {}
        target = dataclasses.replace(TARGET, prefixes=declaration.prefixes)
        plan = dataclasses.replace(build.plan(declaration, live, target), as_of=NOW if number % 4 == 1 else None)
        document = saved.Saved(
            plan=plan,
            planned_at=NOW,
            spec_sha256="0" * 64,
            choice=declarations.Choice(environment=declaration.environment, owner=declaration.owner or None),
            applied_at=NOW if number % 7 == 5 else None,
        )
        found.append(saved.dumps(document))
    return tuple(found)


@functools.cache
def reviewed() -> plans.Plan:
    """Return a plan that saved ones are compared with."""
    declaration = parsed_specs()[0]
    return build.plan(declaration, live_like(declaration), dataclasses.replace(TARGET, prefixes=declaration.prefixes))


@functools.cache
def live_documents() -> tuple[str, ...]:
    """Return the texts of snapshots, one for each declaration."""
    return tuple(
        snapshots.dumps(
            snapshots.Snapshot(
                target=dataclasses.replace(TARGET, prefixes=declaration.prefixes, owner=declaration.owner),
                taken_at=NOW,
                live=live_like(declaration),
            )
        )
        for declaration in parsed_specs()
    )
