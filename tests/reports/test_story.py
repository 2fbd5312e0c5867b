"""What a report says: its numbers are the records', each leads to its runs, and doubts stand on every table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_records import CONFIG, make_crossval, make_run, make_study
from recipelab.reports.drawings import tables_of
from recipelab.reports.gathering import gather
from recipelab.reports.markdown import markdown, table_lines
from recipelab.reports.page import html
from recipelab.reports.parts import Report, Table, table_anchor
from recipelab.reports.story import Drawers, report_of
from recipelab.statistics.paired import compare

VALUES = {"plain": [0.80, 0.81, 0.80], "warm-up": [0.90, 0.92, 0.91]}


def story(*places: Path) -> Report:
    return report_of(gather(places), Drawers(*[lambda _: ()] * 5))


def table(report: Report, name: str) -> Table:
    return next(one for one in report.tables if one.name == name)


def column(one: Table, name: str) -> list[Any]:
    index = [c.name for c in one.columns].index(name)
    return [row[index] for row in one.rows]


def test_every_number_of_an_arm_leads_to_its_results_and_those_to_their_runs(tmp_path: Path):
    report = story(make_study(tmp_path / "s", VALUES))
    arms, results = table(report, "study_1_arms"), table(report, "study_1_results")
    for name in ("test accuracy (%)", "n", "training time"):
        assert [cell.link for cell in column(arms, name)] == list(results.anchors) == ["study-1-arm-1", "study-1-arm-2"]
    cards = {card.anchor: card for card in report.cards}
    for row, values in zip(results.rows, VALUES.values(), strict=True):
        for cell, value in zip(row[1:], values, strict=True):
            assert cell.raw == (value,)
            assert f"test accuracy {100 * value:.2f} %" in cards[cell.link].headline
            assert "recipe aaaaaaaaaa" in cell.hint
            assert ("recipe hash", "a" * 64) in cards[cell.link].facts


def test_every_link_has_its_target(tmp_path: Path):
    folder = make_study(tmp_path / "s", VALUES)
    summary = json.loads((folder / "summary.json").read_text())
    effect = {
        "terms": [["lr", "0.2"]],
        "mean": 0.1,
        "low": 0.0,
        "high": 0.2,
        "n": 3,
        "std": 0.1,
        "interval": "t",
        "p": 0.1,
    }
    (folder / "summary.json").write_text(json.dumps({**summary, "effects": [effect]}))
    make_run(tmp_path / "r" / "a", seed=0)
    make_run(tmp_path / "r" / "b", seed=1)
    make_crossval(tmp_path / "r" / "cv", [0.8, 0.9])
    for report, names in (
        (story(folder), {"study_1_effects"}),
        (story(tmp_path / "r"), {"runs_arms", "folds_1_means"}),
    ):
        assert names <= {one.name for one in report.tables}
        targets = {one.anchor for one in (*report.sections, *report.cards)}
        targets |= {anchor for one in report.tables for anchor in (table_anchor(one.name), *one.anchors)}
        cells = [cell for one in report.tables for row in one.rows for cell in row]
        links = {cell.target(report.anchors) for cell in cells} - {""}
        assert links <= targets
        for made in (html(report), markdown(report, ())):
            assert all(f'id="{link}"' in made for link in links)


def test_a_number_of_a_table_that_the_study_asks_for_leads_to_its_runs(tmp_path: Path):
    nothing = lambda _: ()  # noqa: E731
    folder = make_study(tmp_path / "s", VALUES)
    tables = Drawers(nothing, tables_of, nothing, nothing, nothing)
    assert not any("recipes" in one.name for one in report_of(gather([folder]), tables).tables), "all are the same"
    for path in folder.glob("runs/1-*/config.yaml"):
        path.write_text(path.read_text().replace("lr: 0.1", "lr: 0.2"))
    report = report_of(gather([folder]), tables)
    recipes = table(report, "study_1_table_recipes")
    heads = [(column.name, column.number) for column in recipes.columns]
    assert heads == [("arm", False), ("optimizer.lr", True), ("test accuracy (%)", True), ("minutes", True)]
    cell = recipes.rows[1][2]
    assert (cell.target(report.anchors), cell.strong) == ("run-4", True)
    assert '<a href="#run-4" title="runs runs/1-0, runs/1-1, runs/1-2">91.00 ± 1.00</a>' in html(report)
    assert "[**91.00 ± 1.00**](#run-4)" in markdown(report, ())
    assert "(#run-4)" not in "".join(table_lines(recipes)), "without the runs beside it there is nothing to lead to"


def test_the_best_is_marked_where_the_study_proved_it_and_nowhere_else(tmp_path: Path):
    folder = make_study(tmp_path / "s", VALUES)
    assert [c.strong for c in column(table(story(folder), "study_1_arms"), "test accuracy (%)")] == [False, True]
    summary = json.loads((folder / "summary.json").read_text())
    summary["arms"][1] |= {"best": False}
    summary["arms"][1]["verdict"]["word"] = "unproven"
    (folder / "summary.json").write_text(json.dumps(summary))
    assert [c.strong for c in column(table(story(folder), "study_1_arms"), "test accuracy (%)")] == [False, False]


def test_every_metric_has_mean_interval_n_and_the_p_of_a_paired_test(tmp_path: Path):
    metrics = table(story(make_study(tmp_path / "s", VALUES)), "study_1_metrics")
    plain, warm = column(metrics, "test nll")
    assert plain.raw[0] == pytest.approx(np.mean([0.2, 0.19, 0.2]))
    assert plain.raw[3:] == (3, None)
    losses = [1 - np.array(values) for values in VALUES.values()]
    assert warm.raw[4] == pytest.approx(compare(losses[1], losses[0]).p)
    assert (plain.strong, warm.strong) == (False, True)  # lower is better
    assert [c.text.split()[0] for c in column(metrics, "val accuracy (%)")] == ["80.33", "91.00"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"protocol": "test_as_val"}, "Protocol test_as_val: selection saw the test split"),
        ({"lockbox": {"policy": "end", "opened": 2}}, "The test split was opened more than once"),
    ],
)
def test_what_tables_suffer_from_stands_on_every_one_of_them(tmp_path: Path, fields: dict[str, Any], said: str):
    clean = story(make_study(tmp_path / "clean", VALUES))
    touched = story(make_study(tmp_path / "touched", VALUES, **fields))
    for one in (*clean.sections[0].tables, *clean.sections[1].tables):
        assert one.warnings == []
    for one in (*touched.sections[0].tables, *touched.sections[1].tables):
        assert any(said in warning for warning in one.warnings)


def test_mixed_executions_are_said_and_nothing_is_called_best(tmp_path: Path):
    for seed in range(3):
        make_run(tmp_path / "r" / f"a{seed}", seed=seed, accuracy=0.8 + 0.001 * seed)
        better = {**CONFIG, "optimizer": {**CONFIG["optimizer"], "lr": 0.2}}
        fields = {"config": better, "recipe_hash": "b" * 64}
        make_run(tmp_path / "r" / f"b{seed}", seed=seed, accuracy=0.9 + 0.003 * seed, **fields)
    alike = table(story(tmp_path / "r"), "runs_arms")
    assert [c.strong for c in column(alike, "test accuracy (%)")] == [False, True]
    result = json.loads((tmp_path / "r/b0/result.json").read_text())
    (tmp_path / "r/b0/result.json").write_text(json.dumps({**result, "fingerprint": "0" * 64}))
    report = story(tmp_path / "r")
    assert [c.strong for c in column(table(report, "runs_arms"), "test accuracy (%)")] == [False, False]
    assert all("Mixed execution" in one.warnings[0] for one in report.sections[0].tables)


def test_arms_are_equal_recipes_but_for_the_seed_with_only_the_keys_that_differ(tmp_path: Path):
    for seed in range(3):
        make_run(tmp_path / f"a{seed}", seed=seed)
    other = {**CONFIG, "model": {"_target_": "recipelab.models.mlp.MLP", "hidden": [8]}}
    make_run(tmp_path / "b", seed=1, config=other, recipe_hash="b" * 64)
    report = story(tmp_path)
    arms, runs = table(report, "runs_arms"), table(report, "runs")
    assert [c.text for c in column(arms, "arm")] == ["model=resnet20", "model=MLP"]
    assert [c.text for c in column(arms, "n")] == ["3", "1"]
    keys = [c.name for c in runs.columns][2:-9]
    assert keys == ["model"]  # width and hidden are of one model each
    assert [c.text for c in column(runs, "model")] == ["resnet20", "resnet20", "resnet20", "MLP"]


def test_a_summary_that_is_older_than_its_records_is_said(tmp_path: Path):
    folder = make_study(tmp_path / "s", VALUES)
    summary = json.loads((folder / "summary.json").read_text())
    summary["runs"][0]["value"] = 0.99
    (folder / "summary.json").write_text(json.dumps(summary))
    assert any("says other numbers than 1 of its records" in one for one in story(folder).sections[0].warnings)


def test_unfinished_and_unreadable_runs_are_said(tmp_path: Path):
    make_run(tmp_path / "good")
    make_run(tmp_path / "stopped", status="interrupted", reason="SIGTERM", train=None, val=None, test=None)
    make_run(tmp_path / "broken")
    (tmp_path / "broken" / "result.json").write_text("[]")
    report = story(tmp_path)
    assert "The record broken cannot be read" in report.warnings[0]
    assert any("Not finished" in one and "stopped" in one for one in report.sections[0].warnings)
    card = next(card for card in report.cards if card.name == "stopped")
    assert (card.headline, card.warnings[0]) == ("no result", "SIGTERM")


def test_a_run_has_its_recipe_command_environment_and_identity(tmp_path: Path):
    folder = make_run(tmp_path / "a run")
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "epochs": 4.0}))
    (card,) = story(folder).cards
    assert card.command == f"recipelab train --config '{folder}'"
    assert [text.title for text in card.texts] == ["Recipe (config.yaml)", "Environment (environment.json)"]
    facts = dict(card.facts)
    assert (facts["recipe hash"], facts["fingerprint"]) == ("a" * 64, "f" * 64)
    assert facts["test split"] == "lockbox end, opened 1 times"
    assert facts["epochs"] == "4 of 4"
    (metrics,) = card.tables
    assert [[c.text for c in row[:3]] for row in metrics.rows] == [
        ["last", "raw", "90.00"],
        ["last", "ema_0.99", "91.00"],
        ["best", "raw", "90.00"],
        ["best", "ema_0.99", "91.00"],
    ]


def test_a_later_evaluation_says_how_it_was_made(tmp_path: Path):
    """A temperature or test-time augmentation changes what its numbers are."""
    run = make_run(tmp_path / "r")
    (run / "evaluations").mkdir()
    row = {"name": "r", "checkpoint": "best", "view": "raw", "metrics": {"nll": 0.5}}
    plain = {"rows": [row], "data": {"name": "digits", "split": "test"}}
    asked = {**plain, "tta": "flip", "rows": [{**row, "calibration": {"temperature": 1.25, "nll": [0.6, 0.5]}}]}
    for name, content in (("1", plain), ("2", asked)):
        (run / "evaluations" / f"{name}.json").write_text(json.dumps(content))
    report = story(run)
    (found,) = [t for card in report.cards for t in card.tables if t.title == "Later evaluations"]
    assert [cell.text for cell in column(found, "how")] == ["", "tta flip, temperature 1.25"]


def test_a_record_of_odd_types_is_still_a_report(tmp_path: Path):
    odd = {
        "headline": 3,
        "lockbox": [],
        "progress": "x",
        "seconds": "long",
        "val": [1],
        "test": {"last": 2},
    }
    make_run(tmp_path / "odd", **odd, resumed="x", forked_from=1)
    result = json.loads((tmp_path / "odd/result.json").read_text())
    (tmp_path / "odd/result.json").write_text(json.dumps({**result, "seed": {}, "created": 3, "recipe_hash": []}))
    make_run(tmp_path / "good")
    assert len(story(tmp_path).cards) == 2


def test_what_a_record_lacks_is_said_without_its_place(tmp_path: Path):
    for name in ("config.yaml", "environment.json"):
        (make_run(tmp_path / name) / name).unlink()
    said = [warning for card in story(tmp_path).cards for warning in card.warnings]
    assert said == [f"It is no complete record: {name} is missing" for name in ("config.yaml", "environment.json")]
