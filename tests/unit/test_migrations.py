"""The files of the migrations."""

from __future__ import annotations

import pathlib

from reconciler.postgres import scripts

FOLDER = pathlib.Path(str(scripts.FOLDER))
RELEASED = {  # what existing databases have recorded
    "0001_audit": "007b001109129ff6",
    "0002_refusals": "f706ead6a7e221fd",
    "0003_schedules": "ebe87f88b6a87479",
    "0004_run_ends": "739e44b0c8bfd23f",
    "0005_create_responses": "f26b5644fa9e2a8b",
    "0006_renames": "7c3252e2c7b55a45",
    "0007_readings": "6d756f4cf675d37e",
}


def test_every_file_is_in_the_folder_of_a_group() -> None:
    assert {path.stem for path in FOLDER.rglob("*.sql")} == {script.name for script in scripts.read()}
    assert {script.group for script in scripts.read()} == set(scripts.GROUPS)


def test_they_are_numbered_from_one_without_a_gap_across_the_groups() -> None:
    numbers = [script.number for script in scripts.read()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_those_of_earlier_releases_have_not_changed() -> None:
    digests = {script.name: script.sha256[:16] for script in scripts.read()}
    assert {name: digests.get(name) for name in RELEASED} == RELEASED


def test_what_they_create_is_known_by_kind_and_name() -> None:
    created = {script.name: script.created for script in scripts.read()}
    assert created["0001_audit"] == (("TABLE", "applies"), ("TABLE", "apply_steps"))
    assert [name for _, name in created["0003_schedules"]] == [
        *("installation", "execution_grants", "schedules", "schedule_runs", "execution_requests"),
    ]
    assert created["0004_run_ends"] == ()
