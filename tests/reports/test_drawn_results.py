"""Figures of a run's results from what its record keeps beside their pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_records import make_run, make_study
from recipelab.commands.report import report
from recipelab.figures.chart import Heat, Points
from recipelab.figures.confusion import Confusions
from recipelab.figures.parity import Predictions
from recipelab.reports.cards import PNG, card
from recipelab.reports.drawings import figures_of_run
from recipelab.reports.drawn_results import CLASSES, of_results
from recipelab.reports.material import OneRun
from recipelab.reports.parts import Drawing

SWEEP = """kind,view,half_life,half_life_epochs,decay,accuracy
raw,raw,0,0,0,0.8
tracked,ema_0.99,69,6.9,0.99,0.9
synthesised,,10,1.0,0.93,0.85
synthesised,,20,2.0,0.96,
"""


TARGET = {
    "name": "a", "truth": [0.0], "prediction": [0.0], "mae": 0.0, "r2": None, "samples": 1, "lost": 0,
    "edges": [0.0, 1.0], "heights": [1],
}  # fmt: skip


def keep(run: Path, name: str, content: Any, schema: int = 1) -> None:
    (run / "figures").mkdir(exist_ok=True)
    (run / "figures" / name).write_text(json.dumps({"schema": schema, **content}))


def confusions(classes: int = 3) -> dict[str, Any]:
    matrix = np.diag(np.full(classes, 40)) + np.random.default_rng(0).poisson(0.1, (classes, classes))
    return asdict(Confusions.of(matrix, [f"class {i}" for i in range(classes)], "resnet20: last raw on val"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = make_run(tmp_path / "run")
    keep(folder, "confusion_val.json", confusions())
    truth = np.linspace(0, 1, 50)[:, None]
    keep(folder, "parity_val.json", asdict(Predictions.of(truth, truth + 0.1, [], "t")))
    (folder / "averages").mkdir()
    (folder / "averages" / "sweep_val.csv").write_text(SWEEP)
    return folder


def test_charts_are_named_as_the_pictures_of_the_record(run: Path):
    one = OneRun(run, "run")
    made = {chart.name: chart for chart in of_results(one)}
    names = ["confusion_val", "confusion_val_normalized", "parity_val", "residuals_val", "decay_sweep_val"]
    assert list(made) == names
    assert one.problems == []
    heat = made["confusion_val"].panels[0].marks[0]
    assert isinstance(heat, Heat)
    assert np.nansum(heat.values) == sum(samples for *_, samples in confusions()["counts"])
    points = made["parity_val"].panels[0].marks[0]
    assert isinstance(points, Points)
    assert len(points.x) == 50
    assert made["decay_sweep_val"].panels[0].y.label == "val accuracy (%)"
    assert set(names) <= {figure.name for figure in figures_of_run(one)}


def test_the_page_has_a_figure_or_its_picture_and_not_both(run: Path):
    for name in ("confusion_val", "confusion_val_normalized", "confusion_test"):
        (run / "figures" / f"{name}.png").write_bytes(PNG)
    one = OneRun(run, "run")
    drawings = [Drawing(f"run_1_{chart.name}", chart) for chart in of_results(one)]
    assert [picture.name for picture in card(one, "run-1", drawings, pictures=True).pictures] == ["confusion test"]
    assert len(card(one, "run-1", [], pictures=True).pictures) == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("confusion_val.json", {"counts": [[0, 9, 1]]}, "(0, 9, 1) is no cell of 3 classes"),
        ("confusion_val.json", {"counts": [["<b>", 0, 1]]}, "counts.0.0: Input should be a valid integer"),
        ("confusion_val.json", {"schema": 2}, "is not of schema 1"),
        ("confusion_val.json", {"class_names": ["a"]}, "1 names of 3 classes"),
        ("parity_val.json", {"targets": [{}]}, "targets.0.name: Field required"),
        ("parity_val.json", {"targets": [{**TARGET, "truth": [float("nan")]}]}, "a: not finite, or beyond 1e+30"),
        ("confusion_<b>.json", {}, "is none of ours"),
    ],
)
def test_what_is_damaged_is_said_and_the_rest_is_drawn(run: Path, name: str, content: dict[str, Any], says: str):
    before = {chart.name for chart in of_results(OneRun(run, "run"))}
    kind = confusions() if name.startswith("confusion") else {"title": "t", "count": 1, "targets": []}
    keep(run, name, {**kind, **content}, content.pop("schema", 1))
    one = OneRun(run, "run")
    left = {chart.name for chart in of_results(one)}
    assert [problem for problem in one.problems if says in problem], one.problems
    assert left == before - {n for n in before if Path(name).stem in (n, n.removesuffix("_normalized"))} - (
        {"residuals_val"} if name.startswith("parity") else set()
    )


@pytest.mark.parametrize("text", ["", "kind\n", SWEEP.replace("0.85", "x"), SWEEP.replace("1.0", "-1"), SWEEP[:110]])
def test_a_sweep_that_is_no_curve_is_said_to_be_none(run: Path, text: str):
    (run / "averages" / "sweep_val.csv").write_text(text)
    one = OneRun(run, "run")
    assert "decay_sweep_val" not in [chart.name for chart in of_results(one)]
    assert one.problems[0].startswith("averages/sweep_val.csv: ")


def test_links_and_large_files_are_left_alone(run: Path, tmp_path: Path):
    (tmp_path / "elsewhere.json").write_text(json.dumps({"schema": 1, **confusions()}))
    (run / "figures" / "confusion_val.json").unlink()
    (run / "figures" / "confusion_val.json").symlink_to(tmp_path / "elsewhere.json")
    (run / "figures" / "confusion_test.json").write_text(" " * (2**21 + 1))
    one = OneRun(run, "run")
    assert not [chart for chart in of_results(one) if chart.name.startswith("confusion")]
    assert all("is no file of at most" in problem for problem in one.problems)
    assert len(one.problems) == 2


def test_of_very_many_classes_the_picture_is_enough(run: Path):
    keep(run, "confusion_val.json", confusions(CLASSES + 1))
    assert not [chart for chart in of_results(OneRun(run, "run")) if chart.name.startswith("confusion")]


def test_a_page_of_matrices_of_100_classes_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each run's two figures add less than 25 kB, so that a page of 100 runs stays far below 6 MB."""
    monkeypatch.chdir(tmp_path)
    sizes = []
    for kept in (False, True):
        study = make_study(tmp_path / str(kept), {"a": [0.8, 0.81], "b": [0.9, 0.92]})
        for folder in sorted((study / "runs").iterdir()) if kept else ():
            keep(folder, "confusion_val.json", confusions(100))
        sizes.append(report(str(study), output=f"out{kept}").stat().st_size)
    assert 0 < (sizes[1] - sizes[0]) / 4 < 25_000
