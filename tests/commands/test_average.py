"""Averages after the run: what they are against what was walked through, who finds them, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread

from processes import at, send
from recipelab import average, evaluate, load_run, sweep_decays, train
from recipelab.cli import main
from recipelab.core.errors import UserError
from recipelab.figures.chart import Line
from recipelab.records.record import Record
from recipelab.reports.drawn_results import of_results
from recipelab.reports.material import OneRun
from tiny_recipe import TINY, USER_TREE

FOLDER = {"config_dir": str(USER_TREE), "quiet": True}
CONFIG = f"--config-dir={USER_TREE}"
# 6 steps an epoch, 60 in all.
RECIPE = (*TINY, "trainer.epochs=10", "averaging=ema", "averaging.decays=[0.9,0.95]", "scheduler=constant")


class Walk:
    def __init__(self):
        self.weights = []

    def after_step(self, progress):
        self.weights.append(progress.weights())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root, walk = tmp_path_factory.mktemp("made"), Walk()
    whole = train(*RECIPE, f"output={root}", hooks=[walk], **FOLDER)
    bare = train(*TINY, "trainer.epochs=1", f"output={root}", **FOLDER)
    other = train(*TINY, "trainer.epochs=1", "averaging=store", "data.val_split=0.2", f"output={root}", **FOLDER)
    return {"whole": whole.path, "walk": walk.weights, "bare": bare.path, "other": other.path}


@pytest.fixture
def copy(made: dict[str, Any], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name="whole": Path(shutil.copytree(made[name], tmp_path / name))


def tree(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def parameters(state: Any) -> torch.Tensor:
    return torch.cat([v.double().flatten() for k, v in state.items() if "running" not in k and "num_" not in k])


def mean_of(walk: list[Any], steps: int) -> torch.Tensor:
    return torch.stack([parameters(state) for state in walk[-steps:]]).mean(0)


def test_a_tracked_decay_is_found_exactly(copy, made):
    path = copy()
    found = average(path, decay=0.95, **FOLDER)
    assert found.name == "posthoc_ema_0.95"
    assert (found.residual, found.amplification, found.step) == (pytest.approx(0, abs=1e-9), pytest.approx(1), 60)
    tracked = load_run(path, config_dir=USER_TREE).weights("last")[0]["ema_0.95"]
    torch.testing.assert_close(parameters(torch.load(found.path)["model"]), parameters(tracked), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("last", "steps"), [("2ep", 12), ("60st", 60), ("10%", 6)])
def test_an_even_mean_of_whole_epochs_is_exact(copy, made, last, steps):
    found = average(copy(), last=last, **FOLDER)
    assert found.residual < 1e-9
    mean = mean_of(made["walk"], steps)
    torch.testing.assert_close(parameters(torch.load(found.path)["model"]), mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("option", "name"),
    [({"half_life": "2ep"}, "half_life_2ep"), ({"window": "20st"}, "window_20st"), ({"decay": 0.93}, "0.93")],
)
def test_other_decays_are_close_to_what_would_have_been_tracked(copy, made, option, name):
    found = average(copy(), **option, **FOLDER)
    decay = {"half_life_2ep": 2 ** (-1 / 12), "window_20st": 0.95, "0.93": 0.93}[name]
    assert found.name == f"posthoc_ema_{name}"
    initial = Record.open(made["whole"]).averages.load(0)["model"]
    tracked = parameters(initial)
    for state in made["walk"]:
        tracked = decay * tracked + (1 - decay) * parameters(state)
    distance = (parameters(torch.load(found.path)["model"]) - tracked).norm() / tracked.norm()
    assert distance < 0.05 * found.residual + 1e-6


def test_it_is_a_view_like_any_other_and_the_test_split_is_counted(copy):
    path = copy()
    found = average(path, half_life="2ep", name="late", **FOLDER)
    told = json.loads((path / "averages" / "views" / "late.json").read_text())
    assert told["val"]["accuracy"] == found.metrics["accuracy"]
    assert told["wanted"] == {"half_life": "2ep"}
    assert sum(told["coefficients"].values()) == pytest.approx(1)
    again = evaluate(path, view="late", **FOLDER)
    for key in ("accuracy", "nll"):
        assert again.metrics[key] == pytest.approx(found.metrics[key])
    assert [(row["view"], row["step"]) for row in again.rows] == [("late", 60)]
    opened = Record.open(path).result()["lockbox"]["opened"]
    evaluate(path, view="late", split="test", **FOLDER)
    assert Record.open(path).result()["lockbox"]["opened"] == opened + 1
    assert {row["view"] for row in evaluate(path, view="all", **FOLDER).rows} == {"raw", "ema_0.9", "ema_0.95", "late"}
    model = load_run(path, config_dir=USER_TREE).model("last", "late")
    assert all(torch.equal(v, torch.load(found.path)["model"][k]) for k, v in model.state_dict().items())


def test_the_same_average_has_the_same_bits_and_statistics_of_its_own(copy):
    path = copy()
    first, second = (average(path, half_life="2ep", name=name, **FOLDER) for name in ("one", "two"))
    a, b = (torch.load(found.path)["model"] for found in (first, second))
    assert all(torch.equal(a[key], b[key]) for key in a)
    raw = load_run(path, config_dir=USER_TREE).weights("last")[0]["raw"]
    assert not torch.equal(a["1.running_mean"], raw["1.running_mean"])
    assert int(a["1.num_batches_tracked"]) == 6


def test_a_sweep_is_a_curve_with_the_tracked_points_beside_it(copy, capsys):
    path = copy()
    assert main(["average", str(path), "--sweep", CONFIG]) == 0
    said = capsys.readouterr().out
    with open(path / "averages" / "sweep_val.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    curve = [row for row in rows if row["kind"] == "synthesised"]
    assert [row["view"] for row in rows[:3]] == ["raw", "ema_0.9", "ema_0.95"]
    assert len(curve) == 24
    assert [row["accuracy"] != "" for row in curve] == [row["admissible"] == "True" for row in curve]
    assert 0 < sum(row["admissible"] == "True" for row in curve) < 24
    assert "refused" in said
    assert all(float(row["residual"]) <= 0.1 for row in curve if row["admissible"] == "True")
    assert float(rows[0]["nll"]) == pytest.approx(Record.open(path).result()["val"]["last"]["raw"]["nll"], rel=1e-5)
    assert imread(path / "figures" / "decay_sweep_val.png").ndim == 3
    run = OneRun(path, "run")
    (chart,) = (one for one in of_results(run) if one.name == "decay_sweep_val")
    line = next(mark for mark in chart.panels[0].marks if isinstance(mark, Line))
    assert list(line.y) == pytest.approx([float(row["accuracy"] or "nan") for row in curve], nan_ok=True)
    assert run.problems == []
    assert Record.open(path).averages.views() == []


def test_a_sweeps_point_is_the_average_of_that_decay(copy):
    path = copy()
    rows = [
        row for row in sweep_decays(path, points=6, **FOLDER).rows if row["kind"] == "synthesised" and row["admissible"]
    ]
    found = average(path, half_life=f"{rows[-1]['half_life_epochs']}ep", **FOLDER)
    assert found.residual == pytest.approx(rows[-1]["residual"], rel=0.05)
    assert found.metrics["nll"] == pytest.approx(rows[-1]["nll"], rel=0.01)


REFUSED = {
    "a decay of one": (["--decay", "1"], "--decay 1.0: a decay is at least 0 and less than 1"),
    "a negative decay": (["--decay", "-0.1"], "--decay -0.1: a decay"),
    "a decay that is no number": (["--decay", "nan"], "--decay nan: a decay"),
    "no duration": (["--half-life", "2"], "--half-life '2' is not a duration"),
    "nothing": (["--window", "0ep"], "--window 0ep is less than a step"),
    "more than there is": (["--last", "11ep"], "66 steps, and the run has taken 60"),
    "too short": (["--half-life", "1st"], "cannot be made of what the record keeps"),
    "half a block": (["--last", "28st"], "the nearest that can: --last 30st"),
    "a tracked name": (["--decay", "0.95", "--name", "ema_0.95"], "has tracked a view of this name"),
    "a bad name": (["--decay", "0.95", "--name", "../out"], "cannot name a view"),
    "a name for a sweep": (["--sweep", "--name", "x"], "--sweep leaves none"),
    "another key": (["--decay", "0.95", "optimizer.lr=1"], "a trained run is asked as it is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_written(made, capsys, case):
    words, said = REFUSED[case]
    before = tree(made["whole"])
    assert main(["average", str(made["whole"]), *words, CONFIG]) == 2
    assert said in capsys.readouterr().err
    assert tree(made["whole"]) == before


def test_the_nearest_half_life_that_is_named_is_possible(made, copy, capsys):
    assert main(["average", str(made["whole"]), "--half-life", "1st", CONFIG]) == 2
    said = capsys.readouterr().err
    near = said.split("the nearest that can: --half-life ")[1].split("\n")[0]
    assert average(copy(), half_life=near, **FOLDER).residual <= 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--decay", "0.9"], "keeps no means of its weights"),
        (["--sweep"], "keeps no means of its weights"),
    ],
)
def test_a_record_without_stores_says_how_to_have_them(made, capsys, words, said):
    before = tree(made["bare"])
    assert main(["average", str(made["bare"]), *words, CONFIG]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "averaging=store" in error
    assert tree(made["bare"]) == before


@pytest.mark.parametrize("words", [[], ["one", "two"]])
def test_one_run_is_named(words):
    with pytest.raises(UserError, match="average takes one run"):
        average(*words, decay=0.9)


def test_just_one_average_is_asked_for(made):
    for options in ({}, {"decay": 0.9, "last": "1ep"}):
        with pytest.raises(UserError, match="give one of"):
            average(made["whole"], **options, **FOLDER)
    with pytest.raises(UserError, match="recipelab evaluate has test"):
        average(made["whole"], decay=0.95, split="test", **FOLDER)


def test_an_unknown_view_is_told_those_there_are(copy):
    path = copy()
    average(path, last="1ep", name="late", **FOLDER)
    with pytest.raises(UserError, match="it has raw, ema_0.9, ema_0.95, late\n  did you mean: late"):
        evaluate(path, view="lat", **FOLDER)


def test_an_unfinished_run_is_refused(copy):
    path = copy()
    with Record.open(path) as record:
        record.lock()
        record.update_result(status="interrupted")
    with pytest.raises(UserError, match="is interrupted.*\n  first end it"):
        average(path, decay=0.95, **FOLDER)


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def rewritten(path: Path, **changes: Any) -> None:
    torch.save({**torch.load(path, weights_only=True), **changes}, path)


HOSTILE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "code": (lambda f: (f / "step_60.pt").write_bytes(pickle.dumps(Payload())), "step_60.pt cannot be read"),
    "cut": (lambda f: (f / "step_60.pt").write_bytes((f / "step_60.pt").read_bytes()[:900]), "cannot be read"),
    "another model": (lambda f: rewritten(f / "step_60.pt", model={"0.weight": torch.zeros(2)}), "of another model"),
    "whole numbers": (
        lambda f: rewritten(
            f / "step_60.pt", model={k: v.int() for k, v in torch.load(f / "step_60.pt")["model"].items()}
        ),
        "of another model",
    ),
    "other steps": (lambda f: rewritten(f / "step_60.pt", start=3), "the store is damaged"),
    "a plan of nothing": (lambda f: (f / "store.json").write_text('{"stops": "all"}'), "store.json is damaged"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_store_that_somebody_made_is_refused(copy, case, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path, (change, said) = copy(), HOSTILE[case]
    change(path / "averages")
    before = tree(path)
    with pytest.raises(UserError, match=said):
        average(path, last="1ep", **FOLDER)
    assert tree(path) == before
    assert not Path("executed").exists()
    assert evaluate(path, view="raw", output=tmp_path / "out.json", **FOLDER).metrics


def test_a_view_that_somebody_made_is_in_nobodys_way(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = copy()
    (path / "averages" / "views").mkdir()
    for name in ("late", "raw"):
        (path / "averages" / "views" / f"{name}.pt").write_bytes(pickle.dumps(Payload()))
    assert evaluate(path, view="raw", **FOLDER).metrics
    with pytest.raises(UserError, match="late.pt cannot be read"):
        evaluate(path, view="late", **FOLDER)
    assert not Path("executed").exists()


@pytest.mark.parametrize("place", ["evaluation", "fsync", "replace"])
@pytest.mark.parametrize("words", [["--decay", "0.95"], ["--sweep"]])
def test_ctrl_c_leaves_the_record_as_it_was(copy, capsys, place, words, request):
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, handler))
    path = copy()
    before = tree(path)
    with at(place, 1, send(signal.SIGINT)):
        assert main(["average", str(path), *words, CONFIG]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert tree(path) == before
    assert main(["average", str(path), "--decay", "0.95", CONFIG]) == 0


def test_a_model_without_batch_norm_reads_no_batch_for_it(tmp_path):
    words = [word for word in TINY if not word.startswith("model=")]
    run = train(*words, "model=mlp", "averaging=store", f"output={tmp_path}", quiet=True)
    found = average(run.path, last="1ep", quiet=True)
    assert json.loads(found.path.with_suffix(".json").read_text())["statistics_batches"] == 0


def test_a_schedule_free_run_leaves_its_raw_weights_out(tmp_path):
    """They are evaluated elsewhere than they are trained: not the last of what was averaged."""
    words = (*TINY, "optimizer=schedule_free_sgd", "averaging=store", f"output={tmp_path}")
    run = train(*words, **FOLDER)
    found = average(run.path, last="1ep", **FOLDER)
    assert set(json.loads(found.path.with_suffix(".json").read_text())["coefficients"]) == {"steps 13 to 18"}
