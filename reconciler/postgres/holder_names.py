"""A lock's holder, encoded in the application_name of its session: `reconciler:1795487731:42:alice@laptop`.

PostgreSQL keeps 63 bytes and replaces non-ASCII characters with `?`, so they are percent-encoded. Values that do not
fit are truncated.
"""

from __future__ import annotations

import datetime
import re
import urllib.parse

from reconciler.plan import ports
from reconciler.postgres import database

LIMIT = 63  # bytes
_PLAIN = " !\"#$&'()*+,/;<=>?@[\\]^`{|}"  # in addition to letters, digits, and `_.-~`, which are never encoded
_OURS = re.compile(rf"{database.PROGRAM}:(\d{{1,11}}):([^:]*):(.*)")


def encoded(holder: ports.Holder, since: datetime.datetime) -> str:
    """Return the name of a session that has held the lock since the given time."""
    head = f"{database.PROGRAM}:{int(since.timestamp())}:"
    run = _fitting(holder.run, LIMIT - len(head) - 1)
    return f"{head}{run}:" + _fitting(holder.who, LIMIT - len(head) - len(run) - 1)


def decoded(name: str, role: str, started_at: datetime.datetime | None) -> ports.Holder:
    """Return the holder encoded in a session's name, or one made from another program's name, role, and start time."""
    ours = _OURS.fullmatch(name)
    if ours is None:
        who = f"{name} (database role {role})" if name else f"a session of database role {role}"
        return ports.Holder(who=who, since=started_at)
    since, run, who = ours.groups()
    return ports.Holder(
        who=urllib.parse.unquote(who) or "an unknown holder",
        run=urllib.parse.unquote(run),
        since=datetime.datetime.fromtimestamp(int(since), datetime.UTC),
    )


def _fitting(text: str, room: int) -> str:
    """Return the encoded text, truncated to whole characters that fit in the available space."""
    fitting = ""
    for character in text:
        more = urllib.parse.quote(character, safe=_PLAIN, errors="replace")
        if len(fitting) + len(more) > room:
            break
        fitting += more
    return fitting
