"""The Action's entry point."""

from __future__ import annotations

from typing import NoReturn

from reconciler.runtime import garbage, interrupts


def main() -> NoReturn:
    """Run the program; from here on, a signal ends it with the documented exit code, even during imports."""
    interrupts.prepare()
    garbage.prepare()
    from reconciler.github import program

    program.main()


if __name__ == "__main__":
    main()
