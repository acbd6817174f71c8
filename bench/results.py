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
from collections.abc import Iterator, Sequence
from typing import Any

from bench.processes import Cost
from reconciler import version

OURS = "reconciler"
FLOOR = "floor"
FOLDER = pathlib.Path("bench/results")
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
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "versions": {
                "reconciler": version.VERSION,
                "python": platform.python_version(),
                "temporalio": importlib.metadata.version("temporalio"),
            },
            "processors": os.cpu_count(),
            "load": round(os.getloadavg()[2], 1),  # over the last 15 minutes
            "backend": self.backend,
            "size": self.size,
            "requests": self.requests,
            "costs": {
                name: {who: [dataclasses.asdict(cost) for cost in costs] for who, costs in each.items()}
                for name, each in self.costs.items()
            },
        }


def loaded(path: pathlib.Path) -> Table:
    """Return a saved table."""
    document = json.loads(path.read_text(encoding="utf-8"))
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
_BEGIN, _END = "<!-- measured -->\n", "<!-- end of measured -->\n"


def page(text: str) -> str:
    """Return the page with the tables of all saved results."""
    documents = sorted(FOLDER.glob("*.json"), key=_order)
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return (
        before
        + _BEGIN
        + "".join(f"\n{_caption(path)}\n\n{loaded(path).text()}" for path in documents)
        + "\n"
        + _END
        + after
    )


def _order(path: pathlib.Path) -> tuple[str, int]:
    backend, _, size = path.stem.partition("-")
    return backend, int(size)


def _caption(path: pathlib.Path) -> str:
    document = json.loads(path.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    return f"{document['date']}: {versions}; {document['processors']} processors, load {document['load']}."


if __name__ == "__main__":
    _PAGE.write_text(page(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
