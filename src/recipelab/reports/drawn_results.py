"""What a run's record keeps of its results beside their pictures: confusions, predictions, a curve over decays.

Written by us, and read as if by anybody: every field is checked, and what is none of ours is said to be so.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from recipelab.averaging.synthesis import AMPLIFICATION, RESIDUAL
from recipelab.core.errors import UserError
from recipelab.core.plain import read_json
from recipelab.figures.chart import Chart
from recipelab.figures.confusion import Confusions
from recipelab.figures.decay_curve import DecayCurve, decay_chart
from recipelab.figures.parity import PANELS, POINTS, Predictions
from recipelab.reports.material import OneRun
from recipelab.reports.numbers import metric_axis

Kept = TypeVar("Kept")
SCHEMA = 1
LARGEST = 2**21  # bytes of a file
CLASSES = 200  # whose matrix a page shows; of more, the picture is enough
BOUND = f"residual above {RESIDUAL} or amplification above {AMPLIFICATION:g}"
_SPLIT = re.compile(r"[a-z0-9]+")


def of_results(run: OneRun) -> list[Chart]:
    """Charts named as the pictures in the record's folder figures are; none of a file that cannot be read, which is
    noted in the run's problems."""
    made: list[Chart] = []
    for pattern, make in _MAKE.items():
        for path in sorted(run.path.glob(pattern)):
            try:
                made += make(path, run)
            except (UserError, ValueError, OSError) as error:
                reason = str(error).splitlines()[0].replace(f"{path}", "").strip(" :")
                run.problems.append(f"{path.relative_to(run.path)}: {reason}")
    return made


def _confusions(path: Path, run: OneRun) -> Iterator[Chart]:
    split = _split(path, "confusion_")
    kept = _read(path, TypeAdapter(Confusions))
    if 1 <= kept.classes <= CLASSES:
        yield from kept.charts(f"confusion_{split}")


def _predictions(path: Path, run: OneRun) -> Iterator[Chart]:
    split = _split(path, "parity_")
    kept = _read(path, TypeAdapter(Predictions))
    if len(kept.targets) > PANELS or sum(len(one.truth) for one in kept.targets) > POINTS:
        raise ValueError(f"more than {PANELS} targets or {POINTS:,} samples")
    yield from kept.charts(f"parity_{split}", f"residuals_{split}")


def _sweep(path: Path, run: OneRun) -> Iterator[Chart]:
    split = _split(path, "sweep_")
    _require_size(path)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metric = "mae" if run.result.get("task") == "regression" else "accuracy"
    try:
        yield decay_chart(
            _curve(rows, metric),
            f"Averages at the end, {split}",
            metric_axis(metric, split),
            BOUND,
            f"decay_sweep_{split}",
        )
    except (KeyError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"no curve over decays ({error!r})") from error


def _curve(rows: list[dict[str, str]], metric: str) -> DecayCurve:
    """Of the rows of sweep_<split>.csv."""
    made = [row for row in rows if row["kind"] == "synthesised"]
    tracked = {
        row["view"]: (float(row["half_life_epochs"]), float(row[metric])) for row in rows if row["kind"] == "tracked"
    }
    found = DecayCurve(
        half_lives=np.array([float(row["half_life_epochs"]) for row in made]),
        values=np.array([float(row[metric] or "nan") for row in made]),
        raw=[float(row[metric]) for row in rows if row["kind"] == "raw"][0],
        steps_per_epoch=float(made[0]["half_life"]) / float(made[0]["half_life_epochs"]),
        tracked={view: point for view, point in tracked.items() if point[0] > 0},
    )
    places = [*found.half_lives.tolist(), *(place for place, _ in found.tracked.values()), found.steps_per_epoch]
    if not all(1e-9 < place < 1e9 for place in places):  # NaN is neither
        raise ValueError("half-lives are positive numbers of epochs")
    return found


def _split(path: Path, before: str) -> str:
    split = path.stem.removeprefix(before)
    if not _SPLIT.fullmatch(split):
        raise ValueError("is none of ours")
    return split


def _require_size(path: Path) -> None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        raise ValueError(f"is no file of at most {LARGEST:,} bytes")


def _read(path: Path, kind: TypeAdapter[Kept]) -> Kept:
    _require_size(path)
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"is not of schema {SCHEMA}")
    try:
        return kind.validate_python({key: value for key, value in content.items() if key != "schema"})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


_MAKE: dict[str, Callable[[Path, OneRun], Iterator[Chart]]] = {
    "figures/confusion_*.json": _confusions,
    "figures/parity_*.json": _predictions,
    "averages/sweep_*.csv": _sweep,
}
