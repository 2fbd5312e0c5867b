"""Wide residual networks: WRN-28-10, 16-4, 40-2 and any other depth 6n + 4 and width.

Zagoruyko, Komodakis 2016, "Wide Residual Networks", arXiv 1605.07146: three stages of n pre-activation blocks with 16,
32, 64 times `width` channels; where the shape changes, the shortcut is a 1x1 convolution of the activated input. The
variant with batch norm and ReLU after the convolutions and average-pooled shortcuts is not the paper's, but has
published results under its name.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from recipelab.core.errors import UserError
from recipelab.models.layers import (
    Count,
    Dimensions,
    Rate,
    SmallInput,
    Stem,
    avg_pool,
    batch_norm,
    check_dimensions,
    conv,
    dropout_layer,
    global_mean,
    is_small,
    kaiming,
)
from recipelab.models.named import named
from recipelab.models.preact_resnet import PreActBlock
from recipelab.models.resnet import BasicBlock
from recipelab.models.stage import Stage
from recipelab.models.techniques import Depthwise, Excitation, Techniques


class WideResNet(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    depth: layers with weights, 6n + 4. width: factor on the channels of the stages, 16, 32 and 64.
    block: "preactivation", the paper's, or "postactivation": ResNet's basic block, whose shortcut is an average
        pooling, a 1x1 convolution and batch norm.
    zero_init_residual: start what ends each block's branch at 0: the convolution, or the batch norm's scale.
    The other options as in `resnet.ResNet`.

    Raises UserError when depth is not 6n + 4, or input_dim contradicts image_size.
    """

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 28,
        width: Count = 10,
        num_classes: int,
        image_size: tuple[int, ...],
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        small_input: SmallInput = "auto",
        block: Literal["preactivation", "postactivation"] = "preactivation",
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
        count, post = _blocks(depth), block == "postactivation"
        techniques = Techniques(3 * count, stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation)
        small = is_small(small_input, image_size)
        self.stem = Stem(input_dim, input_channels, 16, small=small, after="nothing" if small and not post else "relu")
        inputs, stages = 16, []
        for stage in range(3):
            outputs, blocks = 16 * 2**stage * width, []
            for index in range(count):
                stride = 2 if stage and not index else 1
                branch = techniques.excitation(outputs), techniques.drop(stage * count + index)
                build = _postactivation if post else _preactivation
                blocks.append(build(input_dim, inputs, outputs, stride, branch))
                inputs = outputs
            stages.append(Stage(*blocks, recompute=activation_checkpointing))
        self.layer1, self.layer2, self.layer3 = stages
        self.norm = nn.Identity() if post else nn.Sequential(batch_norm(input_dim, inputs), nn.ReLU(inplace=True))
        self.se = techniques.last(inputs)
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(inputs, num_classes)
        kaiming(self)
        if zero_init_residual:
            _zero_init(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        logits: Tensor = self.fc(self.dropout(global_mean(self.se(x))))
        return logits


def _blocks(depth: int) -> int:
    """Blocks of a stage. Raises UserError when depth is not 6n + 4."""
    blocks, rest = divmod(depth - 4, 6)
    if blocks < 1 or rest:
        near = 6 * max(1, round((depth - 4) / 6)) + 4
        raise UserError(f"model.depth={depth} is not 6n + 4 with n >= 1; the nearest depth that is: {near}")
    return blocks


def _preactivation(dim: int, inputs: int, outputs: int, stride: int, branch: tuple[nn.Module, nn.Module]) -> nn.Module:
    return PreActBlock(dim, inputs, outputs, stride, False, branch)


def _postactivation(dim: int, inputs: int, outputs: int, stride: int, branch: tuple[nn.Module, nn.Module]) -> nn.Module:
    shortcut: nn.Module = nn.Identity()
    if stride > 1 or inputs != outputs:
        pool = avg_pool(dim, 2, 2) if stride > 1 else nn.Identity()
        shortcut = nn.Sequential(pool, conv(dim, inputs, outputs, 1), batch_norm(dim, outputs))
    return BasicBlock(dim, (inputs, outputs), stride, shortcut, nn.Sequential(*branch))


def _zero_init(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, PreActBlock):
            nn.init.zeros_(module.last.weight)
        elif isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)


wide_resnet28_10 = named("wide_resnet28_10", WideResNet, depth=28, width=10)
wide_resnet16_4 = named("wide_resnet16_4", WideResNet, depth=16, width=4)
wide_resnet40_2 = named("wide_resnet40_2", WideResNet, depth=40, width=2)
