"""`recipelab ledger`: pictures and tables of real runs, comparisons, and what is refused."""

from __future__ import annotations

import csv
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from recipelab.cli import main
from recipelab.statistics.agreement import mcnemar
from recipelab.statistics.learning import flips, forgetting_events, stability

ONE = {"stability", "misclassification", "mismatch", "barcodes", "distances"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds with two averages, and a run of another split; digits have no file names."""
    from recipelab.commands.train import train
    from tiny_recipe import TINY, USER_TREE

    bank = ("averaging=ema", "averaging.decays=[0.9,0.99]", "optimizer.lr=0.05")
    words = (*TINY, *bank, "lockbox=closed", f"output={tmp_path_factory.mktemp('runs')}")
    more = [("trainer.epochs=4",), ("trainer.epochs=4", "seed=1"), ("trainer.epochs=1", "data.split_seed=9")]
    return [train(*words, *other, config_dir=str(USER_TREE), quiet=True) for other in more]


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """The command in an empty folder: (exit code, output and errors)."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        from tiny_recipe import USER_TREE

        code = main(["ledger", *map(str, words), f"--config-dir={USER_TREE}"])
        out, err = capsys.readouterr()
        return code, out + err

    return run


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_one_run_is_drawn_and_written_down(runs, say, tmp_path):
    run = runs[0]
    code, out = say(run.path)
    folder = tmp_path / f"ledger_{run.path.name}"
    assert code == 0, out
    assert f"wrote {folder.name}" in out
    pictures = {path.stem for path in folder.glob("*.png")}
    assert pictures == {*ONE, "images", "agreement"}
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 200, path
    ledger, samples = run.ledger(), table(folder / "samples.csv")
    assert [int(row["index"]) for row in samples] == list(range(ledger.head.samples))
    for view in ledger.views:
        correct = ledger.correct(view)
        assert [int(row[f"{view}_flips"]) for row in samples] == flips(correct).tolist()
        assert [int(row[f"{view}_forgotten"]) for row in samples] == forgetting_events(correct).tolist()
        late = 1 - correct[ledger.steps(view) >= 12].mean(0)  # 24 steps, the second half
        assert [float(row[f"{view}_wrong"]) for row in samples] == pytest.approx(late.tolist(), abs=1e-5)
        rows = [row for row in table(folder / "evaluations.csv") if row["view"] == view]
        assert [float(row["epoch"]) for row in rows] == [1, 2, 3, 4]
        assert [float(row["accuracy"]) for row in rows] == pytest.approx(correct.mean(1).tolist(), abs=1e-5)
        assert [float(row["stability"]) for row in rows[1:]] == pytest.approx(stability(correct)[1:].tolist(), abs=1e-5)
        assert rows[0]["stability"] == ""


def test_the_images_are_those_of_the_split(runs):
    from recipelab.commands.ask import Ask
    from recipelab.commands.ledger_images import samples_of
    from tiny_recipe import USER_TREE

    run = runs[0]
    samples = samples_of(run, run.ledger().head, Ask((), None, str(USER_TREE)), print)
    assert samples.pool.digest() == run.ledger().head.sha256
    chosen = np.array([3, 0])
    assert np.array_equal(samples.images(chosen), samples.pool.images[[3, 0]].numpy())
    assert samples.label(3) == str(int(samples.pool.targets[3]))


def test_two_runs_are_compared_sample_by_sample(runs, say, tmp_path):
    code, out = say(runs[0].path, runs[1].path, "--view", "raw", "--view", "ema_0.9", "--to", "both", "--since", "3ep")
    assert code == 0, out
    for run in runs[:2]:
        assert (tmp_path / "both" / run.path.name / "stability.png").exists()
    assert {path.name for path in (tmp_path / "both").glob("*.png")} == {"agreement.png", "distances.png"}
    found = mcnemar(*(run.ledger().correct("raw")[-1] for run in runs[:2]))
    names = [f"{run.path.name} raw" for run in runs[:2]]
    (line,) = re.findall(rf"{names[0]} +{names[1]} +(.*)", out)
    agree, first, second, p = line.split()
    samples = runs[0].ledger().head.samples
    assert float(agree.strip("%")) == pytest.approx(100 * (found.both + found.neither) / samples, abs=0.01)
    assert (int(first), int(second)) == (found.only_first, found.only_second)
    assert float(p) == pytest.approx(found.p, rel=0.01)
    assert "4 comparisons, uncorrected" in out  # raw and ema of each run, and each of the two in both
    assert "ema_0.99_flips" not in (tmp_path / "both" / runs[0].path.name / "samples.csv").read_text()


REFUSED = {
    "no run": ([], "ledger needs a run"),
    "no record": (["nowhere"], "nowhere"),
    "no view": (["{0}", "--view", "ema_0.95"], "has no view 'ema_0.95': it has raw, ema_0.9, ema_0.99"),
    "no duration": (["{0}", "--since", "5"], "--since='5' is not a duration"),
    "other samples": (["{0}", "{2}"], "of other samples"),
    "a key of the recipe": (["{0}", "optimizer.lr=1"], "optimizer.lr=1"),
    "other data": (["{0}", "data.split_seed=3"], "data.split_seed=3"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(runs, say, tmp_path, words, said):
    code, out = say(*(word.format(*(run.path for run in runs)) for word in words))
    assert code == 2
    assert said in out
    assert list(tmp_path.iterdir()) == []


def test_without_a_ledger_or_with_a_damaged_one(runs, say, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs[0].path, copy)
    (copy / "ledger_val.bin").write_bytes(b"nothing\n")
    assert "is no ledger" in say(copy)[1]
    (copy / "ledger_val.bin").unlink()
    code, out = say(copy)
    assert code == 2
    assert "kept no ledger\n  ledger=correct" in out
