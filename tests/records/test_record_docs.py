"""docs/record.md says what is so: its example runs, and it names every column and file."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from recipelab.records import metrics_file, resources, results
from recipelab.records.record import Record

TEXT = (Path(__file__).parents[2] / "docs" / "record.md").read_text()


def test_the_example_reads_a_record(tmp_path, capsys):
    with Record.create(tmp_path, "my-run") as record:
        record.write_config({"seed": 1})
        record.metrics.append({"epoch": 1, "step": 10, "val_raw_accuracy": 0.5})
        record.save_checkpoint("last", {"model": {"weight": torch.ones(2)}, "step": 10})
        record.update_result(status="finished")
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert '"outputs/my-run"' in code
    names: dict = {}
    exec(code.replace("outputs/my-run", str(record.path)), names)
    assert names["config"] == {"seed": 1}
    assert torch.equal(names["weights"]["weight"], torch.ones(2))
    assert names["alive"] is False
    assert capsys.readouterr().out == "finished accuracy by step: {10: 0.5}\n"


def test_every_column_and_status_is_described():
    for name in (*metrics_file.OWN_COLUMNS, *resources.COLUMNS, *results.STATUSES):
        assert f"`{name}`" in TEXT, name
    assert f"schema {results.SCHEMA}" in TEXT.splitlines()[0]
