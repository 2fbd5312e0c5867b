"""Run records and studies that no training made: what reports are tested on, as large or as odd as need be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

CONFIG: dict[str, Any] = {
    "seed": 0,
    "output": "outputs",
    "data": {"_target_": "recipelab.data.digits.Digits", "protocol": "val"},
    "model": {"_target_": "recipelab.models.resnet_cifar.resnet20", "width": 16},
    "optimizer": {"_target_": "recipelab.optim.sgd.sgd", "lr": 0.1, "momentum": 0.9},
    "trainer": {"epochs": 4, "batch_size": 64},
}


def make_run(
    folder: Path,
    *,
    seed: int = 0,
    accuracy: float = 0.9,
    views: Sequence[str] = ("raw", "ema_0.99"),
    epochs: int = 4,
    config: Mapping[str, Any] = CONFIG,
    **fields: Any,
) -> Path:
    """A finished record in `folder`. accuracy: of the raw weights on the test split; the views after it are better."""
    folder.mkdir(parents=True)
    metrics = {view: {"accuracy": accuracy + 0.01 * i, "nll": 1 - accuracy} for i, view in enumerate(views)}
    result: dict[str, Any] = {
        "schema": 1,
        "status": "finished",
        "created": f"2026-01-01T00:00:{seed % 60:02d}+00:00",
        "recipe_hash": "a" * 64,
        "fingerprint": "f" * 64,
        "model": "resnet20",
        "data": "digits",
        "seed": seed,
        "epochs": epochs,
        "protocol": "val",
        "progress": {"epoch": epochs, "step": 10 * epochs, "total_steps": 10 * epochs},
        "headline": {"checkpoint": "last", "view": views[0], "split": "test", "metric": "accuracy"},
        "lockbox": {"policy": "end", "opened": 1},
        "seconds": 12.5,
        "images_per_second": 1000.0,
        **{split: {"last": metrics, "best": metrics} for split in ("train", "val", "test")},
    }
    (folder / "result.json").write_text(json.dumps({**result, **fields}))
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "seed": seed}))
    environment = {"python": "3.11.7", "execution": {"device": "a CPU", "threads": 1, "versions": {"torch": "2.9"}}}
    (folder / "environment.json").write_text(json.dumps(environment))
    names = [f"val_{view}_{metric}" for view in views for metric in ("accuracy", "nll")]
    lines = [",".join(["epoch", "step", "samples", "seconds", "lr", "train_loss", *names])]
    for epoch in range(1, epochs + 1):
        reached = accuracy * (1 - 0.5**epoch) + 0.001 * seed
        values = [reached if name.endswith("accuracy") else 1 - reached for name in names]
        lines.append(",".join(map(repr, [epoch, 10 * epoch, 640 * epoch, 3.0 * epoch, 0.1, 1 / epoch, *values])))
    (folder / "metrics.csv").write_text("\n".join([*lines, ""]))
    return folder


def ends(mean: float, half: float | None, n: int) -> dict[str, Any]:
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return {"mean": mean, "low": low, "high": high, "std": half, "n": n, "interval": "t"}


def make_study(
    folder: Path, values: Mapping[str, Sequence[float]], *, question: str = "Which is better?", **fields: Any
) -> Path:
    """A study whose first arm is the baseline. values: arm -> accuracy a seed. fields: of its records' result.json."""
    arms = list(values)
    summary: dict[str, Any] = {
        "metric": "accuracy",
        "split": "test",
        "higher_is_better": True,
        "baselines": dict.fromkeys(arms, arms[0]),
        "arms": [],
        "runs": [],
        "effects": [],
        "claims": [{"says": f"{arms[-1]} beats {arms[0]}", "found": "holds", "p": 0.01, "n": len(values[arms[0]])}],
        "missing": [],
        "notes": [],
    }
    for number, (arm, found) in enumerate(values.items()):
        mean, n = sum(found) / len(found), len(found)
        line: dict[str, Any] = {"arm": arm, **ends(mean, 0.01, n), "seconds": 12.5, "best": False, "on_front": False}
        if number:
            line["verdict"] = {
                "word": "better",
                "difference": ends(mean - sum(values[arms[0]]) / n, 0.005, n),
                "p": 0.01,
                "p_sign_flip": 0.25,
                "p_sign_flip_smallest": 0.25,
                "margin": None,
                "seeds_needed": 3,
            }
            line["best"] = line["on_front"] = number == len(arms) - 1
        summary["arms"].append(line)
        for seed, value in enumerate(found):
            record = f"runs/{number}-{seed}"
            make_run(folder / record, seed=seed, accuracy=value, **fields)
            where = {"checkpoint": "last", "view": "raw", "seconds": 12.5, "record": record}
            summary["runs"].append({"arm": arm, "seed": seed, "value": value, **where})
    (folder / "summary.json").write_text(json.dumps(summary))
    claims = [{"arm": arms[-1], "than": arms[0]}]
    (folder / "study.yaml").write_text(yaml.safe_dump({"question": question, "claims": claims}, allow_unicode=True))
    return folder


def make_crossval(folder: Path, accuracies: Sequence[float], *, folds: int | None = None, **fields: Any) -> Path:
    """A finished cross-validation. accuracies: of the raw weights of each fold; folds: how many were asked for.

    fields: of its records' result.json.
    """
    told = []
    for fold, accuracy in enumerate(accuracies):
        config = {**CONFIG, "data": {**CONFIG["data"], "folds": folds or len(accuracies), "fold": fold}}
        own = {"config": config, "recipe_hash": f"{fold:x}" * 64, **fields}
        make_run(folder / f"f{fold}", accuracy=accuracy, **own)
        metrics = {"accuracy": accuracy, "nll": 1 - accuracy}
        told.append({"fold": fold, "record": f"f{fold}", "checkpoint": "last", "view": "raw", "val": metrics})
    mean = sum(accuracies) / len(accuracies)
    means = {split: {"accuracy": mean, "nll": 1 - mean} for split in ("train", "val", "test")}
    summary = {"schema": 1, "status": "finished", "seed": 0, "folds": told, "mean": means}
    ensemble = {"kind": "logits", "test": {"accuracy": 0.95, "nll": 0.1}}
    (folder / "cross_validation.json").write_text(json.dumps({**summary, "ensemble": ensemble}))
    return folder
