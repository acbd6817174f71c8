from __future__ import annotations

import io
import json

import pytest

from reconciler import settings
from reconciler.cli import console, reporter
from reconciler.report import text
from reconciler.schedule import declarations
from tests.unit import builders

PLAN = builders.plan([builders.schedule()], [])


def test_a_defect_in_the_middle_still_writes_the_outcome() -> None:
    out = io.StringIO()
    reported = reporter.Reporter(console.Console(out, io.StringIO()), text.Text(), "apply", "json", yes=True)

    reported.about(settings.Connection(address="temporal:7233"), "spec.yaml", declarations.Choice())
    reported.plan(PLAN)
    with pytest.raises(RuntimeError), reported.errors_reported():
        raise RuntimeError("a secret, perhaps")
    document = json.loads(out.getvalue())
    assert (document["exit_code"], document["error"]["message"]) == (1, "a defect in reconciler: RuntimeError")
    assert (document["digest"], document["outcomes"]) == (PLAN.digest, [])
