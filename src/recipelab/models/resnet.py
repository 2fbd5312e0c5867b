"""ResNet-18 and ResNet-50 of torchvision, with a stem for small images.

He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385; torchvision's form (in the
bottleneck the 3x3 convolution has the stride). The stem was made for 224 pixels and divides the resolution by four;
the small-image stem, common for CIFAR, is a 3x3 convolution with stride 1 and no max-pooling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torchvision
from torch import nn

from recipelab.core.errors import UserError

SMALL = 64  # pixels on the shorter side up to which small_input=auto takes the small-image stem

SmallInput = bool | Literal["auto"]


def resnet18(
    *, num_classes: int, image_size: tuple[int, ...], input_channels: int = 3, small_input: SmallInput = "auto"
) -> nn.Module:
    """ResNet-18 (basic blocks): 11.2 M parameters. Input (B, input_channels, H, W), output (B, num_classes) logits.

    image_size: (height, width) in pixels; it decides small_input=auto.
    small_input: True for the 3x3 stride-1 stem without max-pooling, False for the 7x7 stride-2 stem with it, "auto"
        for the former up to 64 pixels on the shorter side.

    Raises UserError when images are not two-dimensional.
    """
    return _with_stem(torchvision.models.resnet18, num_classes, image_size, input_channels, small_input)


def resnet50(
    *, num_classes: int, image_size: tuple[int, ...], input_channels: int = 3, small_input: SmallInput = "auto"
) -> nn.Module:
    """ResNet-50 (bottleneck blocks): 23.5 M parameters without the last layer's. The rest as in resnet18."""
    return _with_stem(torchvision.models.resnet50, num_classes, image_size, input_channels, small_input)


def _with_stem(
    build: Callable[..., nn.Module],
    num_classes: int,
    image_size: tuple[int, ...],
    input_channels: int,
    small_input: SmallInput,
) -> nn.Module:
    if len(image_size) != 2:
        raise UserError(
            f"this model takes images of (height, width), and the data's are {tuple(image_size)}"
            "\n  choose a model for this number of dimensions, or data of two"
        )
    model = build(weights=None, num_classes=num_classes)
    small = min(image_size) <= SMALL if small_input == "auto" else small_input
    if small:
        model.conv1 = _stem(input_channels, kernel=3, stride=1)
        model.maxpool = nn.Identity()
    elif input_channels != 3:
        model.conv1 = _stem(input_channels, kernel=7, stride=2)
    return model


def _stem(input_channels: int, kernel: int, stride: int) -> nn.Conv2d:
    """A first convolution, initialised as torchvision initialises its own."""
    conv = nn.Conv2d(input_channels, 64, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
