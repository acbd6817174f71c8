"""What earlier applies recorded about declared schedules, for a plan that describes only what has changed since."""

from __future__ import annotations

from reconciler import errors, settings, wiring
from reconciler.plan import refresh
from reconciler.runtime import clock
from reconciler.schedule import declarations, observed


def check(
    declaration: declarations.Declaration, record: settings.Database | None, *, is_unaudited: bool = False
) -> None:
    """Raise `errors.UsageError` if the plan relies on a record of applies that does not exist.

    `is_unaudited` is whether there is a database that is not used for the record.
    """
    if declaration.refresh == "changed" and record is None:
        use = "omit --no-audit" if is_unaudited else "pass --database-url or set DATABASE_URL"
        raise errors.UsageError(
            "--refresh=changed requires the database in which apply records what it has read",
            hint=f"{use}, or use --refresh=list",
        )


async def confirmed(
    declaration: declarations.Declaration, target: observed.Target, record: settings.Database | None
) -> frozenset[str] | None:
    """Return the ids of schedules that need no Describe if their listing matches the spec; None means all of them."""
    check(declaration, record)
    if declaration.refresh != "changed" or record is None:
        return None
    return refresh.confirmed(declaration, await wiring.readings(record, target), clock.now())
