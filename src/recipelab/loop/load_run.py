"""A run read back: its recipe, its numbers, and any of its views as a model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.facts import Facts
from recipelab.records import checkpoints
from recipelab.records.record import Record


@dataclass(frozen=True)
class Weights:
    """Weights for a training to start from. digest: SHA-256 (hex) of names and values."""

    state: Mapping[str, Tensor]
    digest: str


@dataclass
class Run:
    """A run record as Python sees it."""

    record: Record
    config_dir: str | None = None
    result: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.record.result()

    @property
    def path(self) -> Path:
        """The record's folder."""
        return self.record.path

    @property
    def config(self) -> dict[str, Any]:
        """The complete recipe."""
        return self.record.config()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Rows of metrics.csv."""
        return self.record.metrics.rows()

    @property
    def facts(self) -> Facts:
        """What the run knew of its data."""
        told = self.record.environment()["facts"]
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
        return Facts(**plain)

    def model(self, checkpoint: str = "best", view: str = "raw") -> nn.Module:
        """The model with the weights of a view, on the CPU, in eval mode.

        checkpoint: best, last, or another that the record holds. view: raw, or an average such as ema_0.999.
        Raises UserError when the record has no such checkpoint or view.
        """
        content = self.record.load_checkpoint(checkpoint)
        views = {"raw": content["model"], **content["views"]}
        if view not in views:
            hint = did_you_mean(view, views)
            raise UserError(f"{self.path} has no view {view!r}: it has {', '.join(views)}{hint}")
        recipe = check(compose(base=self.config, config_dir=self.config_dir)).with_facts(self.facts)
        model: nn.Module = recipe.slots["model"].build()
        model.load_state_dict(views[view])
        return model.eval()


def load_run(path: str | Path, *, config_dir: str | Path | None = None) -> Run:
    """The run whose record is the folder `path`. Raises UserError when it is none.

    config_dir: the folder of the user's own modules, when the recipe names any.
    """
    return Run(Record.open(Path(path)), str(config_dir) if config_dir else None)


def read_weights(path: str) -> Weights:
    """Weights for trainer.init_from: the raw view of a record's best checkpoint (else its last), or of a .pt file."""
    file = Path(path)
    if file.suffix == ".pt":
        state = checkpoints.load(file)["model"]
    else:
        record = Record.open(file)
        state = record.load_checkpoint("best" if "best" in record.checkpoints() else "last")["model"]
    return Weights(state, digest_of(state))


def digest_of(state: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the names and values of weights."""
    digest = hashlib.sha256()
    for key, value in state.items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def initialise(model: nn.Module, path: str) -> None:
    """Load weights into a new model. Raises UserError naming what does not fit."""
    state, own = read_weights(path).state, model.state_dict()
    wrong = [
        f"{k} {tuple(own[k].shape)}, not {tuple(v.shape)}"
        for k, v in state.items()
        if k in own and own[k].shape != v.shape
    ]
    missing = [k for k in own if k not in state]
    extra = [k for k in state if k not in own]
    if wrong or missing or extra:
        what = "; ".join(
            f"{label}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
            for label, names in (("other shape", wrong), ("missing", missing), ("unknown", extra))
            if names
        )
        raise UserError(f"trainer.init_from={path}: the weights are of another model ({what})")
    model.load_state_dict(state)
