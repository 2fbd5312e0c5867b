"""What a report reads of a search, draws of it, and says in its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from made_records import make_search
from recipelab.core.errors import UserError
from recipelab.figures.chart import Chart, Line, Parallel, Points
from recipelab.reports.drawn_searches import figures_of_search
from recipelab.reports.gathering import gather
from recipelab.reports.search_tables import lead_of_search, trials_table
from recipelab.reports.searches import read_search

SPACE = [
    {"name": "optimizer.lr", "levels": None, "log": True},
    {"name": "model", "levels": ["mlp", "cnn"], "log": False},
]
TRIALS: list[dict[str, Any]] = [
    {"accuracy": 0.5, "params": {"optimizer.lr": 0.01, "model": "cnn"}, "seconds": 3.0, "evaluations": 4},
    {"state": "pruned", "params": {"optimizer.lr": 1.0, "model": "mlp"}, "reason": "below the median\nof 3"},
    {"accuracy": 0.9, "params": {"optimizer.lr": 0.1, "model": "mlp"}, "repeats": 1},
    {"accuracy": 0.7, "params": {"optimizer.lr": 0.2, "model": "mlp"}},
]


def change(folder: Path, **fields: Any) -> None:
    path = folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def charts(folder: Path) -> dict[str, Any]:
    return {figure.name: figure for figure in figures_of_search(read_search(folder))}


def test_the_course_shows_each_finished_trial_and_the_best_so_far(tmp_path: Path) -> None:
    found = charts(make_search(tmp_path / "s", TRIALS))
    dots, best = found["search_history"].panels[0].marks
    assert isinstance(dots, Points)
    assert isinstance(best, Line)
    assert list(dots.x) == [0, 2, 3]
    assert list(dots.y) == [0.5, 0.9, 0.7]
    assert list(best.y) == [0.5, 0.9, 0.9]
    assert "3 finished, 1 pruned, 0 failed" in found["search_history"].caption


def test_of_a_metric_that_falls_the_best_so_far_falls(tmp_path: Path) -> None:
    trials = [{"nll": value, "accuracy": 0.5, "params": {"optimizer.lr": 0.1}} for value in (0.5, 0.7, 0.3)]
    goal = {"name": "nll", "direction": "minimize", "column": "val_raw_nll"}
    found = charts(make_search(tmp_path / "s", trials, metrics=[goal], best=[2]))
    assert list(found["search_history"].panels[0].marks[1].y) == [0.5, 0.5, 0.3]


def test_parameters_lie_on_their_scales(tmp_path: Path) -> None:
    found = charts(make_search(tmp_path / "s", TRIALS, space=SPACE, importances={"model": 0.25, "optimizer.lr": 0.75}))
    rate, model = found["search_slices"].panels
    assert rate.x.log
    assert list(rate.marks[0].x) == [0.01, 0.1, 0.2]
    assert model.x.categories == ["mlp", "cnn"]
    assert list(model.marks[0].x) == [1, 0, 0]
    parallel = found["search_parallel"]
    assert isinstance(parallel, Parallel)
    assert [list(one.values) for one in parallel.dimensions] == [[0.01, 0.1, 0.2], [1, 0, 0]]
    assert list(parallel.value.values) == [0.5, 0.9, 0.7]
    shares = found["search_importances"].panels[0]
    assert shares.y.categories == ["optimizer.lr", "model"]
    assert list(shares.marks[-1].x) == [0.75, 0.25]


def test_a_summary_without_scales_is_drawn_by_its_values(tmp_path: Path) -> None:
    rate, model = charts(make_search(tmp_path / "s", TRIALS))["search_slices"].panels
    assert not rate.x.log
    assert model.x.categories == ["cnn", "mlp"]


def test_several_metrics_have_a_front(tmp_path: Path) -> None:
    goals = [
        {"name": "accuracy", "direction": "maximize", "column": "val_raw_accuracy"},
        {"name": "seconds", "direction": "minimize", "column": None, "label": "seconds of training"},
    ]
    trials = [{"accuracy": a, "seconds": s, "params": {"optimizer.lr": a}} for a, s in ((0.5, 1), (0.9, 2), (0.4, 3))]
    folder = make_search(tmp_path / "s", trials, metrics=goals, best=[1, 0])
    front = charts(folder)["search_front"]
    assert isinstance(front, Chart)
    beaten, best = front.panels[0].marks
    assert list(beaten.x) == [3]
    assert list(best.y) == [0.5, 0.9]
    (search,) = gather([folder]).searches
    table = trials_table(search, {run.name: "run-1" for run in search.runs.values()}, [])
    heads = [column.name for column in table.columns]
    assert heads.count("training time") == 1
    assert [row[-1].text for row in table.rows] == ["Pareto front", "Pareto front", ""]
    assert "2 of them are not beaten in all of accuracy, seconds" in lead_of_search(search.found)


def test_a_search_of_one_trial_draws_nothing(tmp_path: Path) -> None:
    assert charts(make_search(tmp_path / "s", TRIALS[:2])) == {}


def test_the_table_has_a_row_a_trial_that_leads_to_its_run(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "s", TRIALS)
    material = gather([folder])
    (search,) = material.searches
    assert material.title == "Which rate?"
    table = trials_table(search, {run.name: f"to {run.name}" for run in material.runs}, ["mind this"])
    assert [row[0].text for row in table.rows] == ["2", "3", "0", "1"]
    assert [row[2].text for row in table.rows] == ["90.00", "70.00", "50.00", ""]
    assert [row[-1].text for row in table.rows] == ["winner", "", "", "below the median"]
    assert table.rows[0][2].link == "to trials/0002/run"
    assert not any(cell.strong for row in table.rows for cell in row)  # chosen, not proven
    assert table.warnings == ["mind this"]


def test_the_winners_test_value_is_said_where_the_split_was_opened(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "s", TRIALS)
    assert "In test" not in lead_of_search(read_search(folder))
    change(folder, test={"trial": 2, "accuracy": 0.85, "f1_per_class": [0.1]}, opened=1)
    said = lead_of_search(read_search(folder))
    assert "validation accuracy 90.00 % (raw, final evaluation), the best of 3" in said
    assert said.endswith("In test, opened for it alone: accuracy 85.00 %.")


def test_a_search_without_a_finished_trial_is_told(tmp_path: Path) -> None:
    said = lead_of_search(read_search(make_search(tmp_path / "s", TRIALS[1:2])))
    assert said == "1 trial: 1 pruned."


def test_a_record_that_is_gone_has_no_link(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "s", [{**TRIALS[0], "record": "trials/elsewhere/run"}, TRIALS[2]])
    material = gather([folder])
    table = trials_table(material.searches[0], {run.name: "there" for run in material.runs}, [])
    assert [row[0].link for row in table.rows] == ["there", ""]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metrics": []}, "values or best"),
        ({"best": [1]}, "values or best"),
        ({"best": "two"}, "best"),
        ({"trials": [{"trial": 0, "state": "finished", "params": {}}]}, "values or best"),
        ({"importances": {"model": "much"}}, "importances.model"),
    ],
)
def test_a_summary_that_no_search_writes_is_refused(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    folder = make_search(tmp_path / "s", TRIALS)
    change(folder, **fields)
    with pytest.raises(UserError, match=f"is not what `recipelab tune` writes: .*{said}"):
        gather([folder])
