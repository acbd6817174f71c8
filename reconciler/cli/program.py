"""The console script: run the command line, flush the output, and exit with the command's exit code."""

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
    """Run the command line and exit with `os._exit`.

    The Temporal SDK's threads outlive the interpreter and sometimes crash it at exit, after all work is done
    (temporalio/sdk-python#300); skipping the interpreter's shutdown preserves the exit code.
    """
    out = console.Console(sys.stdout, sys.stderr)
    out.structured = logs.wants_json(
        sys.argv[1:], os.environ
    )  # set before the first error in the arguments is reported
    held.hold_environment(os.environ)
    interrupts.listen()
    try:
        code = _closed(out, _run(out))
    except KeyboardInterrupt:  # outside a command
        out.warn("Interrupted.")
        code = interrupts.code()
    except Exception:  # noqa: BLE001  # a bug: shown in full, with our own exit code instead of a crash's
        text = f"{traceback.format_exc()}This is a bug in reconciler; please report it with the lines above."
        out.warn(text, "error", exit_code=int(errors.ExitCode.ERROR))
        code = errors.ExitCode.ERROR
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, full, or missing: already reported
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
    except SystemExit:  # how click exits when the reader of its help output closes the pipe
        return errors.ExitCode.OK
    except OSError as error:  # raised while click prints its help; other write errors are handled elsewhere
        out.lost(error)
        return errors.ExitCode.OK
    return code


def _closed(out: console.Console, code: int) -> int:
    """Return the command's exit code, or an error code if it succeeded but some output was lost."""
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
    elif isinstance(error, errors.InvalidSpecError):  # editors parse lines that begin with a location
        out.warn(error.sentence)
    else:  # one line each, even if an external value contains a newline, which could fake one of our lines
        lines = [f"Error: {error.message}", *([phrases.sentence(error.hint)] if error.hint else [])]
        out.warn("\n".join(line.replace("\n", "\\n") for line in lines))
    return error.exit_code
