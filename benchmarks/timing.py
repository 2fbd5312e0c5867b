"""What every benchmark shares: a figure with its spread, the machine it was taken on, a table, a JSON file.

A benchmark measures the contestants one after the other in every round, in one process, and forms the ratio or the
difference within the round: on a machine that drifts by 5 to 15 % from minute to minute nothing else can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured figure: a value a round.

    name: what was measured. unit: of the values ("images/s", "us", "" for a ratio).
    goal: the value to reach, or None; at_most: whether the goal is an upper limit.
    """

    name: str
    values: list[float]
    unit: str = ""
    goal: float | None = None
    at_most: bool = False

    @property
    def median(self) -> float:
        """The figure itself."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        if self.goal is None:
            return None
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def cells(self) -> tuple[str, str, str, str]:
        """Name, median with unit, range, goal with verdict."""
        span = f"({_short(min(self.values))} to {_short(max(self.values))})" if len(self.values) > 1 else ""
        sign = "<=" if self.at_most else ">="
        goal = "" if self.goal is None else f"{sign} {_short(self.goal)}: {'met' if self.met else 'MISSED'}"
        return self.name, f"{_short(self.median)} {self.unit}".rstrip(), span, goal

    def plain(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        return {**asdict(self), "median": self.median, "met": self.met}


@dataclass(frozen=True)
class Report:
    """What one benchmark found. settings: one line of words; notes: lines beside the figures."""

    benchmark: str
    settings: str
    figures: list[Figure]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.benchmark}: {self.settings}", table(self.figures), *self.notes])

    def plain(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        figures = [figure.plain() for figure in self.figures]
        return {"benchmark": self.benchmark, "settings": self.settings, "notes": self.notes, "figures": figures}


def table(figures: Sequence[Figure]) -> str:
    """One aligned line a figure: name, median, lowest to highest, goal."""
    rows = [figure.cells() for figure in figures]
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"  {name:<{wide[0]}}  {value:>{wide[1]}}  {span:<{wide[2]}}  {goal}".rstrip()
        for name, value, span, goal in rows
    )


def finish(report: Report, json_file: str | None) -> Report:
    """Print a report and the machine; write both as JSON where asked. Returns the report."""
    print(report)
    print(machine_line(), flush=True)
    if json_file:
        write_json(Path(json_file), [report])
    return report


def write_json(path: Path, reports: Sequence[Report]) -> None:
    """The reports and the machine, for a later comparison."""
    content = {"machine": machine(), "reports": [report.plain() for report in reports]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    import torch

    from recipelab.records.environment import describe

    return {
        "date": date.today().isoformat(),
        "cpu": describe()["cpu"]["model"],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def machine_line() -> str:
    """`machine` in one line."""
    found = machine()
    where = found["gpu"] or f"{found['cpu']}, {found['cores']} cores"
    busy = "" if found["load"] is None else f", load {found['load']:.1f}"
    return f"{found['date']}: {where}{busy}, torch {found['torch']}, Python {found['python']}"


def parser(description: str) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a few seconds: to see that it runs, not what it measures")
    made.add_argument("--json", metavar="FILE", help="write the figures to FILE, too")
    return made


def _short(value: float) -> str:
    """Three digits or more, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"
