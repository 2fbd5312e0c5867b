"""What a training is at one moment, and how it becomes a checkpoint and comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views


@dataclass
class State:
    """Where the training stands, in plain numbers.

    step: optimizer steps taken. row_step: the step of the last row of metrics. saved_step: of the last checkpoint.
    seconds: training phase only; epoch_seconds: of the running epoch; total_seconds: everything since the start.
    watched: state of what watches a metric (a plateau, early stopping), by name.
    """

    step: int = 0
    row_step: int = 0
    saved_step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    total_seconds: float = 0.0
    watched: dict[str, Any] = field(default_factory=dict)


def to_checkpoint(state: State, train: TrainStep, views: Views, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that going on needs, as plain containers and tensors that load weights-only."""
    return {
        "step": state.step,
        "model": views.weights("raw"),
        **views.averages(),
        "optimizer": train.optimizer.state_dict(),
        "scaler": train.device.scaler.state_dict() if train.device.scaler is not None else None,
        "state": asdict(state),
        "step_log": train.log.state(),
        **identity,
    }


def from_checkpoint(checkpoint: Mapping[str, Any], train: TrainStep, views: Views) -> State:
    """Put the training where the checkpoint left it. The learning rate comes from the plan, not from the optimizer."""
    views.model.load_state_dict(checkpoint["model"])
    if views.bank is not None:
        views.bank.load_state(checkpoint["bank"])
    train.optimizer.load_state_dict(checkpoint["optimizer"])
    if train.device.scaler is not None and checkpoint["scaler"] is not None:
        train.device.scaler.load_state_dict(checkpoint["scaler"])
    rows = checkpoint["step_log"]  # of all ranks: the first goes on from their sum, the others from nothing
    train.log.restore(rows if train.device.ranks.rank == 0 else rows.new_zeros(rows.shape))
    return State(**checkpoint["state"])
