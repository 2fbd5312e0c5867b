"""Where pretrained weights come from, and what images they expect. The download is torchvision's and timm's own.

A model's target may have an attribute `published` (see Published): `model.pretrained=true` works for those that do.
What the weights expect of images is told without building the model, as keys of the data section, so that it is known
before data are read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from recipelab.core.errors import UserError


class Published(Protocol):
    """Published weights of a model, by the options that it is built with."""

    def preprocessing(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """image_size, resize_size (of the shorter side, before the centre crop), interpolation, mean, std.

        Raises UserError when there are no weights for these options.
        """

    def state(self, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Tensor]]:
        """The weights' name and their state_dict, fetched or from the cache of an earlier time.

        options: those of the model, facts of the data included. Raises UserError when they cannot be fetched.
        """


class Torchvision:
    """The weights that torchvision calls its default for a model, named by `name(options)`."""

    def name(self, options: Mapping[str, Any]) -> str:
        """torchvision's name of the model. Raises UserError when it has none like it."""
        raise NotImplementedError

    def preprocessing(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """See Published."""
        preset = self._weights(options).transforms()
        return {
            "image_size": [preset.crop_size[0]] * 2,
            "resize_size": preset.resize_size[0],
            "interpolation": preset.interpolation.value,
            "mean": list(preset.mean),
            "std": list(preset.std),
        }

    def state(self, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Tensor]]:
        """See Published."""
        weights = self._weights(options)
        name = f"torchvision {self.name(options)} {weights.name}"
        with Fetching(name, weights.url):
            return name, weights.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")

    def _weights(self, options: Mapping[str, Any]) -> Any:
        from torchvision.models import get_model_weights

        return get_model_weights(self.name(options)).DEFAULT


class TorchvisionResNet(Torchvision):
    """For ResNets as published; of ResNet-D, those of timm, which has the same names of layers."""

    STANDARD = {"width": 64, "bottleneck": "auto", "stem": "standard", "shortcut": "conv"}
    DEPTHS = (18, 34, 50, 101, 152)

    def name(self, options: Mapping[str, Any]) -> str:
        """Such as resnet50."""
        require_standard(options, self.STANDARD, {"depth": self.DEPTHS})
        return f"resnet{options['depth']}"

    def preprocessing(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """See Published."""
        return timm_preprocessing(_resnet_d(options)) if _is_d(options) else super().preprocessing(options)

    def state(self, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Tensor]]:
        """See Published."""
        return timm_state(_resnet_d(options)) if _is_d(options) else super().state(options)


class TorchvisionVGG(Torchvision):
    """For VGGs of the published layouts: the convolutions; the fully connected layers are left out."""

    def name(self, options: Mapping[str, Any]) -> str:
        """Such as vgg16_bn."""
        require_standard(options, {"width": 64, "layout": None}, {"depth": (11, 13, 16, 19)})
        return f"vgg{options['depth']}_bn"


def require_standard(
    options: Mapping[str, Any], standard: Mapping[str, Any], choices: Mapping[str, tuple[Any, ...]] | None = None
) -> None:
    """Raise UserError naming the option for which there are no published weights."""
    allowed = {key: (value,) for key, value in standard.items()} | dict(choices or {})
    for key, values in allowed.items():
        if options.get(key, values[0]) not in values:
            known = ", ".join("null" if value is None else str(value) for value in values)
            raise UserError(
                f"model.pretrained=true: there are no published weights for model.{key}={options[key]}"
                f"\n  there are for model.{key}: {known}; other weights can be read with model.weights=FILE"
            )


def _is_d(options: Mapping[str, Any]) -> bool:
    return options.get("stem") == "deep" and options.get("shortcut") == "avg_pool"


def _resnet_d(options: Mapping[str, Any]) -> str:
    require_standard(options, {"width": 64, "bottleneck": "auto"}, {"depth": (18, 34, 50, 101, 152)})
    return f"resnet{options['depth']}d"


def timm_preprocessing(name: str) -> dict[str, Any]:
    """What the pretrained weights that timm has under `name` expect, by timm's own configuration of them.

    Raises UserError when timm has none.
    """
    from timm.data.config import resolve_data_config
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name)
    if config is None or not (config.has_weights or config.hf_hub_id or config.url):
        raise UserError(f"model.pretrained=true: timm has no pretrained weights for {name!r}")
    found = resolve_data_config(pretrained_cfg=config.to_dict())  # type: ignore[no-untyped-call]
    _, height, width = found["input_size"]
    return {
        "image_size": [height, width],
        "resize_size": math.floor(min(height, width) / found["crop_pct"]),
        "interpolation": found["interpolation"] if found["interpolation"] in ("bilinear", "bicubic") else "bicubic",
        "mean": list(found["mean"]),
        "std": list(found["std"]),
    }


def timm_state(name: str, **options: Any) -> tuple[str, Mapping[str, Tensor]]:
    """The state_dict of timm's pretrained model `name`, built with `options` (num_classes, in_chans, ...)."""
    import timm

    with Fetching(f"timm {name}", "huggingface.co"):
        return f"timm {name}", timm.create_model(name, pretrained=True, **options).state_dict()


class Fetching:
    """Turns what goes wrong on the way (no network, a wrong checksum, no space) into a UserError."""

    def __init__(self, name: str, place: str) -> None:
        self.name, self.place = name, place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, UserError | KeyboardInterrupt):
            return
        if isinstance(error, OSError | RuntimeError | ValueError):
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"model.pretrained=true: the weights {self.name} could not be fetched from {self.place}: {first}"
                "\n  fix: fetch them on a machine with a network, and give the file: model.weights=FILE"
            ) from error
