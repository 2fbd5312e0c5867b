"""EfficientNetV2 and ConvNeXt, built from torchvision's parts, for images of two dimensions.

Tan, Le 2021, "EfficientNetV2", arXiv 2104.00298, table 4 and its variants M and L; Liu, Mao, Wu, Feichtenhofer,
Darrell, Xie 2022, "A ConvNet for the 2020s", arXiv 2201.03545, section 3. Networks, initialisation, stochastic depth
(linear from 0 in the first block) and its rates are torchvision's; narrow and shallow members scale channels and
blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig

from recipelab.models.layers import Dimensions, Rate, check_dimensions
from recipelab.models.named import named
from recipelab.models.pretrained import Torchvision, require_standard
from recipelab.models.stage import Stage

Factor = Annotated[float, Gt(0), Le(1)]

# A row a stage: (fused, expansion, stride, input channels, output channels, blocks).
EFFICIENTNET_V2 = {
    "s": [
        (True, 1, 1, 24, 24, 2),
        (True, 4, 2, 24, 48, 4),
        (True, 4, 2, 48, 64, 4),
        (False, 4, 2, 64, 128, 6),
        (False, 6, 1, 128, 160, 9),
        (False, 6, 2, 160, 256, 15),
    ],
    "m": [
        (True, 1, 1, 24, 24, 3),
        (True, 4, 2, 24, 48, 5),
        (True, 4, 2, 48, 80, 5),
        (False, 4, 2, 80, 160, 7),
        (False, 6, 1, 160, 176, 14),
        (False, 6, 2, 176, 304, 18),
        (False, 6, 1, 304, 512, 5),
    ],
    "l": [
        (True, 1, 1, 32, 32, 4),
        (True, 4, 2, 32, 64, 7),
        (True, 4, 2, 64, 96, 7),
        (False, 4, 2, 96, 192, 10),
        (False, 6, 1, 192, 224, 19),
        (False, 6, 2, 224, 384, 25),
        (False, 6, 1, 384, 640, 7),
    ],
}
LAST_CHANNELS = 1280

# Channels and blocks of the four stages.
CONVNEXT = {
    "tiny": ((96, 192, 384, 768), (3, 3, 9, 3)),
    "small": ((96, 192, 384, 768), (3, 3, 27, 3)),
    "base": ((128, 256, 512, 1024), (3, 3, 27, 3)),
    "large": ((192, 384, 768, 1536), (3, 3, 27, 3)),
}


class _Weights(Torchvision):
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def name(self, options: Mapping[str, Any]) -> str:
        require_standard(options, {"width": 1.0, "depth": 1.0})
        return f"{self.prefix}_{options['size']}"


def efficientnet_v2(  # noqa: PLR0913 (the signature is the schema)
    *,
    size: Literal["s", "m", "l"] = "s",
    num_classes: int,
    image_size: tuple[int, ...],
    input_channels: int = 3,
    input_dim: Dimensions = 2,
    width: Factor = 1.0,
    depth: Factor = 1.0,
    stochastic_depth: Rate = 0.2,
    dropout: Rate = 0.2,
    activation_checkpointing: bool = False,
) -> nn.Module:
    """EfficientNetV2-S, M or L. Input (B, input_channels, H, W) float, output (B, num_classes).

    width, depth: factors on all channels (rounded to a multiple of 8) and on the blocks of every stage (rounded up).
    stochastic_depth: rate of the last block. dropout: rate before the classifier; published: .2, .3 and .4 by size.

    Raises UserError for images of one or three dimensions.
    """
    check_dimensions(input_dim, image_size, allowed=(2,))
    settings: list[MBConvConfig | FusedMBConvConfig] = [
        (FusedMBConvConfig if fused else MBConvConfig)(
            ratio, 3, stride, scaled(inputs, width), scaled(outputs, width), math.ceil(count * depth)
        )
        for fused, ratio, stride, inputs, outputs, count in EFFICIENTNET_V2[size]
    ]
    model = EfficientNet(
        settings,
        dropout,
        stochastic_depth,
        num_classes,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        last_channel=scaled(LAST_CHANNELS, width),
    )
    if input_channels != 3:
        first = model.features[0]
        first[0] = _widened(first[0], input_channels)
        nn.init.kaiming_normal_(first[0].weight, mode="fan_out")
    return _finished(model, activation_checkpointing)


def convnext(  # noqa: PLR0913 (the signature is the schema)
    *,
    size: Literal["tiny", "small", "base", "large"] = "tiny",
    num_classes: int,
    image_size: tuple[int, ...],
    input_channels: int = 3,
    input_dim: Dimensions = 2,
    width: Factor = 1.0,
    depth: Factor = 1.0,
    stochastic_depth: Rate = 0.1,
    dropout: Rate = 0.0,
    activation_checkpointing: bool = False,
) -> nn.Module:
    """ConvNeXt tiny, small, base or large. Input (B, input_channels, H, W) float, 32 pixels or more a side, output
    (B, num_classes).

    width, depth: factors on all channels (rounded to a multiple of 8) and on the blocks of every stage (rounded up).
    stochastic_depth: rate of the last block; torchvision's: .1, .4, .5, .5 by size. dropout: before the classifier.

    Raises UserError for images of one or three dimensions.
    """
    check_dimensions(input_dim, image_size, allowed=(2,))
    channels, counts = CONVNEXT[size]
    widths: list[int | None] = [*(scaled(c, width) for c in channels), None]
    settings = [
        CNBlockConfig(widths[stage] or 0, widths[stage + 1], math.ceil(count * depth))
        for stage, count in enumerate(counts)
    ]
    model = ConvNeXt(settings, stochastic_depth, num_classes=num_classes)
    if input_channels != 3:
        first = model.features[0]
        first[0] = _widened(first[0], input_channels)
        nn.init.trunc_normal_(first[0].weight, std=0.02)
        nn.init.zeros_(first[0].bias)
    if dropout:
        model.classifier[1] = nn.Sequential(model.classifier[1], nn.Dropout(dropout))
    return _finished(model, activation_checkpointing)


def scaled(channels: int, width: float) -> int:
    """channels * width as a multiple of 8, at least 8."""
    return channels if width == 1 else max(8, round(channels * width / 8) * 8)


def _widened(old: nn.Conv2d, inputs: int) -> nn.Conv2d:
    """A convolution like `old` for another number of channels."""
    bias = old.bias is not None
    return nn.Conv2d(inputs, old.out_channels, old.kernel_size, old.stride, old.padding, bias=bias)  # type: ignore[arg-type]


def _finished(model: Any, recompute: bool) -> nn.Module:
    """With stages that compute their activations again if asked, and a name for the first layers."""
    if recompute:
        for index, stage in enumerate(model.features):
            if type(stage) is nn.Sequential:
                model.features[index] = Stage(*stage, recompute=True)
    model.freezable = {"stem": ("features.0",)}
    made: nn.Module = model
    return made


efficientnet_v2.published = _Weights("efficientnet_v2")  # type: ignore[attr-defined]
convnext.published = _Weights("convnext")  # type: ignore[attr-defined]

efficientnet_v2_s = named("efficientnet_v2_s", efficientnet_v2, size="s")
efficientnet_v2_m = named("efficientnet_v2_m", efficientnet_v2, size="m", dropout=0.3)
efficientnet_v2_l = named("efficientnet_v2_l", efficientnet_v2, size="l", dropout=0.4)
convnext_tiny = named("convnext_tiny", convnext, size="tiny")
convnext_small = named("convnext_small", convnext, size="small", stochastic_depth=0.4)
convnext_base = named("convnext_base", convnext, size="base", stochastic_depth=0.5)
convnext_large = named("convnext_large", convnext, size="large", stochastic_depth=0.5)
