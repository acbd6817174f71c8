"""The plans of several environments and their outcomes for GitHub: a table, then a section for each environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from reconciler import spelling
from reconciler.plan import plans, rollouts
from reconciler.report import comment, markdown

_TABLE_SHARE = 4  # the table takes at most one-fourth of the whole
_LEAST_SHARE = 2_000  # bytes that each section may take, no matter how many sections there are
_LEAST_SECTION = 300  # bytes; a section with a smaller share is omitted
_LONGEST_NAME = 200  # characters of an environment's name
_SHORT = len("sha256:") + 12  # characters of a digest in the table
_DISABLED = rollouts.Progress.DISABLED.value
_ALL = "Digest of all environments"

Section = Callable[[comment.About], str]


def plan(rollout: rollouts.Rollout, about: comment.About) -> str:
    """Return the comment about the plans."""
    rows = [(part, comment.counts(part.plan) if part.plan else _DISABLED) for part in rollout.parts]
    sections = [_planned(part.plan) for part in rollout.parts if part.plan is not None]
    title = f"Plan for {spelling.counted(len(rollout.planned), 'environment')}: {comment.counts(rollout)}"
    return _page(title, rollout, rows, about, sections)


def applied(rollout: rollouts.Rollout, results: Sequence[rollouts.Ended], about: comment.About) -> str:
    """Return the outcome of the apply to each environment."""
    rows = [(ended.part, _progress(ended)) for ended in results]
    sections = [
        _applied(ended, ended.part.plan, ended.applied)
        for ended in results
        if ended.part.plan is not None and ended.applied is not None
    ]
    is_whole = all(ended.progress not in _UNFINISHED for ended in results)
    title = f"{'Applied' if is_whole else 'Applied in part'} to {spelling.counted(len(rollout.planned), 'environment')}"
    return _page(title, rollout, rows, about, sections)


_UNFINISHED = (rollouts.Progress.FAILED, rollouts.Progress.NOT_STARTED)


def _progress(ended: rollouts.Ended) -> str:
    totals = f": {comment.totals(ended.applied)}" if ended.applied else ""
    return f"{ended.progress.value}{totals}"


def _planned(plan: plans.Plan) -> Section:
    return lambda about: comment.page(_heading(plan, comment.counts(plan)), plan, about, ())


def _applied(ended: rollouts.Ended, plan: plans.Plan, applied: plans.Applied) -> Section:
    title = _heading(plan, _progress(ended))
    return lambda about: comment.page(title, plan, about, comment.missing(applied, about))


def _heading(plan: plans.Plan, text: str) -> str:
    return f"#### {_name(plan.environment or '')}: {text}"


def _name(environment: str) -> str:
    return markdown.code(environment[:_LONGEST_NAME])


def _page(
    title: str,
    rollout: rollouts.Rollout,
    rows: Sequence[tuple[rollouts.Part, str]],
    about: comment.About,
    sections: Sequence[Section],
) -> str:
    """Return the title, the table, and the next step, then the sections that fit, each with its share of the space."""
    target = rollout.planned[0].target
    where = markdown.code(f"Namespace {target.namespace} on {target.address}")
    blocks = [
        about.mark,
        f"### {title}",
        f"{where}, declared in {markdown.code(rollout.spec_path)}",
        _table(rows, about.limit),
    ]
    if about.remarks:
        remarks = [markdown.code(comment.cut(remark)) for remark in about.remarks]
        blocks.append("\n".join(comment.listed("Notes:", remarks, about.limit)))
    blocks += [about.next_step, comment.origin(about, rollout.digest, _ALL)]
    head = "\n\n".join(filter(None, blocks)) + "\n"
    return head + _sections(sections, about, len(head.encode()))


def _table(rows: Sequence[tuple[rollouts.Part, str]], limit: int) -> str:
    """Return a row for each environment; a final line counts those that do not fit."""
    lines = ["| environment | changes | digest |", "|---|---|---|"]
    room = limit // _TABLE_SHARE
    for index, (part, text) in enumerate(rows):
        cells = (_name(part.environment), text, _short(part.plan))
        line = f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join([*lines, "", f"and {len(rows) - index} more"])
        lines.append(line)
    return "\n".join(lines)


def _short(plan: plans.Plan | None) -> str:
    """Return the beginning of a plan's digest; its section shows all of it."""
    return f"{markdown.code(plan.digest[:_SHORT])}…" if plan else ""


def _sections(sections: Sequence[Section], about: comment.About, used: int) -> str:
    """Return the sections that fit; a final line counts the others and links to them."""
    inner = dataclasses.replace(about, mark="", commit="", next_step="", remarks=())
    room = about.limit - used - len(_missing(len(sections), about).encode())
    kept: list[str] = []
    dropped = 0
    for index, section in enumerate(sections):
        share = max(room // (len(sections) - index), min(room, _LEAST_SHARE))
        text = "\n" + section(dataclasses.replace(inner, limit=share)) if share >= _LEAST_SECTION else ""
        size = len(text.encode())
        if not text or size > room:
            dropped += 1
            continue
        room -= size
        kept.append(text)
    return "".join([*kept, *([_missing(dropped, about)] if dropped else [])])


def _missing(count: int, about: comment.About) -> str:
    where = f" of [the run]({about.run_url})" if about.run_url else ""
    omitted = spelling.counted(count, "more environment")
    return f"\n{omitted} omitted here; see the step summary and the plan file{where}.\n"
