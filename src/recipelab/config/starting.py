"""The keys that every model shares: what it starts from and what of it is frozen, and what that means for the data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from recipelab.config.compose import Composed
from recipelab.config.schema import Model
from recipelab.config.signature import fill, schema_of
from recipelab.config.slots import locate
from recipelab.config.takers import choices_where
from recipelab.core.durations import parse
from recipelab.core.errors import UserError

SHARED_MODEL = schema_of(Model)


def shared_model(target: Callable[..., Any], own: Collection[str], node: Mapping[str, Any]) -> Model:
    """The shared keys of a model's node, less those that the target takes itself (`own`). Raises UserError."""
    shared = {key: value for key, value in node.items() if key in SHARED_MODEL.parameters and key not in own}
    model = Model(**fill("model", shared, SHARED_MODEL))
    if model.pretrained and model.weights:
        raise UserError("model.pretrained=true and model.weights both name weights to start from: give one of them")
    if model.pretrained and getattr(target, "published", None) is None:
        choices = ", ".join(choices_where("model", lambda other: getattr(other, "published", None) is not None))
        raise UserError(
            f"model.pretrained=true: there are no published weights for {target.__name__};"
            f" there are for model={choices}\n  weights of your own: model.weights=FILE"
        )
    _check_thaw(model)
    return model


def _check_thaw(model: Model) -> None:
    durations = [model.thaw] if isinstance(model.thaw, str) else model.thaw or []
    for duration in durations:
        parse(duration, "model.thaw")
    if durations and not model.freeze:
        raise UserError(f"model.thaw={model.thaw} has nothing to apply to: give model.freeze=[PART,...]")
    if isinstance(model.thaw, list) and len(model.thaw) != len(model.freeze):
        raise UserError(
            f"model.thaw has {len(model.thaw)} durations for {len(model.freeze)} parts in model.freeze:"
            " give one for each, or a single one for all"
        )


def with_preprocessing(node: Any, expected: Mapping[str, Any], composed: Composed) -> Any:
    """The data's node with the preprocessing that published weights expect of images.

    It stands before what the packaged yaml says of the data, not before what the command says, and fills only what a
    recipe from a file or record leaves out. Sources that take an image_size decode to it; other images keep the size
    that they have, and are resized on the way to the model.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        return node
    trusted = composed.trusted or node["_target_"] in composed.named
    own = schema_of(locate("data", node["_target_"], trusted=trusted, own=composed.own)).parameters
    wanted = dict(expected)
    if "image_size" not in own:
        wanted["input_size"] = wanted.pop("image_size")
    channels = node.get("input_channels") or len(wanted["mean"])
    wanted |= {key: per_channel(wanted[key], channels) for key in ("mean", "std")}
    prefix = "data."
    said = {key.removeprefix(prefix) for key in composed.given if key.startswith(prefix)}
    said |= set() if composed.trusted else set(node)
    return {**node, **{key: value for key, value in wanted.items() if key not in said}}


def per_channel(values: list[float], channels: int) -> list[float]:
    """`values` for another number of channels: their mean for one, else repeated in turn."""
    if channels == 1 and len(values) > 1:
        return [sum(values) / len(values)]
    return [values[index % len(values)] for index in range(channels)]
