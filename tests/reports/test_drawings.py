"""Figures and tables of a study, drawn from records and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from recipelab.figures.catalogue import CATALOGUE
from recipelab.figures.chart import Points
from recipelab.figures.live import live
from recipelab.reports.drawings import figures_of_run, figures_of_runs, figures_of_study, tables_of
from recipelab.reports.gathering import gather
from recipelab.reports.half_lives import half_lives
from recipelab.reports.markdown import table_lines

SCHEDULERS, AVERAGES, SEEDS = ("cosine", "<b>constant"), ("none", "ema"), (0, 1, 2)
GAIN = {("cosine", "none"): 0.8, ("cosine", "ema"): 0.81, ("<b>constant", "none"): 0.7, ("<b>constant", "ema"): 0.9}
EPOCHS = 4
VERDICT = {
    "word": "better", "p": 0.01, "p_unadjusted": 0.01, "p_sign_flip": 0.25, "p_sign_flip_smallest": 0.25,
    "p_equivalent": None, "margin": None, "correlation": None, "seeds_needed": 3,
}  # fmt: skip


def noise(scheduler: str, seed: int) -> float:
    """Of mean 0.001, another one a scheduler, so that paired differences have a spread."""
    return 0.001 * seed if scheduler == "cosine" else 0.001 * (0, 1, 2)[-seed]


def run(folder: Path, scheduler: str, seed: int) -> None:
    """A record of one training with two views, without weights."""
    folder.mkdir(parents=True)
    accuracy = {
        view: GAIN[scheduler, average] + noise(scheduler, seed)
        for view, average in (("raw", "none"), ("ema_0.9", "ema"))
    }
    views = {view: {"accuracy": value, "nll": 1 - value} for view, value in accuracy.items()}
    result = {
        "schema": 1, "status": "finished", "task": "classification", "seconds": 60.0 * (seed + 1), "seed": seed,
        "progress": {"epoch": EPOCHS, "step": 10 * EPOCHS, "total_steps": 10 * EPOCHS},
        "headline": {"view": "raw"}, "test": {"last": views}, "train": {"last": views},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result))
    recipe = {
        "seed": seed,
        "scheduler": {"_target_": f"recipelab.optim.schedules.{scheduler}"},
        "optimizer": {"lr": 0.1},
        "averaging": {"averages": {"ema_0.9": {"kind": "ema", "decay": 0.9}}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(recipe))
    lines = [
        "epoch,step,samples,seconds,lr,epoch_seconds,images_per_second,train_loss,train_accuracy,weight_norm,ema_0.9_distance,val_raw_accuracy,val_raw_nll,val_ema_0.9_accuracy,val_ema_0.9_nll"
    ]
    for epoch in range(1, EPOCHS + 1):
        share = epoch / EPOCHS
        cells = [epoch, 10 * epoch, 100 * epoch, epoch, 0.1 / epoch, 1.5, 100, 1 / epoch, 0.5 * share, 2.0, 0.5]
        cells += [v for view in accuracy for v in (share * accuracy[view], 1 / epoch)]
        lines.append(",".join(map(str, cells)))
    (folder / "metrics.csv").write_text("\n".join([*lines, ""]))
    head = "seconds,host_memory_mb,cpu_percent,load,device_memory_mb,device_utilization_percent,device_watts,cpu_watts"
    (folder / "resources.csv").write_text(f"{head}\n0.00,600,90,1,,,,\n2.00,650,95,1,,,,\n")


def arm(scheduler: str, average: str) -> str:
    return f"{scheduler}, {average}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reports") / "study"
    rows, lines, levels = [], [], {}
    for scheduler in SCHEDULERS:
        for seed in SEEDS:
            place = f"runs/{SCHEDULERS.index(scheduler)}/s{seed}"
            run(root / place, scheduler, seed)
            for average, view in (("none", "raw"), ("ema", "ema_0.9")):
                value = GAIN[scheduler, average] + noise(scheduler, seed)
                rows.append(
                    {
                        "arm": arm(scheduler, average),
                        "seed": seed,
                        "value": value,
                        "seconds": 60.0,
                        "record": place,
                        "checkpoint": "last",
                        "view": view,
                    }
                )
    for scheduler in SCHEDULERS:
        for average in AVERAGES:
            mean = GAIN[scheduler, average] + 0.001
            difference = {
                "mean": mean - 0.801,
                "low": mean - 0.81,
                "high": mean - 0.79,
                "n": 3,
                "std": 0.001,
                "interval": "t",
            }
            line = {
                "arm": arm(scheduler, average),
                "mean": mean,
                "low": mean - 0.01,
                "high": mean + 0.01,
                "n": 3,
                "std": 0.001,
                "interval": "t",
                "seconds": 60.0,
                "best": average == "ema" and scheduler != "cosine",
                "on_front": True,
            }
            lines.append({**line, "verdict": VERDICT | {"difference": difference}} if lines else line)
            levels[arm(scheduler, average)] = {"scheduler": scheduler, "average": average}
    effect = {
        "terms": [["scheduler", "constant"]],
        "mean": -0.01,
        "low": -0.02,
        "high": 0.0,
        "n": 3,
        "std": 0.001,
        "interval": "t",
        "p": 0.2,
    }
    summary = {
        "metric": "accuracy", "split": "test", "higher_is_better": True,
        "baselines": dict.fromkeys(levels, "cosine, none"),
        "levels": levels, "arms": lines, "runs": rows, "effects": [effect], "claims": [], "notes": [], "missing": [],
    }  # fmt: skip
    (root / "summary.json").write_text(json.dumps(summary))
    (root / "study.yaml").write_text(yaml.safe_dump({"question": "Which?"}))
    return root


def asked(folder: Path, *figures: object):
    (study,) = gather([folder]).studies
    study.definition["figures"] = list(figures)
    return study


def test_a_study_that_names_nothing_has_what_fits_it(folder: Path):
    (study,) = gather([folder]).studies
    names = [figure.name for figure in figures_of_study(study)]
    assert names == ["arms", "curves", "training", "effects", "distances", "time", "parallel", "resources"]
    assert [table.name for table in tables_of(study)] == ["table_scheduler", "table_recipes"]


def test_every_name_of_the_catalogue_is_drawn_or_made_a_table(folder: Path):
    options = {
        "scatter": {"by": "scheduler"},
        "boxes": {"rows": "scheduler"},
        "pivot": {"rows": "scheduler", "columns": "average"},
    }
    for name in CATALOGUE:
        study = asked(folder, {"show": name, **options.get(name, {})})
        made = [*figures_of_study(study)[0 if name == "arms" else 1 :], *tables_of(study)]
        assert len(made) == (0 if name == "ledger" else 1), name  # the records here have no ledger
        for figure in figures_of_study(study):
            json.dumps(live(figure), allow_nan=False)


def test_curves_are_means_with_bands_in_a_panel_a_level(folder: Path):
    study = asked(folder, {"show": "curves", "panel": "scheduler", "line": "average", "rates": True})
    _, chart = figures_of_study(study)
    assert [panel.title for panel in chart.panels] == [*SCHEDULERS, "learning rates"]
    none, ema = chart.panels[1].marks
    assert (none.name, none.dash, none.faint) == ("none", "dashed", True)
    assert np.allclose(ema.y, np.arange(1, 5) / 4 * 0.901)
    assert np.allclose(ema.high - ema.low, np.arange(1, 5) / 4 * 0.002)
    assert chart.panels[0].y.limits == chart.panels[1].y.limits
    assert np.allclose(chart.panels[2].marks[0].y, 0.1 / np.arange(1, 5))


def test_a_dot_leads_to_the_record_behind_it(folder: Path):
    study = asked(folder, {"show": "scatter", "by": "scheduler", "colour": "average"})
    _, chart = figures_of_study(study)
    runs = {name for mark in chart.panels[0].marks for name in mark.runs}
    assert runs == {one.name for one in gather([folder]).runs}


def test_every_arm_has_its_name_in_the_figure_of_time(folder: Path, monkeypatch: pytest.MonkeyPatch):
    study = asked(folder, "time")
    _, chart = figures_of_study(study)
    assert {arm(s, a) for s in SCHEDULERS for a in AVERAGES} <= {mark.name for mark in chart.panels[0].marks}
    monkeypatch.setattr("recipelab.reports.drawn_dots.MOST_COLOURS", 3)
    _, chart = figures_of_study(study)
    front, *_, named = chart.panels[0].marks
    assert len(named.labels) == len(front.x) > 0
    assert set(named.labels) <= {arm(s, a) for s in SCHEDULERS for a in AVERAGES}
    assert list(named.x) == list(front.x)


def test_the_best_of_a_column_is_marked_where_it_is_proven(folder: Path):
    study = asked(
        folder,
        {"show": "pivot", "rows": "scheduler", "columns": "average", "splits": ["train", "test"], "increase": True},
    )
    (table,) = tables_of(study)
    heads = ["scheduler", "none, train", "none, test", "ema, train", "ema, test", "increase, test (%)"]
    assert [(column.name, column.number) for column in table.columns] == [
        (heads[0], False),
        *((h, True) for h in heads[1:]),
    ]
    cosine, constant = table.rows
    assert [cell.strong for cell in cosine] == [False, True, True, False, False, False]
    assert [cell.strong for cell in constant] == [False, False, False, True, True, False]
    assert constant[-1].raw[0] == pytest.approx(100 * (0.901 / 0.701 - 1))
    assert cosine[1].raw[0] == pytest.approx(80.1)
    text = "\n".join(table_lines(table))
    assert "**90.10 ± 0.25**" in text
    assert "<b>" not in text.replace("\\<b\\>", "")


def test_of_a_third_axis_a_table_has_the_mean_and_says_so(folder: Path):
    study = asked(folder, {"show": "pivot", "rows": "scheduler", "columns": "all"})
    study.summary["levels"] = {name: {**levels, "all": "one"} for name, levels in study.summary["levels"].items()}
    (table,) = tables_of(study)
    assert [row[1].raw[0] for row in table.rows] == pytest.approx([80.6, 80.1])
    assert len(table.rows[0][1].runs) == 2 * len(SEEDS)
    assert "mean over all of average" in table.caption


def test_half_lives_are_those_of_the_recipe_however_it_gives_them(folder: Path, tmp_path: Path):
    run(tmp_path / "run", "cosine", 0)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    averages = {"slow": {"kind": "ema", "half_life": "50%"}, "wide": {"kind": "ema", "window": "1ep", "interval": 2}}
    config["averaging"] = {"averages": {**averages, "swa": {"kind": "swa"}}, "decays": [0.9]}
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(config))
    found = half_lives(gather([tmp_path / "run"]).runs[0])
    assert found == pytest.approx({"ema_0.9": 0.65788, "slow": 2.0, "wide": 0.62126}, rel=1e-4)
    study = asked(folder, "decays")
    (chart,) = figures_of_study(study)[1:]
    places = [x for mark in chart.panels[0].marks if isinstance(mark, Points) for x in mark.x]
    assert places == pytest.approx([0.657881] * len(SCHEDULERS) * len(SEEDS), rel=1e-4)


def test_one_seed_proves_no_best(folder: Path):
    study = asked(folder, {"show": "pivot", "rows": "scheduler", "columns": "average"})
    first = type(study)(study.path, study.definition, study.summary, tuple(r for r in study.readings if r.seed == 0))
    (table,) = tables_of(first)
    assert not any(cell.strong for row in table.rows for cell in row)


def test_power_that_no_machine_told_is_said_to_be_so(folder: Path):
    _, chart = figures_of_study(asked(folder, "power"))
    assert "told neither device nor CPU power" in chart.caption
    _, peaks = figures_of_study(asked(folder, "resources"))
    assert "device memory" in peaks.caption
    assert [panel.x.label for panel in peaks.panels] == ["runtime (s)", "seconds an epoch", "host memory, peak (MB)"]


def test_a_run_has_its_curves_distances_and_resources(folder: Path):
    runs = gather([folder]).runs
    assert [figure.name for figure in figures_of_run(runs[0])] == ["learning", "distances", "resources"]
    (together,) = figures_of_runs(runs)
    assert len(together.panels[0].marks) == len(runs)


def test_an_unfinished_record_has_no_figures_and_is_no_error(tmp_path: Path):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "result.json").write_text('{"schema": 1, "status": "running"}')
    (one,) = gather([tmp_path]).runs
    assert figures_of_run(one) == []
    assert figures_of_runs([one]) == []
