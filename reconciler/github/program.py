"""The Action's program: run a command, write the outputs, and exit with the documented exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import traceback
from collections.abc import Mapping
from typing import NoReturn

from reconciler import errors
from reconciler.credentials import held
from reconciler.github import client, commands, events, inputs, results, runner_log
from reconciler.github.invocation import Invocation
from reconciler.report import annotation, markdown
from reconciler.runtime import interrupts, logs


def main() -> NoReturn:
    """Run, and exit through `os._exit`, as the console script does and for the same reason."""
    held.hold_environment(os.environ)
    interrupts.listen()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    log = runner_log.RunnerLog(sys.stdout, os.environ, lambda: secrets.token_hex(16))
    try:
        result = _run(dict(os.environ), log)
    except KeyboardInterrupt:
        log.write("Interrupted.")
        result = results.Result(code=interrupts.code(), summary=errors.INTERRUPTED)
    except Exception:  # noqa: BLE001  # a bug: show the traceback, and exit with our own code, not that of a crash
        log.write(f"{traceback.format_exc()}This is a bug in reconciler; please report it with the lines above.")
        log.annotate([annotation.defect()])
        result = results.Result(code=errors.ExitCode.ERROR, summary="a bug in reconciler")
    os._exit(_finish(result, log))


def _finish(result: results.Result, log: runner_log.RunnerLog) -> errors.ExitCode:
    """Write the outputs and the rest of the report; return the exit code, which is not 0 if any write failed."""
    for name, value in result.outputs().items():
        log.set_output(name, value)
    log.close()
    if log.lost and result.code is errors.ExitCode.OK:
        log.set_output("exit-code", str(int(errors.ExitCode.ERROR)))
        return errors.ExitCode.ERROR
    return result.code


def _run(environ: Mapping[str, str], log: runner_log.RunnerLog) -> results.Result:
    try:
        event = events.read(environ)
        values = inputs.read({**environ, "GITHUB_SHA": event.commit})  # the commit that the audit records as applied
        repository = _repository(values, event)
    except errors.ReconcilerError as error:
        log.annotate(annotation.error(error))
        log.add_summary(f"### Nothing was changed\n\n- {markdown.code(error.message)}\n")
        return results.Result(code=error.exit_code, summary=error.message)
    _redirect_logs(values.log_level, log)
    with contextlib.closing(repository) if repository else contextlib.nullcontext():
        return commands.run(Invocation(inputs=values, event=event, log=log, repository=repository))


def _repository(values: inputs.Inputs, event: events.Event) -> client.Repository | None:
    """Return the repository on GitHub, or None if the token or the repository is missing."""
    if not (values.token and event.repository):
        return None
    return client.Repository(api_url=event.api_url, repository=event.repository, token=values.token)


def _redirect_logs(level: inputs.Level, log: runner_log.RunnerLog) -> None:
    """Write log records at or above a level to the runner's log."""
    handler = logging.Handler()
    handler.emit = lambda record: log.write(logs.line(record))  # type: ignore[method-assign]
    logger = logging.getLogger("reconciler")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
