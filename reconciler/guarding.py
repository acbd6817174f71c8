"""May this plan run? Refuse what is seldom meant, above all stopping most of what runs."""

from __future__ import annotations

from reconciler import errors, model


def check(plan: model.Plan, *, allow_mass_pause: bool = False) -> None:
    """Raise `errors.GuardError` when the plan should not run without a word from a person.

    Refused unless `allow_mass_pause`: pausing every running managed schedule or more than half of two or more,
    and a spec with no governance section while something is managed.
    """
    if allow_mass_pause:
        return
    hint = "if this is meant, pass --allow-mass-pause"
    live = [change for change in plan.changes if change.live is not None]
    if plan.steps and not plan.governed:
        managed = "1 managed schedule is" if len(live) == 1 else f"{len(live)} managed schedules are"
        raise errors.GuardError(f"{plan.spec_path} has no governance section, but {managed} live", hint=hint)
    running = [change for change in live if change.live and not change.live.schedule.paused]
    pauses = plan.count(model.Verb.PAUSE)
    if pauses and pauses == len(running):
        every = "the only" if pauses == 1 else f"all {pauses}"
        raise errors.GuardError(f"the plan pauses {every} running managed schedule{'s'[: pauses > 1]}", hint=hint)
    if pauses * 2 > len(running) >= 2:
        raise errors.GuardError(
            f"the plan pauses {pauses} of {len(running)} running managed schedules, more than half", hint=hint
        )
