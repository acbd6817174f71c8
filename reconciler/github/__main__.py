"""The entry point of the Action."""

from __future__ import annotations

from typing import NoReturn

from reconciler.runtime import garbage, interrupts


def main() -> NoReturn:
    """Run the program; from here on, a signal ends it with the declared exit code, even while it is being imported."""
    interrupts.prepare()
    garbage.prepare()
    from reconciler.github import program

    program.main()


if __name__ == "__main__":
    main()
