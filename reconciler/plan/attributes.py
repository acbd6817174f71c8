"""Find the search attributes that a plan sets but the namespace does not define; the server rejects such writes."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Container, Iterator

from reconciler.plan import plans
from reconciler.schedule import model


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Undefined:
    """A search attribute that the namespace does not define, and the first schedule for which the plan sets it."""

    name: str
    type: model.AttributeType
    schedule_id: str
    namespace: str

    def __str__(self) -> str:
        given = shlex.join(("--namespace", self.namespace, "--name", self.name, "--type", self.type.value))
        return (
            f"namespace {self.namespace} does not define the search attribute {self.name!r}, so applying "
            f"{self.schedule_id} will fail; define it with temporal operator search-attribute create {given}"
        )


def unproven(plan: plans.Plan) -> tuple[Undefined, ...]:
    """Return each search attribute that the plan sets and no live schedule has, sorted by name, as an `Undefined`."""
    live = (change.live.schedule for change in plan.schedules if change.live is not None)
    known = {name for schedule in live for name, _ in _of(schedule)}
    found: dict[str, Undefined] = {}
    for change in plan.steps:
        for name, type_ in _of(change.after):
            if name not in known:
                undefined = Undefined(name=name, type=type_, schedule_id=change.id, namespace=plan.target.namespace)
                found.setdefault(name, undefined)
    return tuple(found[name] for name in sorted(found))


def undefined(plan: plans.Plan, defined: Container[str]) -> tuple[Undefined, ...]:
    """Return the search attributes that the plan sets but that are not among the defined ones."""
    return tuple(each for each in unproven(plan) if each.name not in defined)


def _of(schedule: model.Schedule) -> Iterator[tuple[str, model.AttributeType]]:
    for attributes in (schedule.action.search_attributes, schedule.search_attributes or {}):
        yield from ((name, each.type) for name, each in attributes.items())
