"""Facts of the data, from what the yaml declares and what the source knows; the two must not contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from recipelab.config.schema import Data
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts


def gather(declared: Data, known: Mapping[str, object]) -> Facts:
    """One Facts from the data section and from the source's own `facts()`.

    known: any of task, num_classes, input_channels, image_size, class_names, as the source found them.
    Raises UserError when the two disagree, or when neither tells a fact.
    """
    said = {key: value for key, value in asdict(declared).items() if key in Facts.__dataclass_fields__}
    said["image_size"] = _sizes(said.get("image_size"))
    said["task"] = None if declared.task == "auto" else declared.task
    merged: dict[str, Any] = {}
    for key in Facts.__dataclass_fields__:
        mine, theirs = _tuple(said.get(key)), _tuple(known.get(key))
        if mine is not None and theirs is not None and mine != theirs and not (key == "class_names" and not theirs):
            raise UserError(f"data.{key}={mine} contradicts the data, which have {theirs}; leave it out")
        merged[key] = mine if mine is not None else theirs
    for key in ("num_classes", "input_channels", "image_size"):
        if merged[key] is None:
            raise UserError(f"data.{key} is not known from the data: give data.{key}=VALUE")
    merged["class_names"] = merged["class_names"] or ()
    merged["task"] = merged["task"] or "classification"
    merged["image_dtype"] = merged["image_dtype"] or "uint8"
    merged["cropped"] = bool(merged["cropped"])
    facts = _resized(Facts(**merged), _sizes(declared.input_size))
    _check_counts(facts)
    return facts


def _resized(facts: Facts, size: tuple[int, ...] | None) -> Facts:
    """The facts of images that are resized to `size` on the way to the model; None: they are not."""
    if size is None or size == facts.image_size:
        return facts
    if facts.input_dim != 2 or len(size) != 2:
        raise UserError(
            f"data.input_size={size}: images of two dimensions can be resized; these are {facts.image_size}"
        )
    return replace(facts, image_size=size, stored_size=facts.image_size)


def _sizes(value: Any) -> tuple[int, ...] | None:
    if value is None or value == "auto":
        return None
    return (value, value) if isinstance(value, int) else tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_counts(facts: Facts) -> None:
    if facts.task == "classification" and facts.num_classes < 2:
        raise UserError(f"data.num_classes={facts.num_classes}: a classification needs at least 2 classes")
    for key in ("mean", "std"):
        values = getattr(facts, key)
        if values is not None and len(values) != facts.input_channels:
            raise UserError(f"data.{key} has {len(values)} values, but the images have {facts.input_channels} channels")
    if facts.class_names and len(facts.class_names) != facts.num_classes:
        raise UserError(
            f"data.class_names has {len(facts.class_names)} names for {facts.num_classes} {_outputs(facts)}"
        )


def _outputs(facts: Facts) -> str:
    return "targets" if facts.task == "regression" else "classes"
