"""A credential of the process that a schedule contains too: in no file, and still applied and compared as it is."""

from __future__ import annotations

import pathlib

from tests.support import program

HELD = "held-by-process-77"
SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "0 * * * *"
      entrypoint: ALPHA
      input: {ordinary: "x held-by-process-77 y", hex: 68656c642d62792d70726f636573732d3737, model: small}
"""


def test_a_held_credential_is_in_no_file_and_a_saved_plan_with_it_is_applied(
    reconciler: program.Program, tmp_path: pathlib.Path
) -> None:
    reconciler.declare(SPEC)
    files = {name: tmp_path / name for name in ("plan.json", "snapshot.json")}
    written = []
    for command in (
        ("plan", "--out", str(files["plan.json"])),
        ("apply", "--yes", str(files["plan.json"])),
        ("snapshot", "--out", str(files["snapshot.json"])),
        ("plan", "--detailed-exitcode"),
        ("plan", "--detailed-exitcode", "--live", str(files["snapshot.json"])),
    ):
        done = reconciler.run(*command, INTERNAL_OPS_TOKEN=HELD)
        assert done.returncode == 0, done.stdout + done.stderr
        written += [done.stdout, done.stderr]
    written += [path.read_text(encoding="utf-8") for path in files.values()]
    assert [each for each in written if HELD in each or HELD.encode().hex() in each] == []
    assert "small" in written[-1]
