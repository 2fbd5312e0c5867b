"""What curves and numbers are called where they are drawn: columns and results by group, `Loss/val_raw`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What a metric of metrics.csv is called as a group of curves. Cross-entropy is what trainings call the loss.
_GROUPS = {"loss": "Loss", "nll": "Loss", "accuracy": "Accuracy", "top5": "Top5", "f1": "F1"} | {
    name: name.upper() for name in ("mse", "mae", "rmse", "r2", "auroc", "ece")
}
_SPEED = ("seconds", "epoch_seconds", "images_per_second")
PROGRESS = ("epoch", "step", "samples")
# Of an average's own columns: VIEW_weight_norm is the norm of its weights, VIEW_distance that of what they differ by.
_NORMS = {"_weight_norm": "weight_norm", "_distance": "weight_diff_norm"}


def tag(column: str) -> str:
    """The curve of a column of metrics.csv: train_loss -> Loss/train, val_ema_0.999_nll -> Loss/val_ema_0.999,
    ema_0.999_distance -> Model/weight_diff_norm_ema_0.999."""
    split, _, rest = column.partition("_")
    if split in ("train", "val", "test") and rest:
        view, _, metric = rest.rpartition("_")
        return f"{_GROUPS.get(metric, metric)}/{'_'.join(filter(None, (split, view)))}"
    if column in _SPEED:
        return f"Speed/{column}"
    for ending, name in _NORMS.items():
        if view := column.removesuffix(ending) if column.endswith(ending) else "":
            return f"Model/{name}_{view}"
    return f"{'Progress' if column in PROGRESS else 'Model'}/{column}"


def measured(result: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, float]]:
    """(split, checkpoint, view, metric, value) of every number that was measured at the end of a run."""
    for split in ("train", "val", "test"):
        for checkpoint, views in (result.get(split) or {}).items():
            for view, metrics in views.items():
                for metric, value in metrics.items():
                    if isinstance(value, int | float):
                        yield split, checkpoint, view, metric, float(value)


def final(result: Mapping[str, Any]) -> dict[str, float]:
    """Eval/{metric}/{checkpoint}_{view}_{split} of every number that was measured at the end of a run."""
    return {
        f"Eval/{_GROUPS.get(metric, metric)}/{checkpoint}_{view}_{split}": value
        for split, checkpoint, view, metric, value in measured(result)
    }
