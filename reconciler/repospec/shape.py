"""Report violations of the published schema as problems with a position and a hint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler import published, spelling
from reconciler.repospec import dialects, problems, values
from reconciler.schedule import declarations, paths

_KINDS = {  # without null, which can only reset an inherited value
    "string": "text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
}


_DURATION = re.compile(r"\d+[smhd]")
# examples that are times, time zones, or crons: a number does not become one of these when it is quoted
_TIME = re.compile(r"\d{4}-|UTC|[A-Z][a-z]+/[A-Z]|[\d*/,-]+( \S+){4}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_FLAGS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


def check(document: values.Document) -> Iterator[problems.Problem]:
    """Yield a problem for every violation of the repo-spec schema."""
    seen: set[problems.Problem] = set()
    for value in (document.value, *_inherited(document)):
        for violation in published.violations("repo-spec", document.dialect.written(value)):
            for problem in _problems(violation, document):
                if problem not in seen:
                    seen.add(problem)
                    yield problem


def _inherited(document: values.Document) -> Iterator[Any]:
    """Yield the document's value as each charter inherits it, if the charters inherit different strings."""
    for index in document.identities:
        value: Any = values.of_charter(document, index).value
        (name, section), *_ = value.items()
        environments = section.get("environments")
        others = {
            key: {"defaults": each["defaults"]}
            for key, each in (environments.items() if isinstance(environments, dict) else ())
            if isinstance(each, dict) and "defaults" in each
        }
        yield {name: {**section, "environments": others, "schedules": []}}


def _problems(violation: published.Violation, document: values.Document) -> Iterator[problems.Problem]:
    at = violation.path
    place = document.places[document.dialect.path(at)]
    match violation.keyword:
        case "additionalProperties":
            known = list(violation.schema["properties"])
            for key in (key for key in violation.got if key not in known):
                where = document.keys[document.dialect.path((*at, key))]
                owner = _owner(at, document)
                yield _misplaced_key(key, where, at, owner) or unknown_key(key, where, known, owner)
        case "required":
            for key in violation.wanted:
                if key not in violation.got:
                    yield _missing(violation, key, key, _owner(at, document), place)
        case "anyOf":
            keys = [branch["required"][0] for branch in violation.wanted]
            names = f"{', '.join(keys[:-1])}{',' if len(keys) > 2 else ''} or {keys[-1]}"
            yield _missing(violation, keys[0], names, _owner(at, document), place)
        case _:
            name = repr(at[-1]) if at and isinstance(at[-1], str) else _owner(at, document)
            message, hint = _sentence(violation, name)
            if isinstance(violation.got, str) and violation.keyword == "pattern":
                key = document.keys.get(document.dialect.path((*at, violation.got)))  # None if `got` is a value
                place = key or place
            yield problems.Problem(place=place, message=message, hint=hint)


def _missing(
    violation: published.Violation, key: str, keys: str, owner: str, place: declarations.Place
) -> problems.Problem:
    known = violation.schema.get("properties", {}).get(key, {"$ref": f"#/$defs/{key}"})
    described = published.resolved("repo-spec", known)
    meaning = _first_sentence(described)
    hint = _HINTS.get(keys, "add {keys}: {meaning}").format(keys=keys, meaning=meaning)
    return problems.Problem(place=place, message=f"{owner} has no {key!r}", hint=hint)


_HINTS = {  # for missing keys that can be replaced with something else
    "entrypoint or args": "add entrypoint: {meaning}; or add args, where [] calls a workflow without arguments",
    "prefix": "add prefix: {meaning}; if another spec includes this file, validate that spec instead",
}
_SYNONYMS = {  # names from other tools that are not similar to ours
    "tz": "timezone",
    "schedule": "cron",
    "phase": "offset",
    "interval": "every",
    "queue": "task_queue",
    "concurrency_policy": "overlap",
    "concurrencyPolicy": "overlap",
    "suspend": "paused",
    "disabled": "paused",
    "skip": "exclude",
    "startingDeadlineSeconds": "catchup_window",
    "max_attempts": "maximum_attempts",
}


def unknown_key(key: str, place: declarations.Place, known: list[str], owner: str) -> problems.Problem:
    """Return the problem for an unknown key, suggesting the most similar known one."""
    near = _SYNONYMS[key] if _SYNONYMS.get(key) in known else spelling.nearest(key, known)
    if key == "enabled" and "paused" in known:
        return problems.Problem(
            place=place, message=f"unknown key {key!r} in {owner}", hint="use 'paused' instead, with the opposite value"
        )
    hint = f"did you mean {near!r}?" if near else f"valid keys: {', '.join(known)}"
    return problems.Problem(place=place, message=f"unknown key {key!r} in {owner}", hint=hint)


def _misplaced_key(key: str, place: declarations.Place, at: values.Path, owner: str) -> problems.Problem | None:
    """Return the problem for a key that is valid, but not in the object at this path; None for any other key."""
    wanted = next((where for part, where in _places(at) if key in published.known_keys("repo-spec", *part)), None)
    if wanted is None:
        return None
    return problems.Problem(
        place=place, message=f"key {key!r} is not allowed in {owner}", hint=f"declare it in {wanted}"
    )


def _places(at: values.Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where else a key in the object at this path may belong: a part of the schema, and its name in a hint."""
    section = str(at[0]) if at else ""
    match at[1:]:
        case ("defaults",) | ("environments", _, "defaults"):
            yield ("$defs", _charter(section)), "each charter"
        case ("environments", _):
            yield ("$defs", "defaults"), "'defaults' or 'charters' of the environment"
            yield ("$defs", "override"), "'charters' of the environment"
        case ("environments", _, "charters", _):
            yield ("$defs", _charter(section)), "the charter itself"
        case (dialects.LIST, int()):
            pass
        case _:
            return
    yield ("properties", section), f"the {section} section"


def _charter(section: str) -> str:
    """Return the name of the schema's definition of a charter."""
    return "named" if section == dialects.TEMPORAL.section else "charter"


def _owner(at: values.Path, document: values.Document) -> str:
    match at:
        case (str(), dialects.LIST, int(index)):
            return f"charter {document.ordinal(index)}"
        case (str(), dialects.LIST, int(index), *inside):
            return f"{paths.render(inside)} of charter {document.ordinal(index)}"
        case ():
            return "the repo-spec"
        case _:
            return paths.render(at)


def _first_sentence(schema: dict[str, Any]) -> str:
    """Return the first sentence of a key's description, to follow a colon."""
    text = schema["description"].partition(". ")[0].rstrip(".")
    return str(text[:1].lower() + text[1:])


def _sentence(violation: published.Violation, name: str) -> tuple[str, str]:
    wanted, got, schema = violation.wanted, violation.got, violation.schema
    match violation.keyword:
        case "type":
            kinds = " or ".join(
                _KINDS[each] for each in ([wanted] if isinstance(wanted, str) else wanted) if each in _KINDS
            )
            return f"{name} must be {kinds}, not {_kind(got)}", _retyped(wanted, got, schema)
        case "enum":
            wanted = [str(each) for each in wanted if each is not None]
            near = spelling.nearest(str(got), wanted)
            choices = ", ".join(wanted)
            return f"{name} is {_short(got)}, not one of {choices}", f"did you mean {near!r}?" if near else ""
        case "pattern":
            return f"{name} {_short(got)} {schema.get('patternErrorMessage', 'is malformed')}", _example(schema)
        case "minLength" | "minItems" | "minProperties":
            return f"{name} is empty", _example(schema)
        case "maxLength":
            return f"{name} is longer than {wanted} characters", "shorten it"
        case "maxItems":
            return f"{name} has more than {wanted} entries", "remove some"
        case "minimum":
            return f"{name} is {_short(got)}, but must be at least {wanted}", _example(schema)
        case "maximum":
            return f"{name} is {_short(got)}, but must be at most {wanted}", _example(schema)
        case other:
            return f"{name} does not satisfy {other}: {wanted}", _example(schema)


def _retyped(wanted: str | Sequence[str], got: object, schema: dict[str, Any]) -> str:
    """Return a hint for a value of the wrong type, based on the key's examples."""
    example = next(iter(schema.get("examples", ())), None)
    match got:
        case bool() | int() | float() if "string" in wanted:
            text = example if isinstance(example, str) else ""
            if _DURATION.fullmatch(text) and not isinstance(got, bool) and got >= 0:
                return f"add a unit, for example {got}s"
            return _example(schema) if _DURATION.fullmatch(text) or _TIME.match(text) else "quote it"
        case str() if "boolean" in wanted and got.lower() in _FLAGS:
            return f"write {_FLAGS[got.lower()]}, without quotes"
        case str() if not {"integer", "number"}.isdisjoint([wanted] if isinstance(wanted, str) else wanted):
            return "write it without quotes" if _NUMBER.fullmatch(got) else _example(schema)
        case str() | dict() if "array" in wanted and _entries(schema).get("type") == _TYPES[type(got)]:
            return "put it in a list: begin each entry with '- '"
        case _:
            return _example(schema)


_TYPES = {str: "string", dict: "object"}


def _entries(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list's entries; empty for other types."""
    return published.resolved("repo-spec", schema.get("items", {}))


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + '…"'


def _example(schema: dict[str, Any]) -> str:
    examples = schema.get("examples") or [[each] for each in _entries(schema).get("examples", ())]
    return f"for example {json.dumps(examples[0], ensure_ascii=False)}" if examples else ""
