"""What a file says of the network in it: what it takes, what it gives, and where it comes from."""

from __future__ import annotations

import json

from recipelab import __version__
from recipelab.commands.predict import fit_of
from recipelab.commands.trained import Trained
from recipelab.core.facts import Facts

_AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


def described(member: Trained, view: str, temperature: float, *, preprocessing: bool) -> dict[str, str]:
    """Names and texts; lists as JSON. The same in every format; `docs/export.md` describes each.

    temperature: what the logits are divided by. preprocessing: whether the graph normalises images itself.
    """
    facts = member.facts
    slot = member.recipe.slots["model"]
    step = member.steps.get(view)
    regression = facts.task == "regression"
    found = {
        "recipelab": __version__,
        "task": facts.task,
        "classes": json.dumps(list(member.class_names), ensure_ascii=False),
        "input": _input(facts, preprocessing),
        "outputs": f"(B, {facts.num_classes}) float32 " + ("values" if regression else "logits"),
        "image_size": json.dumps(list(facts.image_size)),
        "input_channels": str(facts.input_channels),
        "mean": json.dumps(facts.mean),
        "std": json.dumps(facts.std),
        "preprocessing": "; ".join(_steps(member, preprocessing)),
        "run": member.name,
        "view": view,
        "checkpoint": member.checkpoint,
        "model": f"{slot.target.__module__}.{slot.name}",
        "model_options": json.dumps(slot.kwargs, ensure_ascii=False, default=str),
    }
    if not regression:
        found["temperature"] = repr(temperature)
    if step is not None:
        found["step"] = str(step)
    if member.run is not None and isinstance(hashed := member.run.result.get("recipe_hash"), str):
        found["recipe_hash"] = hashed
    return found


def _input(facts: Facts, preprocessing: bool) -> str:
    axes = _AXES.get(facts.input_dim, "...")
    shape = f"(B, {axes}, C) {facts.image_dtype}" if preprocessing else f"(B, C, {axes}) float32, normalised"
    size = "x".join(str(edge) for edge in facts.image_size)
    return f"{shape}; {size}, {facts.input_channels} channel{'s' if facts.input_channels > 1 else ''}"


def _steps(member: Trained, preprocessing: bool) -> list[str]:
    """What is done to an image before it is given to the network, in order."""
    facts, data = member.facts, member.recipe.data
    size = "x".join(str(edge) for edge in facts.image_size)
    found = []
    options = member.recipe.slots["data"].kwargs
    if "interpolation" in options:  # read from image files
        how = fit_of(member)
        crop = "x".join(str(edge) for edge in how.size)
        short = f"short side to {how.resize}" if how.resize else "short side to what the crop needs"
        found.append(f"image files: {short} ({how.interpolation}, antialiased), centre {crop}")
    augment = member.recipe.slots["augment"]
    if hasattr(augment.target, "evaluate"):
        found.append(f"{augment.name}.evaluate to {size}")
    elif facts.stored_size:
        stored = "x".join(str(edge) for edge in facts.stored_size)
        shorter = data.resize_size or max(facts.image_size)
        found.append(f"from {stored}: shorter side to {shorter} ({data.interpolation}, antialiased), centre {size}")
    if not preprocessing:
        unit = "x / 255" if facts.image_dtype == "uint8" else "x"
        found.append(f"({unit} - mean) / std a channel")
    return found or ["none: the graph takes stored images"]
