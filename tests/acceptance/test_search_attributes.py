"""A search attribute that the namespace does not define is reported by the plan, where the server allows to ask."""

from __future__ import annotations

from tests.support import fake_temporal, program

SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "0 * * * *"
      entrypoint: ALPHA
      search_attributes: {%s: platform}
"""
WARNING = (
    "does not define the search attribute 'Owning', so applying governance:alpha will fail; define it with "
    "temporal operator search-attribute create --namespace "
)


def test_a_plan_warns_of_an_undefined_search_attribute_and_the_apply_fails(reconciler: program.Program) -> None:
    reconciler.declare(SPEC % "Owning")
    planned = reconciler.run("plan")
    assert planned.returncode == 0, planned.stderr
    assert WARNING in planned.stderr
    assert f"{reconciler.namespace} --name Owning --type Keyword.\n" in planned.stderr
    assert reconciler.run("apply", "--yes").returncode == 1
    reconciler.declare(SPEC % "BuildIds")  # which every namespace has
    assert "does not define" not in reconciler.run("plan").stderr


def test_a_server_that_does_not_report_its_search_attributes_is_tolerated(
    fake: fake_temporal.FakeTemporal, reconciler: program.Program
) -> None:
    on_fake = program.Program(folder=reconciler.folder, address=fake.address)
    on_fake.declare(SPEC % "Owning")
    planned = on_fake.run("plan")
    assert planned.returncode == 0, planned.stderr
    assert "does not define" not in planned.stderr
    assert "Warning: the search attributes were not checked: " in planned.stderr
