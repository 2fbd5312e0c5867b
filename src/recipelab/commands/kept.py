"""What a record keeps to make averages of after the run: what each entry is the mean of, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from recipelab.averaging.blocks import Blocks
from recipelab.averaging.clock import Clock
from recipelab.averaging.profiles import Array, Block, profile
from recipelab.commands.trained import Trained
from recipelab.config.averages import named_averages
from recipelab.core.errors import UserError
from recipelab.loop.load_run import Run

Weights = Mapping[str, Tensor]
MEMORY = 2**30
"""Bytes of averages that are made at once; more of them are made one after the other."""


@dataclass(frozen=True)
class Entry:
    """Stored weights. name: in words. profile: what they are the mean of. read: gives them."""

    name: str
    profile: Block | Array
    read: Callable[[], Weights]


def kept(trained: Trained, clock: Clock, *, tracked: bool = True) -> list[Entry]:
    """All that averages of a run can be made of: initial weights, means of blocks, the weights at its end.

    trained: with its last checkpoint. tracked: the averages that the run has tracked, too.
    """
    assert trained.run is not None
    steps, folder = trained.steps["raw"], trained.run.record.averages
    stops = [stop for stop in folder.stops() if stop <= steps]
    plan = folder.plan() or {"stops": []}
    blocks = Blocks(tuple(sorted({*stops, *plan["stops"]})), 1)
    entries = [Entry("the initial weights", Block(0, 0), partial(_read, trained, Block(0, 0)))]
    found = entries if folder.has_initial() else []
    for block in (Block(blocks.start_of(stop), stop) for stop in stops):
        found.append(Entry(f"steps {block.start + 1:,} to {block.stop:,}", block, partial(_read, trained, block)))
    if not hasattr(trained.recipe.slots["optimizer"].target, "evaluation_weights"):  # then raw is not what was averaged
        found.append(Entry("the weights at the end", Block(steps, steps), partial(_view, trained, "raw")))
    return found + (_tracked(trained, clock, steps) if tracked else [])


def require_means(run: Run) -> None:
    """Raise UserError when a record keeps no means of its weights."""
    if not run.record.averages.stops():
        raise UserError(
            f"{run.path} keeps no means of its weights to make averages of\n  train with averaging=store, or any other"
            " averaging with averaging.store=true and a store_limit that holds them"
        )


def _tracked(trained: Trained, clock: Clock, steps: int) -> list[Entry]:
    """The averages that the run has tracked, at its end."""
    found = []
    for name, named in named_averages(trained.recipe.averaging).items():
        rows = np.atleast_2d(named.build().weights(clock))[:, :steps]
        written = rows[(rows > 0).any(1)]  # a row that nothing was written to is in no mean
        profiles = [profile(row) for row in (written if len(written) else rows[:1])]
        if name in trained.views:
            found.append(Entry(name, np.mean(profiles, axis=0), partial(_view, trained, name)))
    return found


def _view(trained: Trained, name: str) -> Weights:
    return trained.views[name]


def _read(trained: Trained, block: Block) -> Weights:
    """An entry of the store. Raises UserError when it is damaged, or of other steps than its place tells."""
    assert trained.run is not None
    folder = trained.run.record.averages
    content = folder.load(block.stop)
    if content["start"] != block.start:
        raise UserError(
            f"{folder.path}: the entry of step {block.stop} is the mean of the steps from {content['start'] + 1} on,"
            f" and its place tells {block.start + 1}: the store is damaged"
        )
    weights: Weights = content["model"]
    return weights


def synthesised(
    entries: Sequence[Entry], rows: Sequence[Array], own: Weights, keys: Sequence[str], where: str
) -> list[dict[str, Tensor]]:
    """Linear combinations of stored weights, summed in float64: for each of `rows` (N,) a whole state.

    own: a model's state, which gives the types, and what is not in `keys`. Raises UserError, naming `where`, when an
    entry's weights are of another model.
    """
    size = sum(own[key].numel() for key in keys) * 8
    portion = max(1, MEMORY // max(1, size))
    found: list[dict[str, Tensor]] = []
    for first in range(0, len(rows), portion):
        some = rows[first : first + portion]
        sums = [{key: torch.zeros_like(_real(own[key]), dtype=torch.float64) for key in keys} for _ in some]
        for index, entry in enumerate(entries):
            if not any(row[index] for row in some):
                continue
            weights = entry.read()
            _require_same(weights, own, keys, f"{where}: {entry.name}")
            for row, total in zip(some, sums, strict=True):
                for key in keys:
                    total[key].add_(_real(weights[key]).double(), alpha=float(row[index]))
        found += [_whole(own, total) for total in sums]
    return found


def _real(value: Tensor) -> Tensor:
    return torch.view_as_real(value) if value.is_complex() else value


def _whole(own: Weights, sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's state with these values in it, each of its own type."""
    found = {key: value.clone() for key, value in own.items()}
    for key, value in sums.items():
        _real(found[key]).copy_(value)
    return found


def _require_same(weights: Weights, own: Weights, keys: Sequence[str], where: str) -> None:
    """Raise UserError unless `weights` has a tensor of numbers for every key, of the model's shape."""
    for key in keys:
        value = weights.get(key)
        if value is None or _real(value).shape != _real(own[key]).shape or not _real(value).is_floating_point():
            what = "missing" if value is None else f"{tuple(value.shape)}, not {tuple(own[key].shape)}"
            raise UserError(f"{where} are of another model ({key} {what})")
