"""The entry point of the console script."""

from __future__ import annotations

from reconciler.runtime import garbage, startup


def main() -> None:
    """Run the program. From here on, even during imports, a signal ends it with the documented exit code."""
    startup.prepare()
    garbage.prepare()
    from reconciler.cli import program

    program.main()


if __name__ == "__main__":
    main()
