"""A study by other launchers, for real on this machine: the same records with the same hashes and weights."""

from __future__ import annotations

import os

import pytest
import yaml

from compare import assert_same
from recipelab.commands.study import study
from recipelab.records.record import Record

CONTENT = {
    "control": [
        "model=cnn", "model.width=4", "data.limit=300", "trainer.batch_size=32", "trainer.epochs=2",
        "trainer.threads=1", "result_plot=none", "logger=none",
    ],
    "seeds": [1, 2],
    "grid": {"scheduler": {"multistep": ["scheduler=multistep"], "constant": ["scheduler=constant"]}},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # of the launchers' own
@pytest.mark.parametrize(("name", "options"), [("slurm", {"cluster": "local"}), ("ray", {})])
def test_it_is_the_same_study(name, options, tmp_path, monkeypatch):
    pytest.importorskip({"slurm": "submitit", "ray": "ray"}[name])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), os.getcwd()])))
    (tmp_path / "four.yaml").write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    here = study(str(tmp_path / "four.yaml"), output=str(tmp_path / "local"), jobs=2, quiet=True)
    there = study(
        str(tmp_path / "four.yaml"), output=str(tmp_path / name), jobs=2, launcher=name, options=options, quiet=True
    )
    assert len(there.measured) == len(here.measured) == 4
    for ours, theirs in zip(here.measured, there.measured, strict=True):
        assert_same(ours.record, theirs.record)
        for key in ("recipe_hash", "fingerprint"):
            assert Record.open(ours.record).result()[key] == Record.open(theirs.record).result()[key]
