"""What is generated from the program: a JSON Schema, parts of two others, and reference sections of the documentation.

`python -m tools.generation` writes them; a test compares them.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from reconciler import published
from reconciler.repospec import dialects
from reconciler.schedule import fields, kinds, rows
from tools import command_reference

ROOT = pathlib.Path(__file__).parents[1]
REPO_SPEC = ROOT / "schemas/repo-spec.schema.json"
INCLUDED = ROOT / "schemas/included.schema.json"
SNAPSHOT = ROOT / "schemas/snapshot.schema.json"
REFERENCE = ROOT / "docs/spec.md"
COMMANDS = ROOT / "docs/commands.md"
GITHUB = ROOT / "docs/github.md"
ACTION = ROOT / "action.yml"
_ROWS = fields.ROWS
_DEFAULT_PREFIX = "; 'governance:' by default"


def repo_spec(text: str) -> str:
    """Return the repo-spec's schema with the definition of every key, in charters, overrides, and defaults."""
    schema = published.strict(json.loads(text))
    definitions = schema["$defs"]
    for row in _ROWS:
        definitions[row.key] = _nullable(row.declared()) if row.is_inherited else row.declared()
    charter = definitions["charter"]["properties"]["charter"]
    definitions["charter"]["properties"] = {"charter": charter, **_references(_ROWS)}
    definitions["named"] = _renamed(definitions["charter"])
    definitions["override"]["properties"] = _references(_ROWS)
    definitions["defaults"]["properties"] = _references(row for row in _ROWS if row.is_inherited)
    sections = schema["properties"]
    sections[dialects.TEMPORAL.section] = _neutral(sections[dialects.GOVERNANCE.section])
    return _written(_open_to_references(schema))


_WHOLE = {"charter", "charters", "defaults", "environment", "environments", "include", "override", "reference"}
_WHOLE |= {"named", "schedules", "vars"}  # these cannot be replaced by a reference


def _open_to_references(schema: kinds.Schema) -> kinds.Schema:
    """Return the repo-spec's schema with references to variables accepted in place of values."""
    definitions = {
        name: _opened_inside(definition) if name in _WHOLE else _opened(definition)
        for name, definition in schema["$defs"].items()
    }
    sections = {name: _opened_inside(section) for name, section in schema["properties"].items()}
    return {**schema, "properties": sections, "$defs": definitions}


def _opened_inside(schema: kinds.Schema) -> kinds.Schema:
    """Return the schema of an object with references accepted in place of the values of its keys."""
    properties = {
        key: each if key in _WHOLE and "pattern" not in each else _opened(each)
        for key, each in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _opened(schema: kinds.Schema) -> kinds.Schema:
    """Return a value's schema with a reference accepted in its place, and in place of each value in it."""
    if "$ref" in schema:
        return schema
    inside = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            inside[key] = _opened(schema[key])
    if "properties" in schema:
        inside["properties"] = {key: _opened(each) for key, each in schema["properties"].items()}
    types = schema.get("type", [])
    if "enum" not in schema and "pattern" not in schema and (not types or "string" in types):
        return inside
    before, after = ({key: inside.pop(key) for key in keys if key in inside} for keys in _ABOUT)
    return {**before, "anyOf": [published.REFERENCE, inside], **after}


_ABOUT = (("description",), ("default", "examples"))  # keys that are kept, before and after the alternatives


def _renamed(charter: kinds.Schema) -> kinds.Schema:
    """Return the schema of a charter in the neutral spelling."""
    spelt = dialects.TEMPORAL.entry
    named = {**charter, "properties": spelt(charter["properties"]), "examples": list(map(spelt, charter["examples"]))}
    return {**named, "required": list(spelt(dict.fromkeys(charter["required"])))}


def _neutral(section: kinds.Schema) -> kinds.Schema:
    """Return the schema of the section in the neutral spelling, in which the prefix has no default."""
    properties = dict(section["properties"])
    prefix = {**properties["prefix"], "description": properties["prefix"]["description"].replace(_DEFAULT_PREFIX, "")}
    schedules = {**properties[dialects.LIST], "items": {"$ref": "#/$defs/named"}}
    return {
        **section,
        "description": "The same section under a tool-neutral name, for files with any name.",
        "properties": {**properties, "prefix": prefix, dialects.LIST: schedules},
        "required": ["prefix"],
    }


def included(text: str) -> str:
    """Return the schema of a file that a repo-spec includes: the section with only charters."""
    del text  # all of it is generated
    schema = json.loads(repo_spec(REPO_SPEC.read_text(encoding="utf-8")))
    definitions = {key: each for key, each in schema["$defs"].items() if key not in _OF_SECTIONS}
    return _written(
        {
            "$schema": schema["$schema"],
            "title": "Included file",
            "description": "A file that a repo-spec includes: more charters, in the repo-spec's spelling.",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {name: _with_charters_alone(each) for name, each in schema["properties"].items()},
            "additionalProperties": False,
            "$defs": definitions,
            "examples": [{name: {dialects.LIST: []}} for name in schema["properties"]],
        }
    )


_OF_SECTIONS = ("defaults", "environment", "override")  # definitions that no charter refers to


def _with_charters_alone(section: kinds.Schema) -> kinds.Schema:
    return {
        "description": section["description"],
        "type": "object",
        "properties": {dialects.LIST: section["properties"][dialects.LIST]},
        "required": [dialects.LIST],
        "additionalProperties": False,
    }


def _references(table: Iterable[rows.Row]) -> kinds.Schema:
    return {row.key: {"$ref": f"#/$defs/{row.key}"} for row in table}


def _nullable(schema: kinds.Schema) -> kinds.Schema:
    """Return the schema of a key that a null resets."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"]}


def snapshot(text: str) -> str:
    """Return the snapshot's schema with every value of a schedule. An older document may lack later additions."""
    schema = json.loads(text)
    whole = schema["$defs"]["schedule"]["properties"]
    for row in _ROWS:
        for path, stored in row.stored().items():
            group = whole[path[0]]["properties"] if len(path) > 1 else whole
            group[path[-1]] = stored
    return _written(schema)


def reference(text: str) -> str:
    """Return the document with the table of all keys."""
    lines = ["| key | meaning | default |", "|---|---|---|"]
    for row in _ROWS:
        schema = row.declared()
        inherited = "" if row.is_inherited else " Not in `defaults`."
        lines.append(f"| `{row.key}` | {_text(schema)}{inherited} | {_default(schema)} |")
        parts: Mapping[str, kinds.Schema] = schema.get("properties", {})
        lines += [f"| `{row.key}.{name}` | {_text(part)} | |" for name, part in parts.items()]
    return _filled(text, "the table of fields", lines)


def commands(text: str) -> str:
    """Return the document with the reference of all commands and options."""
    return _filled(text, "the command line", command_reference.lines())


def action(text: str) -> str:
    """Return the document with the tables of the Action's inputs and outputs."""
    declared = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    inputs = ["| input | | default |", "|---|---|---|"]
    for name, about in declared["inputs"].items():
        default = about.get("default", "")
        shown = f"`{default}`" if default else ""
        inputs.append(f"| `{name}` | {_cell(about['description'])} | {shown} |")
    outputs = ["| output | |", "|---|---|"]
    outputs += [f"| `{name}` | {_cell(about['description'])} |" for name, about in declared["outputs"].items()]
    return _filled(_filled(text, "the inputs of action.yml", inputs), "the outputs of action.yml", outputs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _filled(text: str, source: str, lines: Sequence[str]) -> str:
    """Return the document with new lines in the part generated from `source`."""
    begin, end = f"<!-- generated from {source} -->\n", "<!-- end -->\n"
    before, found, rest = text.partition(begin)
    if not found:
        raise ValueError(f"the document has no line {begin}")
    _, _, after = rest.partition(end)
    return before + begin + "\n".join(lines) + "\n" + end + after


def _text(schema: kinds.Schema) -> str:
    choices = [f"`{each}`" for each in schema.get("enum", ())]
    example = next(iter(schema.get("examples", ())), None)
    parts = [
        schema["description"],
        f"One of {', '.join(choices)}." if choices else "",
        f"For example `{_shown(example)}`." if example is not None else "",
    ]
    return " ".join(filter(None, parts)).replace("|", "\\|")


def _default(schema: kinds.Schema) -> str:
    return f"`{_shown(schema['default'])}`" if "default" in schema else ""


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _written(schema: kinds.Schema) -> str:
    return _pretty(schema, "", 0) + "\n"


def _pretty(value: Any, indent: str, before: int) -> str:
    """Return JSON in which a list or an object is on one line if it fits after `before` characters."""
    line = _line(value)
    if len(indent) + before + len(line) < _WIDTH or not isinstance(value, dict | list):
        return line
    deeper = indent + "  "
    if isinstance(value, list):
        items = [deeper + _pretty(each, deeper, 0) for each in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    names = ((f"{json.dumps(name)}: ", each) for name, each in value.items())
    entries = [deeper + name + _pretty(each, deeper, len(name)) for name, each in names]
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def _line(value: Any) -> str:
    match value:
        case dict() if value:
            return "{ " + ", ".join(f"{json.dumps(name)}: {_line(each)}" for name, each in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_line, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


_WIDTH = 120


GENERATED = {
    REPO_SPEC: repo_spec,
    INCLUDED: included,
    SNAPSHOT: snapshot,
    REFERENCE: reference,
    COMMANDS: commands,
    GITHUB: action,
}
"""The files, each with the function that returns its new text from its current one."""


def main() -> None:
    """Write all files."""
    for path, generate in GENERATED.items():
        path.write_text(generate(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
