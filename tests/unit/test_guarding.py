from __future__ import annotations

import datetime

import pytest

from reconciler import errors, guarding, model
from tests.unit import builders

NAMES = ("a", "b", "c", "d", "e")


def plan(*, running: int, removed: int, paused: int = 0, new: int = 0, governed: bool = True) -> model.Plan:
    """Return a plan that pauses `removed` of `running` schedules, beside orphans paused before and new charters."""
    found = [builders.schedule(name) for name in NAMES[:running]]
    orphans = [builders.schedule(f"orphan-{number}", paused=True) for number in range(paused)]
    created = [builders.schedule(f"new-{number}") for number in range(new)]
    return builders.plan([*found[removed:], *created], [*found, *orphans], governed=governed)


def refusal(plan: model.Plan) -> errors.GuardError:
    with pytest.raises(errors.GuardError) as caught:
        guarding.check(plan)
    return caught.value


@pytest.mark.parametrize(("running", "removed"), [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_pausing_up_to_half_of_what_runs_is_allowed(running: int, removed: int) -> None:
    guarding.check(plan(running=running, removed=removed))


@pytest.mark.parametrize(
    ("running", "removed", "said"),
    [
        (1, 1, "the plan pauses the only running managed schedule"),
        (2, 2, "the plan pauses all 2 running managed schedules"),
        (5, 5, "the plan pauses all 5 running managed schedules"),
        (3, 2, "the plan pauses 2 of 3 running managed schedules, more than half"),
        (5, 3, "the plan pauses 3 of 5 running managed schedules, more than half"),
    ],
)
def test_pausing_all_or_more_than_half_of_what_runs_is_refused(running: int, removed: int, said: str) -> None:
    error = refusal(plan(running=running, removed=removed))
    assert (error.message, error.hint) == (said, "if this is meant, pass --allow-mass-pause")
    assert error.exit_code == errors.ExitCode.REFUSED


def test_what_is_paused_already_and_what_is_new_do_not_count_as_running() -> None:
    assert "2 of 3" in refusal(plan(running=3, removed=2, paused=2, new=5)).message


def test_a_pause_that_is_declared_counts_as_one() -> None:
    declared = builders.plan([builders.schedule("a", paused=True)], [builders.schedule("a")])
    assert "the only" in refusal(declared).message


@pytest.mark.parametrize(("running", "said"), [(1, "1 managed schedule is live"), (3, "3 managed schedules are live")])
def test_a_spec_without_a_governance_section_is_refused_while_something_is_live(running: int, said: str) -> None:
    error = refusal(plan(running=running, removed=running, governed=False))
    assert error.message == f"{builders.PATH} has no governance section, but {said}"


def test_a_spec_without_a_governance_section_is_fine_on_an_empty_server() -> None:
    guarding.check(plan(running=0, removed=0, governed=False))


@pytest.mark.parametrize("governed", [True, False])
def test_a_person_can_say_that_a_mass_pause_is_meant(governed: bool) -> None:
    guarding.check(plan(running=3, removed=3, governed=governed), guarding.Allowed(mass_pause=True))


def test_readable_payloads_over_encrypted_ones_are_refused() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    over = builders.plan([builders.schedule("a")], [builders.schedule("a", arguments=(sealed,))])
    error = refusal(over)
    assert error.message == "the plan replaces binary/encrypted payloads of governance:a by readable ones"
    guarding.check(over, guarding.Allowed(plaintext=True))


def test_encrypted_payloads_that_stay_are_no_reason_to_refuse() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    guarding.check(
        builders.plan(
            [builders.schedule("a", memo={"sealed": sealed}, jitter=datetime.timedelta(seconds=1))],
            [builders.schedule("a", memo={"sealed": sealed})],
        )
    )
