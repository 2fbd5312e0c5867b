"""A run read back: its recipe, its numbers, and any of its views as a model."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from recipelab.config.check import Recipe, check
from recipelab.config.compose import compose
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.facts import Facts
from recipelab.loop.best import BEST, kept_views
from recipelab.loop.made import WithMade
from recipelab.loop.run_card import run_html, run_line
from recipelab.records import checkpoints
from recipelab.records.ledger import VALIDATION, Ledger
from recipelab.records.record import Record

LARGEST_IMAGE = 2**30  # numbers; a record that claims more would have us allocate it


@dataclass(frozen=True)
class Weights:
    """Weights for a training to start from. digest: SHA-256 (hex) of names and values."""

    state: Mapping[str, Tensor]
    digest: str


@dataclass(repr=False)
class Run:
    """A run record as Python sees it."""

    record: Record
    config_dir: str | None = None
    result: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.record.result()

    def __repr__(self) -> str:
        return f"<Run {run_line(self.path, self.record.status(), self.result)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: headline, results, curves."""
        return run_html(self.path, self.record.status(), self.result, self.metrics)

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
        """What the run knew of its data. Raises UserError when environment.json does not say it."""
        where = f"{self.path}/environment.json: facts"
        try:
            facts = TypeAdapter(Facts).validate_python(self.record.environment().get("facts"))
        except ValidationError as error:
            first = error.errors()[0]
            raise UserError(f"{'.'.join(map(str, (where, *first['loc'])))}: {first['msg']}") from None
        for size in (facts.image_size, facts.of_stored().image_size):
            if min(size, default=0) < 1 or facts.input_channels * math.prod(size) > LARGEST_IMAGE:
                raise UserError(f"{where}.image_size={list(size)} is no size of an image")
        return facts

    def ledger(self, split: str = VALIDATION) -> Ledger:
        """What the run made of every single sample at each evaluation. Raises UserError when it kept no ledger."""
        return self.record.ledger(split).read()

    def weights(self, checkpoint: str) -> tuple[Mapping[str, Mapping[str, Tensor]], Mapping[str, int]]:
        """Weights of every view of a checkpoint, on the CPU, and the step of each. Raises UserError for no checkpoint.

        The best of each view is its own: they may be of different steps. Averages that were made after the run are of
        one moment, and are found beside its best and its last.
        """
        weights, steps = kept_views(self.record, checkpoint)
        if checkpoint not in (BEST, "last"):
            return weights, steps
        averages = self.record.averages
        return WithMade(weights, averages, "model"), WithMade(steps, averages, "step")

    def model(self, checkpoint: str = "best", view: str = "raw") -> nn.Module:
        """The model with the weights of a view, on the CPU, in eval mode.

        checkpoint: best, last, or another that the record holds. view: raw, or an average such as ema_0.999.
        Raises UserError when the record has no such checkpoint or view.
        """
        weights = chosen(self.weights(checkpoint)[0], view, str(self.path))
        recipe = check(compose(base=self.config, config_dir=self.config_dir)).with_facts(self.facts)
        return rebuilt(recipe, weights, f"{self.path}, checkpoint {checkpoint}")


def load_run(path: str | Path, *, config_dir: str | Path | None = None) -> Run:
    """The run whose record is the folder `path`. Raises UserError when it is none.

    config_dir: the folder of the user's own modules, when the recipe names any.
    """
    return Run(Record.open(Path(path)), str(config_dir) if config_dir else None)


def chosen(views: Mapping[str, Mapping[str, Tensor]], view: str, where: str) -> Mapping[str, Tensor]:
    """The weights of one view. Raises UserError naming those there are."""
    if view not in views:
        raise UserError(f"{where} has no view {view!r}: it has {', '.join(views)}{did_you_mean(view, views)}")
    return views[view]


def rebuilt(recipe: Recipe, weights: Mapping[str, Tensor], where: str) -> nn.Module:
    """The model of a recipe with its facts, holding `weights`, on the CPU, in eval mode.

    Raises UserError, naming `where`, when the weights are of another model.
    """
    slot = recipe.slots["model"]
    planned: Mapping[str, Tensor] | None = None
    with contextlib.suppress(Exception), torch.device("meta"):  # some models read values while they are built
        planned = slot.build().state_dict()
    if planned is not None:  # before anything is allocated: a file may tell any size
        _require_fit(planned, weights, where)
    model: nn.Module = slot.build()
    load_weights(model, weights, where)
    return model.eval()


def read_weights(path: str) -> Weights:
    """Weights for trainer.init_from: the raw view of a record's best checkpoint (else its last), or of a .pt file."""
    file = Path(path)
    if file.suffix == ".pt":
        state = checkpoints.load(file)["model"]
    else:
        record = Record.open(file)
        state = record.load_checkpoint("best" if "best" in record.checkpoints() else "last")["model"]
    return Weights(state, state_digest(state))


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) of the names and values of weights."""
    digest = hashlib.sha256()
    for key, value in state.items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def initialise(model: nn.Module, path: str) -> None:
    """Load weights into a new model. Raises UserError naming what does not fit."""
    load_weights(model, read_weights(path).state, f"trainer.init_from={path}")


def load_weights(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Load `state` into a model that has just these names and shapes. Raises UserError naming what does not fit."""
    _require_fit(model.state_dict(), state, where)
    model.load_state_dict(state)


def _require_fit(own: Mapping[str, Tensor], state: Mapping[str, Tensor], where: str) -> None:
    """Names, shapes and kinds of numbers are the same. Raises UserError naming what is not."""
    both = [(key, own[key], value) for key, value in state.items() if key in own]
    other = {
        "other shape": [
            f"{k} {tuple(mine.shape)}, not {tuple(v.shape)}" for k, mine, v in both if mine.shape != v.shape
        ],
        "other type": [f"{k} {mine.dtype}, not {v.dtype}" for k, mine, v in both if _kind(mine) != _kind(v)],
        "missing": [key for key in own if key not in state],
        "unknown": [key for key in state if key not in own],
    }
    if any(other.values()):
        what = "; ".join(
            f"{label}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
            for label, names in other.items()
            if names
        )
        raise UserError(f"{where}: the weights are of another model ({what})")


def _kind(value: Tensor) -> tuple[bool, bool]:
    return value.is_floating_point(), value.is_complex()
