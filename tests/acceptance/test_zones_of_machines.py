"""A schedule in a time zone of the server's own machine, which both servers accept, does not stop the others."""

from __future__ import annotations

from tests.support import program, remote

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA}
    - {charter: BETA, cron: "0 6 * * *", entrypoint: BETA}
"""
ZONES = ("Local", "localtime", "posixrules", "Factory")


async def test_zones_of_the_servers_machine_are_planned_away_and_not_imported(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    for name, zone in zip(("alpha", "beta", "gamma", "delta"), ZONES, strict=True):
        schedule = remote.schedule(name)
        proto = remote.proto_of(schedule)
        proto.spec.timezone_name = zone
        await raw.create(schedule.id, proto)

    for command in ("plan", "status", "snapshot"):
        done = reconciler.run(command)
        assert done.returncode == 0, (command, done.stderr)
        assert "governance:alpha" in done.stdout, command

    imported = reconciler.run("import")
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout == SPEC
    for name, zone in (("gamma", "posixrules"), ("delta", "Factory")):
        assert f"governance:{name}" in imported.stderr
        assert f"'{zone}' depends on the machine that resolves it" in imported.stderr

    applied = reconciler.run("apply", "--yes", "--allow-mass-pause")
    assert applied.returncode == 0, applied.stderr
    assert (await raw.describe("governance:alpha")).schedule.spec.timezone_name in ("", "UTC")
