"""The Action's entry point."""

from __future__ import annotations

from reconciler.runtime import garbage, startup


def main() -> None:
    """Run the program; from here on, a signal ends it with the documented exit code, even during imports."""
    startup.prepare()
    garbage.prepare()
    from reconciler.github import program

    program.main()


if __name__ == "__main__":
    main()
