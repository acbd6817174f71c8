"""The program of the console script: run the command line, flush, and leave with the declared exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

import click

from reconciler import errors
from reconciler.cli import commands, console, logs
from reconciler.credentials import held
from reconciler.report import phrases
from reconciler.runtime import interrupts


def main() -> NoReturn:
    """Run and leave by `os._exit`.

    The Temporal SDK's threads outlive the interpreter and now and then crash it at exit, after all work is done
    (temporalio/sdk-python#300); a process that skips the interpreter's end keeps its exit code.
    """
    out = console.Console(sys.stdout, sys.stderr)
    out.structured = logs.wants_json(
        sys.argv[1:], os.environ
    )  # known before the first error in the arguments is reported
    held.hold_environment(os.environ)
    interrupts.listen()
    try:
        code = _closed(out, _run(out))
    except KeyboardInterrupt:  # outside of a command
        out.warn("Interrupted.")
        code = interrupts.code()
    except Exception:  # noqa: BLE001  # a defect: shown whole, with an exit code that is ours and not a crash's
        text = f"{traceback.format_exc()}This is a bug in reconciler; please report it with the lines above."
        out.warn(text, "error", exit_code=int(errors.ExitCode.ERROR))
        code = errors.ExitCode.ERROR
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, full or absent: reported already
            stream.flush()
    os._exit(code)


def _run(out: console.Console) -> int:
    try:
        code: int = commands.app.main(obj=out, standalone_mode=False, prog_name="reconciler") or errors.ExitCode.OK
    except errors.ReconcilerError as error:
        return _report(out, error)
    except click.exceptions.NoArgsIsHelpError as error:
        out.warn(error.format_message(), "error", exit_code=int(errors.ExitCode.USAGE))
        return errors.ExitCode.USAGE
    except click.UsageError as error:
        hint = f"see '{error.ctx.command_path} --help'" if error.ctx else ""
        return _report(out, errors.UsageError(error.format_message(), hint=hint))
    except (KeyboardInterrupt, click.Abort):
        out.warn("Interrupted.")
        return interrupts.code()
    except SystemExit:  # click's way when a reader of the help went away
        return errors.ExitCode.OK
    except OSError as error:  # click prints its help by itself; every other output and file has its own handling
        out.lost(error)
        return errors.ExitCode.OK
    return code


def _closed(out: console.Console, code: int) -> int:
    """Return the exit code: never a success where output is lost, and otherwise what the command ended with."""
    try:
        out.close()
    except errors.OutputError as error:
        lost = _report(out, error)
        return lost if code in (errors.ExitCode.OK, errors.ExitCode.CHANGES_PENDING) else code
    return code


def _report(out: console.Console, error: errors.ReconcilerError) -> int:
    if out.structured:
        hint = {"hint": error.hint} if error.hint else {}
        out.warn(error.message, "error", **hint, exit_code=int(error.exit_code))
    elif isinstance(error, errors.InvalidSpecError):  # editors read lines that begin with their place
        out.warn(error.sentence)
    else:  # one line each, also where a value from outside contains a newline and would look like a line of ours
        lines = [f"Error: {error.message}", *([phrases.sentence(error.hint)] if error.hint else [])]
        out.warn("\n".join(line.replace("\n", "\\n") for line in lines))
    return error.exit_code
