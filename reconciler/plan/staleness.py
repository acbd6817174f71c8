"""Check that the plan to apply is the one that was reviewed; if not, report what changed and when."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

from reconciler import errors
from reconciler.plan import diff, plans
from reconciler.schedule import declarations, fields, observed, ownership
from reconciler.timing import durations

DIGEST = "sha256:[0-9a-f]{64}"  # how a plan's digest is written
_SHOWN = 3  # reasons in the message


def check_digest(expected: str, digest: str) -> None:
    """Raise `errors.StaleError` unless a digest is the one that was reviewed; an empty `expected` never matches."""
    if expected != digest:
        was = expected or "no digest"
        raise errors.StaleError(
            f"the plan is not the one that was reviewed: expected {was}, got {digest}",
            hint="review the plan above, and apply that one",
        )


def same_choice(reviewed: declarations.Choice, current: declarations.Choice) -> declarations.Choice:
    """Return the reviewed plan's options; raise `errors.StaleError` if a current option differs.

    The result has the current repository, so that a plan for another repository's schedules is detected, and the
    current values of variables, which are later compared with the plan's.
    """
    for field in dataclasses.fields(declarations.Choice):
        was, now = getattr(reviewed, field.name), getattr(current, field.name)
        if now and now != was and field.name not in ("repository", "variables"):
            option = "prefix" if field.name == "prefixes" else field.name.replace("_", "-")
            option = f"--{option}" + ("" if now is True else f" {_written(now)}")
            raise errors.StaleError(
                f"{option} was passed, but the plan was made {'without it' if not was else f'with {_written(was)}'}",
                hint="omit it, or plan again with it",
            )
    repository = current.repository or reviewed.repository
    return dataclasses.replace(reviewed, repository=repository, variables=current.variables)


def _written(value: str | tuple[str, ...] | datetime.timedelta) -> str:
    """Return an option's value; an empty one in quotes."""
    if isinstance(value, datetime.timedelta):
        return durations.render(value)
    return value if isinstance(value, str) else " ".join(each or '""' for each in value)


def check(reviewed: plans.Plan, now: plans.Plan, planned_at: datetime.datetime) -> None:
    """Raise `errors.StaleError` unless the current plan equals the reviewed one and its schedules are unchanged.

    `planned_at` is when the reviewed plan was made; a schedule that differs has changed since then.
    """
    if reviewed.as_of is not None:
        raise errors.StaleError("a plan made from a snapshot cannot be applied", hint="plan from the server")
    if reviewed.target != now.target or reviewed.environment != now.environment:
        raise errors.StaleError(
            f"the plan is for {_named(reviewed)}, but this is {_named(now)}",
            hint="use the same server, namespace, environment, prefix, and owner, or plan again",
        )
    if reviewed.disabled:
        raise enabled_since(reviewed.environment)
    _check_variables(reviewed, now)
    reasons = list(_reasons(reviewed, now, planned_at))
    if not reasons and reviewed.digest != now.digest:
        reasons = ["it would now make different changes"]
    if reasons:
        more = f", and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        raise errors.StaleError(
            f"the plan is stale: {'; '.join(reasons[:_SHOWN])}{more}", hint="plan again, and review the changes"
        )


def enabled_since(environment: str | None, *, is_enabled: bool = True) -> errors.StaleError:
    """Return the error to raise if an environment was enabled or disabled after the plans were made."""
    was, now = ("disabled", "enabled") if is_enabled else ("enabled", "disabled")
    return errors.StaleError(
        f"environment {environment!r} was {was} when the plans were made, but is now {now}",
        hint="plan again, and review the changes",
    )


def check_given(reviewed: plans.Plan, current: declarations.Choice) -> None:
    """Raise `errors.StaleError` if a variable that had a value from outside the spec has none now.

    Without it, the spec may not even be valid.
    """
    missing = sorted(reviewed.variables.keys() - {variable.name for variable in current.variables})
    if missing:
        raise errors.StaleError(
            f"the plan was made with different values of these variables: {', '.join(missing)}", hint=_SAME_VALUES
        )


def _check_variables(reviewed: plans.Plan, now: plans.Plan) -> None:
    """Raise `errors.StaleError` if a variable's value from outside the spec differs from the reviewed plan's."""
    names = sorted(reviewed.variables.keys() | now.variables.keys())
    changed = [name for name in names if reviewed.variables.get(name) != now.variables.get(name)]
    if changed:
        raise errors.StaleError(
            f"the plan was made with different values of these variables: {', '.join(changed)}",
            hint=_SAME_VALUES,
        )


_SAME_VALUES = "pass the same --var and RECONCILER_VAR_ values, or plan again"


def _named(plan: plans.Plan) -> str:
    target = plan.target
    environment = f", environment {plan.environment}" if plan.environment else ""
    owner = f", owner {target.owner}" if target.owner else ""
    return f"{ownership.shown(target.prefixes)} in namespace {target.namespace} on {target.address}{environment}{owner}"


def _reasons(reviewed: plans.Plan, now: plans.Plan, planned_at: datetime.datetime) -> Iterator[str]:
    before = {change.id: change for change in reviewed.schedules}
    after = {change.id: change for change in now.schedules}
    changes = (*before.values(), *after.values())
    steps = {change.id for change in changes if change.verb is not plans.Verb.KEEP}
    for schedule_id in sorted(steps):
        reason = _reason(before.get(schedule_id), after.get(schedule_id), planned_at)
        if reason:
            yield f"{schedule_id} {reason}"


def _reason(before: plans.Change | None, now: plans.Change | None, planned_at: datetime.datetime) -> str:
    """Return how a schedule has changed since the review; empty if it has not."""
    old, new = before.live if before else None, now.live if now else None
    if old is None or new is None:
        return _came_or_went(old, new, planned_at) or _means_other(before, now)
    if old.created_at != new.created_at:
        return f"was deleted and created again {_when(planned_at, _created(new))}"
    if old.token == new.token:
        return _means_other(before, now)
    earlier, current = (fields.redacted(each.schedule, coded=old.coded) for each in (old, new))
    differing = diff.diff(earlier, current)
    names = ", ".join(each.path for each in differing)
    when = _when(planned_at, new.history.updated_at, new.pause.at if new.pause else None)
    return f"changed {when}: {names or 'only in ways that a charter cannot express'}"


def _came_or_went(old: observed.Live | None, new: observed.Live | None, planned_at: datetime.datetime) -> str:
    if old is None and new is not None:
        return f"was created {_when(planned_at, _created(new))}"
    if old is None:
        return ""
    return f"no longer exists; it was deleted after the plan was made on {_moment(planned_at)}"


def _means_other(before: plans.Change | None, now: plans.Change | None) -> str:
    if before is not None and now is not None and _meaning(before) == _meaning(now):
        return ""
    return "is declared differently now"


def _meaning(change: plans.Change) -> tuple[object, ...]:
    return change.verb, change.fields, change.origin.id if change.origin else None


def _created(live: observed.Live) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(live.created_at / 1e9, datetime.UTC)


def _when(planned_at: datetime.datetime, *known: datetime.datetime | None) -> str:
    """Return when a schedule changed: the latest known time after the plan, or "since the plan" if none is known."""
    at = max((each for each in known if each and each >= planned_at), default=None)
    return f"on {_moment(at)}" if at else f"since the plan was made on {_moment(planned_at)}"


def _moment(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
