"""The weights that a training starts from, where they are not drawn: published ones, or those of a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from recipelab.config.check import Recipe
from recipelab.core.errors import UserError
from recipelab.models.weights import Report, load
from recipelab.records import checkpoints

# Where a checkpoint of somebody's keeps its weights, beside optimizer and settings; averages come first.
NESTED = ("state_dict_ema", "model_ema", "model", "state_dict", "model_state_dict")


def read_file(path: str) -> Mapping[str, Tensor]:
    """Names and tensors of a .safetensors file, or of a checkpoint that loads weights-only (.pt, .pth, .ckpt, ...).

    Raises UserError when it is missing, damaged, holds more than tensors and plain containers, or no weights.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"model.weights={path}: there is no such file")
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise UserError(f"model.weights={path} cannot be read: {error}") from error
    content: Any = checkpoints.load_foreign(file)
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    weights = (
        {key: value for key, value in content.items() if isinstance(value, Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not weights:
        raise UserError(f"model.weights={path} holds no weights: tensors by name, or such under {', '.join(NESTED)}")
    return weights


def digest_of(path: str) -> str:
    """SHA-256 (hex) of a file's bytes. Raises UserError when it is missing."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"model.weights={path}: there is no such file")
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def start_weights(model: nn.Module, recipe: Recipe) -> Report | None:
    """Put the recipe's weights into a new model and say what became of them; None when it is to start as drawn.

    Raises UserError when they cannot be had, or are of another network.
    """
    if recipe.model.weights:
        return load(model, read_file(recipe.model.weights), f"model.weights={recipe.model.weights}")
    if recipe.model.pretrained:
        slot = recipe.slots["model"]
        name, state = slot.target.published.state(slot.kwargs)  # type: ignore[attr-defined]
        return load(model, state, name)
    return None
