"""What TensorBoard reads back is what metrics.csv was given."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer import event_file_writer

import recipelab
from recipelab.loggers.tags import tag
from recipelab.loggers.tensorboard import TensorBoard

CONFIG = {
    "seed": 1,
    "model": {"_target_": "recipelab.models.resnet.resnet20", "width": 0.5, "norm": None},
    "data": {"classes": ["a|b", "c"], "augment": {}},
}
RESULT = {
    "status": "finished",
    "val": {"best": {"raw": {"accuracy": 0.9, "nll": 0.3, "per_class_f1": [0.1, 0.2]}}},
    "test": {"best": {"raw": {"accuracy": 0.875, "nll": None}, "ema_0.999": {"accuracy": 0.91}}},
}
COLUMNS = {
    "epoch": "Progress/epoch",
    "samples": "Progress/samples",
    "seconds": "Speed/seconds",
    "lr": "Model/lr",
    "epoch_seconds": "Speed/epoch_seconds",
    "images_per_second": "Speed/images_per_second",
    "weight_norm": "Model/weight_norm",
    "grad_norm": "Model/grad_norm",
    "train_loss": "Loss/train",
    "train_accuracy": "Accuracy/train",
    "val_raw_nll": "Loss/val_raw",
    "val_raw_accuracy": "Accuracy/val_raw",
    "val_raw_top5": "Top5/val_raw",
    "val_raw_f1": "F1/val_raw",
    "val_ema_0.999_accuracy": "Accuracy/val_ema_0.999",
    "ema_0.999_weight_norm": "Model/weight_norm_ema_0.999",
    "ema_0.999_distance": "Model/weight_diff_norm_ema_0.999",
}


def row(step, scale=1.0):
    values = {name: scale * (index + 1) / (step + 3) for index, name in enumerate(COLUMNS)}
    return {"step": step, **values, "epoch": float(step // 2)}


def run(folder, steps, result, scale=1.0):
    logger = TensorBoard()
    logger.open(folder, CONFIG)
    for step in steps:
        logger.log(row(step, scale), step)
    logger.close(result)


def events(folder):
    read = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    read.Reload()
    return read


def curve(read, name):
    return {event.step: event.value for event in read.Scalars(name)}


def test_every_column_is_a_curve_of_its_numbers(tmp_path):
    run(tmp_path, range(1, 6), {"status": "interrupted"})
    read = events(tmp_path)
    assert set(read.Tags()["scalars"]) == set(COLUMNS.values())
    for column, name in COLUMNS.items():
        assert curve(read, name) == {step: float(np.float32(row(step)[column])) for step in range(1, 6)}


def test_the_columns_have_curves_of_their_own():
    assert {column: tag(column) for column in COLUMNS} == COLUMNS
    assert len(set(COLUMNS.values())) == len(COLUMNS)
    assert tag("val_last_5_top5") == "Top5/val_last_5"
    assert tag("plateau_factor") == "Model/plateau_factor"


def test_blanks_are_left_out_and_nan_is_kept(tmp_path):
    logger = TensorBoard(flush_secs=1)
    logger.open(tmp_path, CONFIG)
    logger.log({"step": 1, "lr": None, "train_loss": math.nan}, 1)
    logger.close({})
    read = events(tmp_path)
    assert read.Tags()["scalars"] == ["Loss/train"]
    assert math.isnan(curve(read, "Loss/train")[1])


def test_the_recipe_is_text(tmp_path):
    run(tmp_path, [1], RESULT)
    (event,) = events(tmp_path).Tensors("config/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert "| model.width | 0.5 |" in text
    assert "| data.classes | ['a\\|b', 'c'] |" in text


def test_hparams_and_final_metrics(tmp_path):
    run(tmp_path, [1, 2], RESULT)
    read = events(tmp_path)
    final = {
        "Eval/Accuracy/best_raw_val": 0.9,
        "Eval/Loss/best_raw_val": 0.3,
        "Eval/Accuracy/best_raw_test": 0.875,
        "Eval/Accuracy/best_ema_0.999_test": 0.91,
    }
    for name, value in final.items():
        assert curve(read, name) == {2: pytest.approx(value)}
    start = plugin_data_pb2.HParamsPluginData.FromString(
        read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    ).session_start_info
    assert start.hparams["model.width"].number_value == 0.5
    assert start.hparams["model.norm"].string_value == "None"
    assert start.hparams["data.augment"].string_value == "{}"
    experiment = plugin_data_pb2.HParamsPluginData.FromString(
        read.SummaryMetadata("_hparams_/experiment").plugin_data.content
    ).experiment
    assert {info.name.tag for info in experiment.metric_infos} == set(final)


def test_a_resumed_run_leaves_no_double_rows(tmp_path, monkeypatch):
    # TensorBoard reads files of one second by the number of the writer in its process, and "10" comes before "9".
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    run(tmp_path, range(1, 8), {"status": "interrupted"}, scale=1.0)
    assert "_hparams_/experiment" not in events(tmp_path).Tags()["tensors"]
    run(tmp_path, range(5, 10), RESULT, scale=2.0)
    read = events(tmp_path)
    expected = {step: float(np.float32(row(step, 1.0 if step < 5 else 2.0)["lr"])) for step in range(1, 10)}
    assert curve(read, "Model/lr") == expected
    assert [event.step for event in read.Scalars("Model/lr")] == list(range(1, 10))
    assert read.SummaryMetadata("_hparams_/session_end_info")


def test_a_resumed_run_has_the_rows_of_the_record_whatever_a_kill_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    run(tmp_path, range(1, 4), {"status": "interrupted"})  # rows 4 to 6 reached the record alone
    names = ["step", *COLUMNS]
    lines = [",".join(repr(row(step, 3.0)[name]) for name in names) for step in range(1, 7)]
    (tmp_path / "metrics.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
    run(tmp_path, range(7, 9), {"status": "interrupted"}, scale=3.0)
    expected = {step: float(np.float32(row(step, 3.0)["grad_norm"])) for step in range(1, 9)}
    assert curve(events(tmp_path), "Model/grad_norm") == expected
    assert [event.step for event in events(tmp_path).Scalars("Model/grad_norm")] == list(range(1, 9))


def test_a_run_that_ended_before_its_first_row(tmp_path):
    run(tmp_path, [], {"status": "failed", "val": None})
    assert events(tmp_path).Tags()["scalars"] == []


def test_tensorboard_is_imported_when_used():
    code = (
        "import sys; import recipelab.loggers.tensorboard; sys.exit(bool({'tensorboard', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 0


def test_the_choices_of_the_slot():
    folder = recipelab.__path__[0] + "/conf/logger"
    with open(f"{folder}/none.yaml") as file:
        assert yaml.safe_load(file) is None
    with open(f"{folder}/tensorboard.yaml") as file:
        node = yaml.safe_load(file)
    assert node.pop("_target_") == f"{TensorBoard.__module__}.{TensorBoard.__qualname__}"
    TensorBoard(**node)
