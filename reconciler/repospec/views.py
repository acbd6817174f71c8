"""A section as each environment sees it, with the references in its values expanded.

References are expanded in the values of the section's own keys, of charters, and of defaults; never in the names of
keys, in other tools' keys, or in place of a list of charters, a charter, defaults, or environments.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from reconciler import errors, published, spelling
from reconciler.repospec import problems, references, rules, values, variables
from reconciler.schedule import declarations, ownership

_STRUCTURE = {"defaults", "environments", "include", "schedules", rules.VARIABLES}
_ID, _NAME = values.Own.ID, values.Own.CHARTER
_INHERITED: variables.Scope = {_ID: _ID, _NAME: _NAME}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A section as seen in one environment, or without one; the keys of other environments are removed.

    `unset` has the positions of strings without a value, which are left unchanged.
    """

    environment: str | None
    document: values.Document
    unset: frozenset[declarations.Place] = frozenset()

    def without_unset(self, found: Iterable[problems.Problem]) -> list[problems.Problem]:
        """Return the problems, except those at positions in `unset`."""
        return [problem for problem in found if problem.place not in self.unset]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """A section as seen in the selected environment (`chosen`) and in every other one (`others`).

    If the section has no references, there is only one view. `variables` are the values from outside, as JSON; `unused`
    has the positions of variables that are never used.
    """

    chosen: View
    others: tuple[View, ...] = ()
    problems: tuple[problems.Problem, ...] = ()
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    unused: Mapping[str, declarations.Place] = dataclasses.field(default_factory=dict)

    @property
    def all(self) -> tuple[View, ...]:
        """Return all views."""
        return (self.chosen, *self.others)

    def by_environment(self) -> dict[str | None, values.Document]:
        """Return the documents by environment, omitting those that refer to unset variables."""
        if not self.others:
            names = rules.value_at(self.chosen.document, rules.ENVIRONMENTS)
            return dict.fromkeys([None, *(names if isinstance(names, dict) else ())], self.chosen.document)
        return {view.environment: view.document for view in self.all if not view.unset}


def of(document: values.Document, choice: declarations.Choice) -> Views:
    """Return the views of a section; `errors.UsageError` for a variable from outside that it does not declare."""
    section = rules.value_at(document, rules.SECTION)
    names = _names(document)
    declared = _declared(document, names)
    refuse_unknown(choice, declared)
    if not isinstance(section, dict) or not any(references.texts(_expandable(section))):
        return Views(
            chosen=View(environment=choice.environment, document=document),
            problems=_built_in(declared),
            unused=_unused(document, names),
        )
    others = [environment for environment in (None, *names) if environment != choice.environment]
    builders = [
        _Builder(document, each, choice, strict=each == choice.environment) for each in (choice.environment, *others)
    ]
    chosen, *rest = [builder.view(section) for builder in builders]
    found = [*_built_in(declared), *(problem for builder in builders for problem in builder.problems())]
    unused = _unused(document, names)
    outside = builders[0].variables.outside()
    return Views(
        chosen=chosen,
        others=tuple(rest),
        problems=tuple(dict.fromkeys(found)),
        variables={name: value for name, value in outside.items() if name not in unused},
        unused=unused,
    )


def refuse_unknown(choice: declarations.Choice, declared: Collection[str]) -> None:
    """Raise `errors.UsageError` for a variable from outside that a spec does not declare and that is not optional."""
    for variable in choice.variables:
        if not variable.optional and variable.name not in declared:
            near = spelling.nearest(variable.name, declared)
            listed = f"declared variables: {', '.join(sorted(declared))}"
            known = listed if declared else f"declare it in {rules.VARIABLES}"
            raise errors.UsageError(
                f"{variable.source}: the repo-spec declares no variable {variable.name!r}",
                hint=f"use a declared variable, such as {near!r}" if near else known,
            )


def _names(document: values.Document) -> list[str]:
    environments = rules.value_at(document, rules.ENVIRONMENTS)
    return list(environments) if isinstance(environments, dict) else []


def _declared(document: values.Document, names: Iterable[str]) -> dict[str, declarations.Place]:
    """Return the position of the first declaration of each variable."""
    layers: list[values.Path] = [rules.SECTION, *((*rules.ENVIRONMENTS, name) for name in names)]
    found: dict[str, declarations.Place] = {}
    for layer in layers:
        declared = rules.value_at(document, (*layer, rules.VARIABLES))
        for name in declared if isinstance(declared, dict) else ():
            found.setdefault(name, document.keys[(*layer, rules.VARIABLES, name)])
    return found


def _built_in(declared: Mapping[str, declarations.Place]) -> tuple[problems.Problem, ...]:
    """Return a problem for each declared variable that has the name of a built-in one."""
    return tuple(
        problems.Problem(
            place=place,
            message=f"variable {name!r} is built in",
            hint=f"choose a name other than {', '.join(variables.BUILT_IN)}",
        )
        for name, place in declared.items()
        if name in variables.BUILT_IN
    )


def _unused(document: values.Document, names: Iterable[str]) -> dict[str, declarations.Place]:
    section = rules.value_at(document, rules.SECTION)
    used = set(references.names(_expandable(section))) if isinstance(section, dict) else set()
    return {name: place for name, place in _declared(document, names).items() if name not in used}


def _expandable(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of our keys in a section whose values can contain references."""
    return {key: value for key, value in section.items() if key in (*_own_keys(), *_STRUCTURE) and key != "include"}


@functools.cache
def _own_keys() -> frozenset[str]:
    return frozenset(published.known_keys("repo-spec", "properties", "governance")) - _STRUCTURE


class _Builder:
    """Builds the view of one environment; only a `strict` one reports a problem for each missing value."""

    def __init__(
        self, document: values.Document, environment: str | None, choice: declarations.Choice, *, strict: bool
    ) -> None:
        self._document = dataclasses.replace(
            document, places=document.places.copy(), keys=document.keys.copy(), scalars=document.scalars.copy()
        )
        self._environment = environment
        self._choice = choice
        self._strict = strict
        self._budget = variables.Budget()
        self.variables = variables.Variables(
            variables.declared(document, environment),
            environment,
            {variable.name: variable for variable in choice.variables},
            self._budget,
            strict=strict,
        )
        self._missing: set[str] = set()
        self._unset: set[declarations.Place] = set()
        self._templates: dict[values.Path, values.Template] = {}
        self._identities: dict[int, values.Identity] = {}

    def problems(self) -> list[problems.Problem]:
        """Return the problems with the references and the variables."""
        missing = map(self.variables.missing, sorted(self._missing)) if self._strict else ()
        return [*self.variables.problems, *missing]

    def view(self, section: Mapping[str, Any]) -> View:
        """Return the section as it applies to the environment."""
        self.variables.check()
        keys = _own_keys()
        built = {
            key: self._expanded(value, (*rules.SECTION, key), {}) if key in keys else value
            for key, value in section.items()
        }
        environments = section.get("environments")
        environment = _object(_object(environments).get(self._environment or ""))
        listed = section.get("schedules")
        if isinstance(listed, list):
            prefixes = self._choice.prefixes or ownership.declared(built.get("prefix"))
            overrides: dict[str, tuple[str, dict[str, Any]]] = {}
            for name, each in _object(environment.get("charters")).items():
                overrides.setdefault(name.lower(), (name, _object(each)))
            built["schedules"] = [
                self._charter(each, index, prefixes[0], overrides) if isinstance(each, dict) else each
                for index, each in enumerate(listed)
            ]
        built = self._with_defaults(built, rules.SECTION)
        if isinstance(environments, dict):
            rest = {name: {} if isinstance(each, dict) else each for name, each in environments.items()}
            if environment:
                rest[self._environment or ""] = self._own(environment)
            built["environments"] = rest
        document = dataclasses.replace(
            self._document,
            value={str(rules.SECTION[0]): built},
            templates=self._templates,
            identities=self._identities if self._templates else {},
        )
        return View(environment=self._environment, document=document, unset=frozenset(self._unset))

    def _charter(
        self, charter: Mapping[str, Any], index: int, prefix: str, overrides: Mapping[str, tuple[str, dict[str, Any]]]
    ) -> dict[str, Any]:
        """Return a charter, and record its name and id.

        `overrides` has the name and keys of each charter that the environment changes, by lower-case name.
        """
        at: values.Path = (*rules.SCHEDULES, index)
        name = str(self._expanded(charter.get("charter"), (*at, "charter"), {}))
        override, changes = overrides.get(name.lower(), ("", {}))
        changed: values.Path = (*rules.ENVIRONMENTS, self._environment or "", "charters", override)
        id_ = self._id(changes, changed, name) or self._id(charter, at, name)
        identity = {_NAME: name, _ID: id_ or ownership.default_id(prefix, name)}
        self._identities[index] = identity
        return self._keys(charter, at, identity)

    def _id(self, keys: Mapping[str, Any], at: values.Path, name: str) -> str:
        """Return the declared id; empty if there is none."""
        declared = self._expanded(keys.get(_ID.value), (*at, _ID.value), {_NAME: name})
        return declared if isinstance(declared, str) else ""

    def _keys(self, keys: Mapping[str, Any], at: values.Path, identity: values.Identity) -> dict[str, Any]:
        """Expand the keys of a charter or an override, for which the name and id are known."""
        scopes: dict[str, variables.Scope] = {_NAME.value: {}, _ID.value: {_NAME: identity[_NAME]}}
        return {key: self._expanded(value, (*at, key), scopes.get(key, identity)) for key, value in keys.items()}

    def _own(self, environment: Mapping[str, Any]) -> dict[str, Any]:
        """Return the chosen environment's keys."""
        at: values.Path = (*rules.ENVIRONMENTS, self._environment or "")
        built = {
            key: value if key in ("charters", *_STRUCTURE) else self._expanded(value, (*at, key), {})
            for key, value in environment.items()
        }
        overrides = environment.get("charters")
        if isinstance(overrides, dict):
            known = {identity[_NAME].lower(): identity for identity in self._identities.values()}
            built["charters"] = {
                name: self._keys(keys, (*at, "charters", name), known.get(name.lower(), {_NAME: name, _ID: name}))
                if isinstance(keys, dict)
                else keys
                for name, keys in overrides.items()
            }
        return self._with_defaults(built, at)

    def _with_defaults(self, keys: dict[str, Any], at: values.Path) -> dict[str, Any]:
        """Expand the defaults among the keys, for which each charter has a different name and id."""
        defaults = keys.get("defaults")
        if not isinstance(defaults, dict):
            return keys
        return {**keys, "defaults": self._expanded(defaults, (*at, "defaults"), _INHERITED)}

    def _expanded(self, value: values.Value, at: values.Path, scope: variables.Scope) -> Any:
        """Return a value with its strings expanded; one with an unset variable is left unchanged and recorded."""

        def leaf(text: str, path: values.Path) -> values.Value:
            place = self._document.places[path]
            try:
                found = self.variables.expanded(text, path, scope)
            except variables.UnsetError as error:
                self._missing |= error.missing
                self._unset.add(place)
                self._document.scalars[path] = None
                return text
            if isinstance(found, tuple):
                return self._template(found, path, text)
            self._note(found, path, place)
            return found

        return variables.walked(value, at, leaf)

    def _template(self, template: values.Template, at: values.Path, text: str) -> str:
        """Record a string that differs between charters, and return the first charter's."""
        self._templates[at] = template
        place = self._document.places[at]
        shown = [values.text_for(template, identity) for identity in self._identities.values()]
        for each in shown:
            self._budget.count(len(each), place)
        if not shown:
            self._unset.add(place)
            return text
        self._document.scalars[at] = None
        return shown[0]

    def _note(self, value: values.Value, at: values.Path, place: declarations.Place) -> None:
        """Record the place of the reference as the place of an inserted value and of each of its parts."""
        self._document.scalars[at] = None
        for path in self._budget.add(value, at, place):
            self._document.places[path] = place
            if path != at and isinstance(path[-1], str):
                self._document.keys[path] = place


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
