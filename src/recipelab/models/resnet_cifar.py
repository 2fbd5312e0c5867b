"""Residual networks for small images: ResNet-20, 32, 44, 56.

He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, section 4.2: a 3x3
convolution, three stages of n basic blocks with 16, 32, 64 channels (depth 6n + 2), global average pooling, a linear
layer. Shortcuts have no parameters (option A): every second pixel, and zeros for the new channels.

The zeros go half before and half after the channels, and weights start by Kaiming's rule, as in Yerlan Idelbayev's
akamaster/pytorch_resnet_cifar10 (BSD 2-Clause), the implementation with the published parameter counts; written anew.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.core.errors import UserError

Initialization = Literal["kaiming", "default"]


class PadShortcut(nn.Module):
    """Option A: (B, C, H, W) -> (B, C + 2 * extra, ceil(H / 2), ceil(W / 2)), no parameters."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra, self.extra))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, and the shortcut: (B, C, H, W) -> (B, channels, H / stride, W / stride)."""

    def __init__(self, input_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        extra = (channels - input_channels) // 2
        self.shortcut: nn.Module = PadShortcut(extra) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        # In place where autograd allows it: 10 % of a training step on a CPU.
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out, inplace=True)


class ResNetCifar(nn.Module):
    """The CIFAR ResNet of `depth` = 6n + 2 layers.

    Input (B, input_channels, H, W) float of any size, output (B, num_classes) logits.

    depth: layers with weights: 20, 32, 44, 56, 110, ...
    initialization: "kaiming" draws the weights of convolutions and the linear layer from N(0, 2 / fan_in) (He et al.
        2015, arXiv 1502.01852); "default" keeps PyTorch's, uniform up to 1 / sqrt(fan_in): a sixth of that variance.

    Raises UserError when depth is not 6n + 2.
    """

    def __init__(
        self, *, depth: int, num_classes: int, input_channels: int = 3, initialization: Initialization = "kaiming"
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            near = 6 * max(1, round((depth - 2) / 6)) + 2
            raise UserError(f"model.depth={depth} is not 6n + 2 with n >= 1; the nearest depth that is: {near}")
        self.conv1 = nn.Conv2d(input_channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.fc = nn.Linear(64, num_classes)
        if initialization == "kaiming":
            self.apply(_kaiming)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def _stage(input_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(channels, channels, 1) for _ in range(blocks - 1))
    return nn.Sequential(BasicBlock(input_channels, channels, stride), *rest)


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)


def resnet20(*, num_classes: int, input_channels: int = 3, initialization: Initialization = "kaiming") -> nn.Module:
    """ResNet-20 for small images: 0.27 M parameters. See ResNetCifar."""
    return ResNetCifar(depth=20, num_classes=num_classes, input_channels=input_channels, initialization=initialization)


def resnet32(*, num_classes: int, input_channels: int = 3, initialization: Initialization = "kaiming") -> nn.Module:
    """ResNet-32 for small images: 0.46 M parameters. See ResNetCifar."""
    return ResNetCifar(depth=32, num_classes=num_classes, input_channels=input_channels, initialization=initialization)


def resnet44(*, num_classes: int, input_channels: int = 3, initialization: Initialization = "kaiming") -> nn.Module:
    """ResNet-44 for small images: 0.66 M parameters. See ResNetCifar."""
    return ResNetCifar(depth=44, num_classes=num_classes, input_channels=input_channels, initialization=initialization)


def resnet56(*, num_classes: int, input_channels: int = 3, initialization: Initialization = "kaiming") -> nn.Module:
    """ResNet-56 for small images: 0.85 M parameters. See ResNetCifar."""
    return ResNetCifar(depth=56, num_classes=num_classes, input_channels=input_channels, initialization=initialization)
