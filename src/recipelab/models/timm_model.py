"""Any model of timm, by its name: Ross Wightman, "PyTorch Image Models", Apache 2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from recipelab.core.errors import UserError, did_you_mean
from recipelab.models.layers import Dimensions, Rate, check_dimensions
from recipelab.models.pretrained import timm_preprocessing, timm_state

# What timm.create_model takes besides options of the network, some of it addresses and files that would be loaded.
RESERVED = {
    "pretrained": "give model.pretrained=true",
    "checkpoint_path": "give model.weights=FILE",
    "pretrained_cfg": "give model.weights=FILE",
    "pretrained_cfg_overlay": "give model.weights=FILE",
    "pretrained_strict": "give model.weights=FILE",
    "cache_dir": "set the environment variable HF_HOME",
    "num_classes": "it is what the data say",
    "in_chans": "it is what the data say",
    "drop_rate": "give model.dropout=RATE",
    "drop_path_rate": "give model.stochastic_depth=RATE",
    "model_name": "give model.name=NAME",
}


class _Weights:
    """timm's own pretrained weights, adapted by timm to channels and classes of the data."""

    def preprocessing(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """See pretrained.Published."""
        return timm_preprocessing(_known(options["name"]))

    def state(self, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Tensor]]:
        """See pretrained.Published."""
        return timm_state(_known(options["name"]), **_keywords(options))


def timm_model(  # noqa: PLR0913 (the signature is the schema)
    *,
    name: str,
    num_classes: int,
    image_size: tuple[int, ...],
    input_channels: int = 3,
    input_dim: Dimensions = 2,
    dropout: Rate | None = None,
    stochastic_depth: Rate | None = None,
    activation_checkpointing: bool = False,
    options: dict[str, Any] | None = None,
) -> nn.Module:
    """timm's model `name`, such as resnet26d or vit_tiny_patch16_224. Input (B, input_channels, H, W) float, output
    (B, num_classes).

    dropout, stochastic_depth: timm's drop_rate and drop_path_rate; null is the model's own.
    options: further keywords of the model itself, such as {global_pool: avgmax}.

    Raises UserError for a name that timm does not have (no hub and no address is one), for images of one or three
    dimensions, and for what the model itself refuses.
    """
    import timm

    check_dimensions(input_dim, image_size, allowed=(2,))
    given = {
        "num_classes": num_classes,
        "image_size": image_size,
        "input_channels": input_channels,
        "dropout": dropout,
        "stochastic_depth": stochastic_depth,
        "options": options,
        "name": name,
    }
    try:
        model: nn.Module = timm.create_model(_known(name), **_keywords(given))
        if activation_checkpointing:
            model.set_grad_checkpointing(True)  # type: ignore[operator]
    except (TypeError, AssertionError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"model.name={name}: timm cannot build it so: {reason}") from error
    return model


def _known(name: str) -> str:
    """`name` if it is one of timm's registry. Raises UserError."""
    import timm

    if ":" in name or "/" in name or not timm.is_model(name):
        base = name.split("/")[-1].split(":")[-1]
        hint = did_you_mean(base, timm.list_models(), "model.name=")
        raise UserError(f"model.name={name!r} is not a model of timm{hint}\n  weights of your own: model.weights=FILE")
    return name


def _keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of timm.create_model. Raises UserError for an option that is not the network's."""
    from timm.models import get_pretrained_cfg

    options = dict(given.get("options") or {})
    for key in options.keys() & RESERVED.keys():
        raise UserError(f"model.options.{key} is not an option of the network: {RESERVED[key]}")
    if dropout := given.get("dropout"):
        options["drop_rate"] = dropout
    if rate := given.get("stochastic_depth"):
        options["drop_path_rate"] = rate
    config = get_pretrained_cfg(given["name"])
    if config is not None and config.fixed_input_size and "img_size" not in options:
        options["img_size"] = tuple(given["image_size"])
    return {**options, "num_classes": given["num_classes"], "in_chans": given["input_channels"]}


timm_model.published = _Weights()  # type: ignore[attr-defined]
