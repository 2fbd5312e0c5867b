"""How a run shows itself, finished or not, and with names that somebody chose."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image

from recipelab.loop.run_card import run_html, run_line

METRICS = {"accuracy": 0.9861, "nll": 0.02654}
VIEWS = {"raw": METRICS, "<b>ema": {"accuracy": 0.5, "nll": None}}
RESULT = {
    "task": "classification",
    "headline": {"checkpoint": "best", "view": "raw", "split": "test", "metric": "accuracy", "accuracy": 0.9861},
    "seconds": 11.7,
    **{split: {"last": VIEWS, "best": VIEWS} for split in ("train", "val", "test")},
}
ROWS = [{"epoch": epoch, "step": 5, "val_raw_accuracy": 0.1, "val_<b>ema_accuracy": None} for epoch in (1, 2)]


def test_a_line():
    line = run_line(Path("a/name"), "finished", RESULT)
    assert line == "name: finished, test accuracy 98.61% (best, raw), 11.7 s of training"
    going = {"progress": {"epoch": 1, "step": 5, "total_steps": 10}}
    assert run_line(Path("name"), "interrupted", going) == "name: interrupted, step 5 of 10"
    assert "selection saw the test split" in run_line(Path("name"), "finished", {**RESULT, "protocol": "test_as_val"})


def test_a_finished_run():
    shown = run_html(Path("a/name"), "finished", RESULT, ROWS)
    assert shown.count("<tr>") == 1 + 4
    assert re.findall("<td><b>(.*?)</b>", shown) == ["best", "raw", *["98.61%", "0.02654"] * 3]
    assert "<b>ema" not in shown
    assert "&lt;b&gt;ema" in shown
    data = re.search(r'src="data:image/png;base64,([^"]+)"', shown)
    assert data
    assert Image.open(io.BytesIO(base64.b64decode(data[1]))).size[0] > 300
    assert len(shown) < 60_000


def test_runs_that_have_less():
    shown = run_html(Path("name"), "failed", {"reason": "loss is not finite"}, [])
    assert shown == "<p><b>name: failed</b></p><p>failed: loss is not finite</p><p>record: name</p>"
    closed = {key: value for key, value in RESULT.items() if key != "test"}
    assert "test" not in run_html(
        Path("name"), "finished", {**closed, "headline": {**RESULT["headline"], "split": "val"}}, []
    )


def test_a_regression():
    result = {
        "task": "regression",
        "headline": {"checkpoint": "last", "view": "raw", "split": "val", "metric": "mae", "mae": 0.12345},
        "val": {"last": {"raw": {"mae": 0.12345, "mse": 0.2}}},
    }
    shown = run_html(Path("name"), "finished", result, [{"epoch": 1, "val_raw_mae": 0.2}])
    assert "val mae 0.1235 (last, raw)" in shown
    assert "<th>val mse</th>" in shown
    assert "data:image/png" in shown


def test_a_real_one(train_tiny):
    run = train_tiny()
    assert repr(run).startswith(f"<Run {run.path.name}: finished, test accuracy ")
    assert run._repr_html_().count("<tr>") == 1 + 2
