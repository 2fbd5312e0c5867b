"""ResNet-18, 34, 50, 101, 152 for images of one, two or three dimensions, and the tweaks of ResNet-D.

He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, in torchvision's form (in
the bottleneck the 3x3 convolution has the stride), whose names of weights it keeps. The stem was made for 224 pixels
and divides the resolution by four; the small-image stem, common for CIFAR, is a 3x3 convolution with stride 1 and no
max-pooling. ResNet-D: He, Zhang, Zhang, Zhang, Xie, Li 2018, "Bag of Tricks", arXiv 1812.01187: three 3x3 convolutions
as the stem, and an average pooling before the 1x1 convolution of a shortcut, with timm's names of weights.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.core.errors import UserError
from recipelab.models.layers import (
    BatchNorm,
    Count,
    Dimensions,
    Rate,
    SmallInput,
    avg_pool,
    batch_norm,
    check_dimensions,
    conv,
    dropout_layer,
    global_mean,
    is_small,
    kaiming,
    max_pool,
)
from recipelab.models.named import named
from recipelab.models.pretrained import TorchvisionResNet
from recipelab.models.stage import Stage
from recipelab.models.techniques import Depthwise, Excitation, Techniques

Bottlenecks = bool | Literal["auto"]

BASIC = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (4, 6, 10, 5),
    152: (4, 13, 55, 4),
}
"""Blocks of the four stages by depth, for basic blocks; 50 and 152 are no published networks, but have such results."""

BOTTLENECK = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def stages_of(depth: int, bottleneck: Bottlenecks) -> tuple[bool, tuple[int, ...]]:
    """(bottleneck, blocks of each stage). "auto": basic blocks up to 34 layers but for 14 and 26, as published.

    Raises UserError for a depth that there is no such network of.
    """
    narrow = depth not in (10, 18, 34) if bottleneck == "auto" else bottleneck
    layers = BOTTLENECK if narrow else BASIC
    if depth not in layers:
        known = ", ".join(map(str, sorted(layers if bottleneck != "auto" else BASIC.keys() | BOTTLENECK.keys())))
        given = "" if bottleneck == "auto" else f" with model.bottleneck={str(bottleneck).lower()}"
        raise UserError(f"model.depth={depth}{given}: there is no such network; depths: {known}")
    return narrow, layers[depth]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions: (B, C, *S) -> (B, channels, *S / stride)."""

    expansion = 1

    def __init__(self, dim: int, widths: tuple[int, int], stride: int, shortcut: nn.Module, branch: nn.Module) -> None:
        super().__init__()
        inputs, channels = widths
        self.conv1 = conv(dim, inputs, channels, 3, stride)
        self.bn1 = batch_norm(dim, channels)
        self.conv2 = conv(dim, channels, channels)
        self.bn2 = batch_norm(dim, channels)
        self.branch = branch
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        # In place where autograd allows it: 10 % of a training step on a CPU.
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.branch(self.bn2(self.conv2(out)))
        out += self.downsample(x)
        return F.relu(out, inplace=True)

    @property
    def last_norm(self) -> BatchNorm:
        """The batch norm that ends the branch."""
        return self.bn2


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, the last to four times the channels: (B, C, *S) -> (B, 4 channels, *S / stride)."""

    expansion = 4

    def __init__(self, dim: int, widths: tuple[int, int], stride: int, shortcut: nn.Module, branch: nn.Module) -> None:
        super().__init__()
        inputs, channels = widths
        self.conv1 = conv(dim, inputs, channels, 1)
        self.bn1 = batch_norm(dim, channels)
        self.conv2 = conv(dim, channels, channels, 3, stride)
        self.bn2 = batch_norm(dim, channels)
        self.conv3 = conv(dim, channels, channels * self.expansion, 1)
        self.bn3 = batch_norm(dim, channels * self.expansion)
        self.branch = branch
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.branch(self.bn3(self.conv3(out)))
        out += self.downsample(x)
        return F.relu(out, inplace=True)

    @property
    def last_norm(self) -> BatchNorm:
        """The batch norm that ends the branch."""
        return self.bn3


class ResNet(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    image_size: spatial sizes; it decides small_input=auto.
    depth: layers with weights. bottleneck: "auto" is the published block of that depth.
    width: channels of the first stage; each of the next three has twice as many as the one before.
    stem: "standard" or ResNet-D's "deep", three 3x3 convolutions. shortcut: where the shape changes, a 1x1 convolution
        of the block's stride ("conv"), or ResNet-D's average pooling and 1x1 convolution ("avg_pool").
    small_input: True for a stem of stride 1 without max-pooling, False for one of stride 2 with it, "auto" for the
        former up to 64 pixels on the shortest side.
    stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation: see techniques.py.
    dropout: rate before the classifier.
    zero_init_residual: start the scale of each block's last batch norm at 0, so that blocks begin as their shortcuts
        (Goyal et al. 2017, arXiv 1706.02677).
    activation_checkpointing: see stage.py.

    Raises UserError for a depth that there is no network of, and when input_dim contradicts image_size.
    """

    published = TorchvisionResNet()
    freezable = {"stem": ("conv1", "bn1")}

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 18,
        num_classes: int,
        image_size: tuple[int, ...],
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        small_input: SmallInput = "auto",
        width: Count = 64,
        bottleneck: Bottlenecks = "auto",
        stem: Literal["standard", "deep"] = "standard",
        shortcut: Literal["conv", "avg_pool"] = "conv",
        stochastic_depth: Rate = 0.0,
        stochastic_depth_mode: Depthwise = "linear",
        shakedrop: bool = False,
        squeeze_excitation: Excitation = False,
        dropout: Rate = 0.0,
        zero_init_residual: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_dimensions(input_dim, image_size)
        narrow, layers = stages_of(depth, bottleneck)
        dim, small = input_dim, is_small(small_input, image_size)
        self.conv1 = _stem(dim, input_channels, width, stem == "deep", small)
        self.bn1 = batch_norm(dim, width)
        self.maxpool = nn.Identity() if small else max_pool(dim, 3, 2, 1)
        techniques = Techniques(sum(layers), stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation)
        builder = _Builder(dim, Bottleneck if narrow else BasicBlock, shortcut == "avg_pool", techniques, width)
        stages = [builder.stage(width * 2**number, count, 2 if number else 1) for number, count in enumerate(layers)]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            Stage(*blocks, recompute=activation_checkpointing) for blocks in stages
        )
        self.se = techniques.last(builder.inputs)
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(builder.inputs, num_classes)
        kaiming(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    nn.init.zeros_(module.last_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x)), inplace=True))
        x = self.se(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits


class _Builder:
    """Makes the blocks of one stage after the other, keeping count of channels and of blocks."""

    def __init__(
        self, dim: int, block: type[BasicBlock | Bottleneck], pooled: bool, techniques: Techniques, width: int
    ) -> None:
        self.dim, self.block, self.pooled, self.techniques = dim, block, pooled, techniques
        self.inputs, self.index = width, 0

    def stage(self, channels: int, count: int, stride: int) -> list[nn.Module]:
        """`count` blocks, the first of them with the stride."""
        return [self._next(channels, stride if number == 0 else 1) for number in range(count)]

    def _next(self, channels: int, stride: int) -> nn.Module:
        outputs = channels * self.block.expansion
        branch = nn.Sequential(self.techniques.excitation(outputs), self.techniques.drop(self.index))
        used = [layer for layer in branch if not isinstance(layer, nn.Identity)]
        shortcut = self._shortcut(outputs, stride)
        made = self.block(
            self.dim, (self.inputs, channels), stride, shortcut, nn.Sequential(*used) if used else nn.Identity()
        )
        self.inputs, self.index = outputs, self.index + 1
        return made

    def _shortcut(self, outputs: int, stride: int) -> nn.Module:
        if stride == 1 and self.inputs == outputs:
            return nn.Identity()
        if not self.pooled:
            return nn.Sequential(conv(self.dim, self.inputs, outputs, 1, stride), batch_norm(self.dim, outputs))
        pool = avg_pool(self.dim, 2, 2) if stride > 1 else nn.Identity()
        return nn.Sequential(pool, conv(self.dim, self.inputs, outputs, 1), batch_norm(self.dim, outputs))


def _stem(dim: int, inputs: int, width: int, deep: bool, small: bool) -> nn.Module:
    stride = 1 if small else 2
    if not deep:
        return conv(dim, inputs, width, 3 if small else 7, stride)
    half = max(1, width // 2)
    return nn.Sequential(
        conv(dim, inputs, half, 3, stride),
        batch_norm(dim, half),
        nn.ReLU(inplace=True),
        conv(dim, half, half),
        batch_norm(dim, half),
        nn.ReLU(inplace=True),
        conv(dim, half, width),
    )


resnet18 = named("resnet18", ResNet, depth=18)
resnet34 = named("resnet34", ResNet, depth=34)
resnet50 = named("resnet50", ResNet, depth=50)
resnet101 = named("resnet101", ResNet, depth=101)
resnet152 = named("resnet152", ResNet, depth=152)
