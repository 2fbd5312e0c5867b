"""What the runs of a study took of their machine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Panel, Points
from recipelab.reports.material import OneRun
from recipelab.reports.numbers import Numbers
from recipelab.reports.run_courses import course, resources

PEAKS = (("device_memory_mb", "device memory, peak (MB)"), ("host_memory_mb", "host memory, peak (MB)"))
OVER_TIME = (
    ("images_per_second", "images/s"), ("epoch_seconds", "seconds an epoch"), ("host_memory_mb", "host memory (MB)"),
    ("device_memory_mb", "device memory (MB)"), ("cpu_percent", "CPU (%)"),
    ("device_utilization_percent", "device (%)"), ("device_watts", "device power (W)"), ("cpu_watts", "CPU power (W)"),
)  # fmt: skip
UNKNOWN = "This machine told neither device nor CPU power"
MOST_ARMS = 30


def consumption(found: Numbers) -> Chart | None:
    """Runtime, seconds an epoch, and the highest memory of each arm, a dot a run."""
    arms = found.arms[:MOST_ARMS]
    y = Axis("", categories=[arm.name for arm in arms], reverse=True)
    columns: list[tuple[str, list[list[float]]]] = [
        ("runtime (s)", [[float(r.run.result.get("seconds") or np.nan) for r in arm.readings] for arm in arms]),
        ("seconds an epoch", [[_median(course(r.run, "epoch_seconds")[1]) for r in arm.readings] for arm in arms]),
    ]
    for key, label in PEAKS:
        columns.append((label, [[_peak(resources(r.run), key) for r in arm.readings] for arm in arms]))
    panels = []
    for label, table in columns:
        if not np.isfinite([value for row in table for value in row]).any():
            continue
        marks = []
        for place, (arm, row) in enumerate(zip(arms, table, strict=True)):
            texts = [f"{arm.name}\nseed {r.seed}: {v:.4g} {label}" for r, v in zip(arm.readings, row, strict=True)]
            runs = [r.run.name for r in arm.readings]
            marks.append(Points(row, [float(place)] * len(row), "", 0, along="x", texts=texts, runs=runs))
        panels.append(Panel(Axis(label), y, marks))
    if not panels:
        return None
    blank = [label for key, label in PEAKS if all(_all_blank(r.run, key) for arm in arms for r in arm.readings)]
    caption = f"A dot a run, n = {found.seeds}." + f" Not told by this machine: {', '.join(blank)}." * bool(blank)
    return Chart("resources", "What each arm takes", panels, caption, columns=min(2, len(panels)), legend=False)


def power(found: Numbers) -> Chart | None:
    """Watts over the time of the best arm's first run; where the machine tells none, its load, and that it does not."""
    return power_of(found.best().readings[0].run, f"Power over the best run, {found.best().name}")


def power_of(run: OneRun, title: str) -> Chart | None:
    """Watts of a run over its seconds."""
    told = resources(run)
    for key, label in (
        ("device_watts", "device power (W)"),
        ("cpu_watts", "CPU power (W)"),
        ("cpu_percent", "CPU (%)"),
    ):
        values = told.get(key)
        if values is not None and np.isfinite(values).any():
            caption = "" if key.endswith("watts") else f"{UNKNOWN}; its load stands here instead."
            mean = float(np.nanmean(values))
            panel = Panel(Axis("seconds"), Axis(label), [Line(told["seconds"], values, f"mean {mean:.4g}")])
            return Chart("power", title, [panel], caption)
    return None


def over_time(run: OneRun) -> Chart | None:
    """Speed, memory, load and watts of a run over its time; what its machine did not tell is left out, and said."""
    told, panels, blank = resources(run), [], []
    for key, label in OVER_TIME:
        x, y = course(run, key) if key in ("images_per_second", "epoch_seconds") else (_seconds(told), told.get(key))
        if y is not None and len(y) and np.isfinite(y).any():
            axis = Axis("epoch") if key in ("images_per_second", "epoch_seconds") else Axis("seconds")
            panels.append(Panel(axis, Axis(label), [Line(x, y)]))
        else:
            blank.append(label)
    if not panels:
        return None
    caption = f"Not told: {', '.join(blank)}." if blank else ""
    return Chart("resources", "Resources over time", panels, caption, columns=min(3, len(panels)), legend=False)


def _seconds(told: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return told.get("seconds", np.zeros(0))


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _peak(told: Mapping[str, NDArray[np.float64]], key: str) -> float:
    values = told.get(key, np.zeros(0))
    return float(np.nanmax(values)) if np.isfinite(values).any() else float("nan")


def _all_blank(run: OneRun, key: str) -> bool:
    return not np.isfinite(_peak(resources(run), key))
