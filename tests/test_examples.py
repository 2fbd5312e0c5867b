"""The example of one's own model and data set: a file and a yaml each, in a folder outside the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recipelab import load_run
from recipelab.cli import main
from recipelab.records.listing import list_records

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_own_model_and_data_with_augmentation_mixup_and_warm_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(EXAMPLES / "custom", tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    files = {str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*.*")}
    assert files == {"tiny_cnn.py", "model/tiny_cnn.yaml", "shapes.py", "data/shapes.yaml"}
    monkeypatch.chdir(tmp_path)
    words = ["--config-dir", "mine", "model=tiny_cnn", "data=shapes", "augment=baseline", "mix=mixup"]
    words += ["scheduler.warmup=5ep", "trainer.epochs=7", "trainer.batch_size=32", "trainer.threads=1", "seed=1"]
    words += ["model.width=8", "optimizer.lr=0.05", "data.train.count=600", "data.num_workers=2"]
    assert main(["train", *words]) == 0
    (row,) = list_records(tmp_path / "outputs")
    assert load_run(row["path"]).result["headline"]["accuracy"] > 0.7  # a third by chance
    rates = [float(line.split(",")[4]) for line in (Path(row["path"]) / "metrics.csv").read_text().splitlines()[1:]]
    assert rates[:5] == sorted(rates[:5])
    assert rates[4] == pytest.approx(0.05, rel=0.02)
    assert rates[6] < rates[4]
    assert (
        main(["train", "--config", row["path"], "--config-dir", "mine", "trainer.steps=2", "scheduler.warmup=0st"]) == 0
    )
