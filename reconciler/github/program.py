"""The program of the Action: run, tell the runner, and leave with the declared exit code."""

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
from reconciler.github import api, events, inputs, running, workflow
from reconciler.report import annotating, markdown
from reconciler.runtime import interrupts, logs


def main() -> NoReturn:
    """Run and leave by `os._exit`, as the console script does, and for the same reason."""
    held.hold_environment(os.environ)
    interrupts.listen()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    told = workflow.Workflow(sys.stdout, os.environ, lambda: secrets.token_hex(16))
    try:
        result = _run(dict(os.environ), told)
    except KeyboardInterrupt:
        told.say("Interrupted.")
        result = running.Result(code=interrupts.code(), summary="interrupted")
    except Exception:  # noqa: BLE001  # a defect: shown whole, with an exit code that is ours and not a crash's
        told.say(f"{traceback.format_exc()}This is a defect in reconciler; please report it with the lines above.")
        told.annotate([annotating.defect()])
        result = running.Result(code=errors.ExitCode.ERROR, summary="a defect in reconciler")
    os._exit(_ended(result, told))


def _ended(result: running.Result, told: workflow.Workflow) -> errors.ExitCode:
    """Write the outputs and what is left of the report; return the exit code, never 0 where some of it is lost."""
    for name, value in result.outputs().items():
        told.output(name, value)
    told.close()
    if told.lost and result.code is errors.ExitCode.OK:
        told.output("exit-code", str(int(errors.ExitCode.ERROR)))
        return errors.ExitCode.ERROR
    return result.code


def _run(environ: Mapping[str, str], told: workflow.Workflow) -> running.Result:
    try:
        event = events.read(environ)
        given = inputs.read({**environ, "GITHUB_SHA": event.commit})  # what the audit records as applied
        hub = _hub(given, event)
    except errors.ReconcilerError as error:
        told.annotate(annotating.error(error))
        told.summary(f"### Nothing was changed\n\n- {markdown.code(error.message)}\n")
        return running.Result(code=error.exit_code, summary=error.message)
    _log(given.log_level, told)
    with contextlib.closing(hub) if hub else contextlib.nullcontext():
        return running.Action(given, event, told, hub).run()


def _hub(given: inputs.Inputs, event: events.Event) -> api.Repository | None:
    """Return the repository on GitHub; None without a token or a repository."""
    if not (given.token and event.repository):
        return None
    return api.Repository(api_url=event.api_url, repository=event.repository, token=given.token)


def _log(level: inputs.Level, told: workflow.Workflow) -> None:
    """Let the log go where the rest goes, from a level on."""
    handler = logging.Handler()
    handler.emit = lambda record: told.say(logs.line(record))  # type: ignore[method-assign]
    logger = logging.getLogger("reconciler")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
