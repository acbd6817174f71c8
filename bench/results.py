"""Measurements as tables, and as files that outlive the run; this program updates docs/performance.md."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.processes import Cost
from reconciler import version

OURS = "reconciler"
FLOOR = "floor"
FOLDER = pathlib.Path("bench/results")
REPORTS = FOLDER / "service"
_HEAD = (
    "| {backend}, {size:,} schedules | seconds | floor | ratio (min – median – max) | CPU (ms per schedule) | memory "
    "| requests | floor |\n"
)
_RULE = "|---|--:|--:|--:|--:|--:|--:|--:|\n"


@dataclasses.dataclass(slots=True, kw_only=True)
class Table:
    """The rounds for one size: costs and requests, by what was measured and which program did it."""

    backend: str
    size: int
    costs: dict[str, dict[str, list[Cost]]] = dataclasses.field(default_factory=dict)
    requests: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)

    def add(self, name: str, who: str, cost: Cost) -> None:
        """Record one measurement."""
        self.costs.setdefault(name, {}).setdefault(who, []).append(cost)

    def text(self) -> str:
        """Return the table in Markdown."""
        return "".join((_HEAD.format(backend=self.backend.upper(), size=self.size), _RULE, *self._rows()))

    def _rows(self) -> Iterator[str]:
        for name, costs in self.costs.items():
            ours, floor = costs[OURS], costs[FLOOR]
            extra = (_cpu(ours) - _cpu(floor)) / self.size * 1000
            requests = self.requests[name]
            yield (
                f"| {name} | {_seconds(ours)} | {_seconds(floor)} | {_ratios(ours, floor)} | {extra:.2f} "
                f"| {max(each.memory for each in ours) / 1e6:.0f} MB | {requests[OURS]:,} | {requests[FLOOR]:,} |\n"
            )
            for who in costs:
                if who not in (OURS, FLOOR):
                    yield f"| – {who} | {_seconds(costs[who])} | | {_ratios(costs[who], floor)} | | | | |\n"

    def save(self) -> pathlib.Path:
        """Save the measurements with the versions of what was measured; return the file."""
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.backend}-{self.size}.json"
        path.write_text(json.dumps(self._document(), indent=1) + "\n", encoding="utf-8")
        return path

    def _document(self) -> dict[str, Any]:
        return {
            **_circumstances(),
            "backend": self.backend,
            "size": self.size,
            "requests": self.requests,
            "costs": {
                name: {who: [dataclasses.asdict(cost) for cost in costs] for who, costs in each.items()}
                for name, each in self.costs.items()
            },
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A table that is printed row by row as it is measured; `name` is that of its file."""

    name: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        """Print the head of the table."""
        self._print(self.columns)
        sys.stdout.write(_rule(self.columns))

    def add(self, *cells: str) -> None:
        """Print a row."""
        self.rows.append(cells)
        self._print(cells)

    def save(self) -> None:
        """Save the table with the versions of what was measured."""
        document = {**_circumstances(), "columns": self.columns, "rows": self.rows}
        path = REPORTS / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def _print(self, cells: Sequence[str]) -> None:
        sys.stdout.write(_line(cells))
        sys.stdout.flush()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _rule(columns: Sequence[str]) -> str:
    return f"|---|{'--:|' * (len(columns) - 1)}\n"


def _circumstances() -> Mapping[str, Any]:
    """Return what the figures depend on: the versions, and the machine and its load."""
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "versions": {
            "reconciler": version.VERSION,
            "python": platform.python_version(),
            "temporalio": importlib.metadata.version("temporalio"),
        },
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[2], 1),  # over the last 15 minutes
    }


def loaded(document: Mapping[str, Any]) -> Table:
    """Return a saved table."""
    costs = {
        name: {who: [Cost(**cost) for cost in costs] for who, costs in each.items()}
        for name, each in document["costs"].items()
    }
    return Table(backend=document["backend"], size=document["size"], costs=costs, requests=document["requests"])


def _cpu(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


def _seconds(costs: Sequence[Cost]) -> str:
    return f"{statistics.median(cost.seconds for cost in costs):.2f}"


def _ratios(costs: Sequence[Cost], floor: Sequence[Cost]) -> str:
    """Return the smallest, the median, and the largest ratio of the rounds."""
    ratios = sorted(each.seconds / bare.seconds for each, bare in zip(costs, floor, strict=True))
    return f"{ratios[0]:.2f} – {statistics.median(ratios):.2f} – {ratios[-1]:.2f}"


_PAGE = pathlib.Path("docs/performance.md")
_BEGIN, _END = "<!-- measured: {} -->\n", "<!-- end of measured: {} -->\n"


def page(text: str) -> str:
    """Return the page with the tables of all saved results."""
    commands = [_read(path) for path in sorted(FOLDER.glob("*.json"), key=_order)]
    reports = [_read(path) for path in sorted(REPORTS.glob("*.json"))]
    text = _filled(text, "commands", [_captioned(each, loaded(each).text()) for each in commands])
    return _filled(text, "service", [_captioned(each, _text(each)) for each in reports])


def _read(path: pathlib.Path) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _filled(text: str, name: str, tables: Sequence[str]) -> str:
    """Return the page with other tables between two markers."""
    begin, end = _BEGIN.format(name), _END.format(name)
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{''.join(tables)}\n{end}{rest.partition(end)[2]}"


def _order(path: pathlib.Path) -> tuple[str, int]:
    backend, _, size = path.stem.partition("-")
    return backend, int(size)


def _text(document: Mapping[str, Any]) -> str:
    """Return a saved report in Markdown."""
    columns, rows = document["columns"], document["rows"]
    return "".join((_line(columns), _rule(columns), *map(_line, rows)))


def _captioned(document: Mapping[str, Any], table: str) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    machine = f"{document['processors']} processors, load {document['load']}"
    return f"\n{document['date']}: {versions}; {machine}.\n\n{table}"


if __name__ == "__main__":
    _PAGE.write_text(page(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
