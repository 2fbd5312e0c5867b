"""A cross-validation in a report: its numbers are the records', and they are not taken for independent runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_records import CONFIG, make_crossval, make_run
from recipelab.reports.crossval_tables import warnings
from recipelab.reports.drawn_folds import folds
from recipelab.reports.gathering import gather
from recipelab.reports.parts import Cell, Report, Table
from recipelab.reports.story import Drawers, report_of

ACCURACIES = [0.80, 0.82, 0.87]


def story(*places: Path) -> Report:
    return report_of(gather(places), Drawers(*[lambda _: ()] * 4, folds))


def table(report: Report, name: str) -> Table:
    return next(one for one in report.tables if one.name == name)


def cell(one: Table, row: int, column: str) -> Cell:
    return one.rows[row][[c.name for c in one.columns].index(column)]


def said(folder: Path) -> str:
    return " ".join(warnings(gather([folder]).crossvals[0]))


def test_every_metric_of_every_view_has_its_mean_and_deviation_over_the_folds(tmp_path: Path):
    report = story(make_crossval(tmp_path / "cv", ACCURACIES))
    means = table(report, "folds_1_means")
    assert [row[0].text for row in means.rows] == ["raw", "ema_0.99", "all folds together (logits)"]
    mean, deviation = np.mean(ACCURACIES), np.std(ACCURACIES, ddof=1)
    for row, better in ((0, 0.0), (1, 0.01)):
        found = cell(means, row, "val accuracy (%)")
        assert found.raw == (pytest.approx(mean + better), pytest.approx(deviation), 3)
        assert found.text == f"{100 * (mean + better):.2f} ± {100 * deviation:.2f}"
    assert cell(means, 0, "val nll").raw[:2] == (pytest.approx(1 - mean), pytest.approx(deviation))
    assert cell(means, 2, "test accuracy (%)").raw == (0.95, None, 1)
    assert cell(means, 2, "val accuracy (%)").text == ""
    assert report.sections[0].lead == (
        "Validation accuracy of 3 folds, mean ± standard deviation: 83.00 ± 3.61 % (weights raw)."
    )
    assert report.made.startswith("1 cross-validation, 3 runs")


def test_every_fold_leads_to_its_run(tmp_path: Path):
    report = story(make_crossval(tmp_path / "cv", ACCURACIES))
    rows = table(report, "folds_1_folds").rows
    assert [(row[0].text, row[4].text) for row in rows[:3]] == [("0", "raw"), ("0", "ema_0.99"), ("1", "raw")]
    cards = {card.anchor: card.name for card in report.cards}
    assert [cards[row[5].link] for row in rows] == ["f0", "f0", "f1", "f1", "f2", "f2"]
    assert [row[5].raw[0] for row in rows[::2]] == ACCURACIES


def test_the_folds_are_drawn_a_line_each(tmp_path: Path):
    (drawing,) = story(make_crossval(tmp_path / "cv", ACCURACIES)).sections[0].drawings
    assert [panel.title for panel in drawing.figure.panels] == [
        "validation accuracy",
        "validation nll",
        "training loss",
    ]
    for panel in drawing.figure.panels:
        assert [line.name for line in panel.marks] == ["fold 0", "fold 1", "fold 2"]


@pytest.mark.parametrize(
    ("count", "share"), [(2, "each is trained on what the other is validated on"), (3, "share 50%"), (5, "share 75%")]
)
def test_that_folds_are_no_independent_runs_stands_on_both_tables(tmp_path: Path, count: int, share: str):
    report = story(make_crossval(tmp_path / "cv", np.linspace(0.8, 0.9, count).tolist()))
    for one in report.sections[0].tables:
        assert share in one.warnings[0]
        assert "no interval over independent runs" in one.warnings[0]
        assert not any(c.strong for row in one.rows for c in row)


def test_folds_are_no_arms_and_other_runs_beside_them_are(tmp_path: Path):
    make_crossval(tmp_path / "all" / "cv", ACCURACIES)
    assert not any(one.name == "runs_arms" for one in story(tmp_path / "all").tables)
    for seed in (0, 1):
        make_run(tmp_path / "all" / f"r{seed}", seed=seed, config=CONFIG, recipe_hash="b" * 64)
    report = story(tmp_path / "all")
    assert [row[1].text for row in table(report, "runs_arms").rows] == ["2"]
    assert len(table(report, "runs").rows) == 5


def test_runs_that_are_named_are_no_cross_validation(tmp_path: Path):
    make_crossval(tmp_path / "cv", ACCURACIES)
    assert gather([tmp_path / "cv" / f"f{fold}" for fold in range(3)]).crossvals == ()
    assert [one.path.name for one in gather([tmp_path]).crossvals] == ["cv"]


def test_what_is_missing_or_older_than_the_records_is_said(tmp_path: Path):
    make_crossval(tmp_path / "whole", ACCURACIES)
    assert "trained" not in said(tmp_path / "whole").replace("trainings", "")
    assert "other means" not in said(tmp_path / "whole")
    assert "3 of 5 folds are trained" in said(make_crossval(tmp_path / "part", ACCURACIES, folds=5))
    stopped = make_crossval(tmp_path / "stopped", ACCURACIES, status="interrupted")
    assert "0 of 3 folds are trained" in said(stopped)
    file = tmp_path / "whole" / "cross_validation.json"
    summary: dict[str, Any] = json.loads(file.read_text())
    summary["mean"]["val"]["nll"] = 0.5
    file.write_text(json.dumps(summary))
    assert "other means than its records" in said(tmp_path / "whole")
    file.write_text("[]")
    report = story(tmp_path / "whole")
    assert "The summary cannot be read: cross_validation.json is not" in " ".join(report.sections[0].warnings)
    assert cell(table(report, "folds_1_means"), 0, "val accuracy (%)").raw[2] == 3


def test_odd_summaries_and_folds_are_still_a_report(tmp_path: Path):
    make_crossval(tmp_path / "cv", [0.5], folds=10**12, val={}, test=None, train=[])
    (tmp_path / "cv" / "cross_validation.json").write_text(
        '{"schema": 1, "status": "finished", "mean": 3, "ensemble": []}'
    )
    report = story(tmp_path)
    assert report.sections[0].lead == "No fold has a result yet."
    assert report.sections[0].tables == []
    make_run(tmp_path / "empty" / "r")
    (tmp_path / "empty" / "cross_validation.json").write_text("{}")
    assert story(tmp_path / "empty").sections[0].lead == "No fold has a record."
