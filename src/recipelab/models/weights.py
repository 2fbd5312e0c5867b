"""Weights of elsewhere put into a model: names matched, first convolution adapted, head replaced, all reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.core.errors import UserError
from recipelab.models.layers import Conv

WRAPPERS = ("module.", "_orig_mod.", "model.")  # what DDP, torch.compile and Lightning put before names
NAMED = 4  # how many tensors a line names


@dataclass
class Report:
    """What became of the weights. source: where they are from; the rest: names of tensors of the model, or of the file.

    adapted: taken with another number of input channels. new: of the model, initialised anew. left_out: of the file.
    """

    source: str
    loaded: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the terminal."""
        said = [f"weights: {self.source}: {len(self.loaded)} tensors loaded"]
        what = {"adapted": "adapted to the input channels", "new": "not in it, new", "left_out": "left out"}
        for key, words in what.items():
            names = getattr(self, key)
            if names:
                said.append(
                    f"  {words}: {', '.join(names[:NAMED])}{f' and {len(names) - NAMED} more' * (len(names) > NAMED)}"
                )
        return said

    def plain(self) -> dict[str, Any]:
        """For the record."""
        return {**vars(self), "loaded": len(self.loaded)}


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weight (O, I, *K) for `channels` inputs.

    One channel gets the sum over the old ones: a grey image then counts as one with equal channels. Others repeat the
    old ones in turn, scaled by I / channels so that the sum keeps its size (timm's rule).
    """
    inputs = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    rows = torch.arange(channels, device=weight.device) % inputs
    return weight[:, rows] * (inputs / channels)


def load(model: nn.Module, state: Mapping[str, Tensor], source: str) -> Report:
    """Copy `state` into `model` by name. Returns what was loaded, adapted and left out.

    The first convolution is adapted to the model's input channels; it and the head (the last linear layer, or
    convolution where there is none) may have another shape, and are then new. Batches counted and the like may be
    missing.

    Raises UserError when the weights are of another network: a shape differs elsewhere, or most of the model is not
    there.
    """
    own = model.state_dict()
    given = _renamed(state, own)
    first, head = first_and_head(model)
    report, wrong = Report(source), []
    taken: dict[str, Tensor] = {}
    for key, value in own.items():
        layer = key.rpartition(".")[0]
        if key not in given:
            if not key.endswith("num_batches_tracked"):
                report.new.append(key)
        elif given[key].shape == value.shape:
            taken[key] = given[key]
            report.loaded.append(key)
        elif layer == first and _but_inputs(given[key]) == _but_inputs(value):
            taken[key] = adapt_channels(given[key], value.shape[1])
            report.adapted.append(key)
        elif layer in (first, head):
            report.new.append(key)
            report.left_out.append(key)
        else:
            wrong.append(f"{key} {tuple(value.shape)}, not {tuple(given[key].shape)}")
    report.left_out += [key for key in given if key not in own]
    _refuse(model, report, wrong)
    with torch.no_grad():
        for key, value in taken.items():
            own[key].copy_(value)
    return report


def _refuse(model: nn.Module, report: Report, wrong: list[str]) -> None:
    """Raise UserError when the weights are of another network."""
    sizes = {key: value.numel() for key, value in model.state_dict().items()}
    head = first_and_head(model)[1]
    body = sum(size for key, size in sizes.items() if key.rpartition(".")[0] != head)
    found = sum(sizes[key] for key in (*report.loaded, *report.adapted) if key.rpartition(".")[0] != head)
    if wrong or 2 * found < body:
        what = "; ".join(wrong[:3]) if wrong else f"missing: {', '.join(report.new[:3])} ..."
        raise UserError(f"{report.source}: the weights are of another model ({what})")


def _renamed(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` without the prefixes of wrappers, where the model has none of that name itself."""
    given = dict(state)
    for _ in WRAPPERS:
        for prefix in WRAPPERS:
            if (
                given
                and all(key.startswith(prefix) for key in given)
                and not any(key.startswith(prefix) for key in own)
            ):
                given = {key.removeprefix(prefix): value for key, value in given.items()}
    return given


def _but_inputs(weight: Tensor) -> tuple[int, ...]:
    return (weight.ndim, *weight.shape[:1], *weight.shape[2:]) if weight.ndim > 2 else ()


def first_and_head(model: nn.Module) -> tuple[str | None, str | None]:
    """Names of the first convolution and of the classifier."""
    convolutions = [name for name, module in model.named_modules() if isinstance(module, Conv)]
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    last = (linear or convolutions)[-1:]
    return (convolutions[0] if convolutions else None), (last[0] if last else None)
