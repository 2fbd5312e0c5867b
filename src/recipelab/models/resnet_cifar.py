"""Residual networks for small images: ResNet-20, 32, 44, 56, 110, 1202.

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
from recipelab.models.layers import (
    Conv,
    Count,
    Dimensions,
    Rate,
    SmallInput,
    batch_norm,
    check_dimensions,
    conv,
    dropout_layer,
    global_mean,
    is_small,
    max_pool,
)
from recipelab.models.named import named
from recipelab.models.stage import Stage
from recipelab.models.techniques import Depthwise, Excitation, Techniques

Initialization = Literal["kaiming", "default"]


class PadShortcut(nn.Module):
    """Option A: (B, C, *S) -> (B, C + 2 * extra, *ceil(S / 2)), no parameters."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        sizes = x.ndim - 2
        every_second = x[(slice(None), slice(None)) + (slice(None, None, 2),) * sizes]
        return F.pad(every_second, (0, 0) * sizes + (self.extra, self.extra))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, and the shortcut: (B, C, *S) -> (B, channels, *S / stride)."""

    def __init__(self, dim: int, widths: tuple[int, int], stride: int, techniques: Techniques, index: int) -> None:
        super().__init__()
        inputs, channels = widths
        self.conv1 = conv(dim, inputs, channels, 3, stride)
        self.bn1 = batch_norm(dim, channels)
        self.conv2 = conv(dim, channels, channels)
        self.bn2 = batch_norm(dim, channels)
        self.se = techniques.excitation(channels)
        self.drop = techniques.drop(index)
        self.shortcut: nn.Module = PadShortcut((channels - inputs) // 2) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        # In place where autograd allows it: 10 % of a training step on a CPU.
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.drop(self.se(self.bn2(self.conv2(out))))
        out += self.shortcut(x)
        return F.relu(out, inplace=True)


class ResNetCifar(nn.Module):
    """The CIFAR ResNet of `depth` = 6n + 2 layers.

    Input (B, input_channels, *S) float of any size, output (B, num_classes).

    depth: layers with weights: 20, 32, 44, 56, 110, ...
    width: channels of the first stage, the next have twice and four times as many; an even number.
    initialization: "kaiming" draws the weights of convolutions and the linear layer from N(0, 2 / fan_in) (He et al.
        2015, arXiv 1502.01852); "default" keeps PyTorch's, uniform up to 1 / sqrt(fan_in): a sixth of that variance.
    zero_init_residual: start the scale of each block's last batch norm at 0, so that blocks begin as their shortcuts
        (Goyal et al. 2017, arXiv 1706.02677).
    The other options as in `resnet.ResNet`.

    Raises UserError when depth is not 6n + 2, width is odd, or input_dim contradicts image_size.
    """

    freezable = {"stem": ("conv1", "bn1")}

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 20,
        num_classes: int,
        image_size: tuple[int, ...] = (),
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        initialization: Initialization = "kaiming",
        width: Count = 16,
        small_input: SmallInput = "auto",
        stochastic_depth: Rate = 0.0,
        stochastic_depth_mode: Depthwise = "linear",
        shakedrop: bool = False,
        squeeze_excitation: Excitation = False,
        dropout: Rate = 0.0,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        blocks, dim = _blocks(depth), input_dim
        if image_size:
            check_dimensions(dim, image_size)
        if width % 2:
            raise UserError(f"model.width={width} is odd: half of the new channels go before the old ones, half after")
        techniques = Techniques(3 * blocks, stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation)
        small = is_small(small_input, image_size or (1,))
        self.conv1 = conv(dim, input_channels, width) if small else conv(dim, input_channels, width, 7, 2)
        self.bn1 = batch_norm(dim, width)
        self.maxpool = nn.Identity() if small else max_pool(dim, 3, 2, 1)
        widths = (width, width, 2 * width, 4 * width)
        stages = []
        for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            layers = [BasicBlock(dim, (inputs, outputs), 2 if stage else 1, techniques, stage * blocks)]
            layers += [BasicBlock(dim, (outputs,) * 2, 1, techniques, stage * blocks + n) for n in range(1, blocks)]
            stages.append(Stage(*layers, recompute=activation_checkpointing))
        self.layer1, self.layer2, self.layer3 = stages
        self.se = techniques.last(widths[-1])
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(widths[-1], num_classes)
        if initialization == "kaiming":
            self.apply(_kaiming)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock):
                    nn.init.zeros_(module.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x)), inplace=True))
        x = self.se(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits


def _blocks(depth: int) -> int:
    """Blocks of a stage. Raises UserError when depth is not 6n + 2."""
    blocks, rest = divmod(depth - 2, 6)
    if blocks < 1 or rest:
        near = 6 * max(1, round((depth - 2) / 6)) + 2
        raise UserError(f"model.depth={depth} is not 6n + 2 with n >= 1; the nearest depth that is: {near}")
    return blocks


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, (Conv, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)


resnet20 = named("resnet20", ResNetCifar, depth=20)
resnet32 = named("resnet32", ResNetCifar, depth=32)
resnet44 = named("resnet44", ResNetCifar, depth=44)
resnet56 = named("resnet56", ResNetCifar, depth=56)
resnet110 = named("resnet110", ResNetCifar, depth=110)
resnet1202 = named("resnet1202", ResNetCifar, depth=1202)
