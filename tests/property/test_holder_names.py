from __future__ import annotations

import datetime

import hypothesis
from hypothesis import strategies

from reconciler.plan import ports
from reconciler.postgres import holder_names

NOW = datetime.datetime(2026, 11, 24, 2, 35, 31, tzinfo=datetime.UTC)


@hypothesis.given(who=strategies.text(max_size=80), run=strategies.text("0123456789:%é/", max_size=5))
def test_it_fits_and_loses_nothing_but_the_end_of_who(who: str, run: str) -> None:
    name = holder_names.encoded(ports.Holder(who=who, run=run), NOW)
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= holder_names.LIMIT
    found = holder_names.decoded(name, "app", None)
    assert (found.run, found.since) == (run, NOW)
    assert who.encode(errors="replace").decode().startswith(found.who) or not who
