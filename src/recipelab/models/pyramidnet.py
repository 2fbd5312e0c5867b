"""PyramidNet-110 (alpha 270) and 272 (alpha 200): residual networks that widen a little with every block.

Han, Kim, Kim 2016, "Deep Pyramidal Residual Networks", arXiv 1610.02915: 16 channels in the stem, alpha / blocks more
in each block (rounded to the nearest integer), over three stages; batch norm before and after every convolution, and
no ReLU at the beginning of a block; the shortcut is average-pooled where the stride is 2 and padded with zero channels.
Depth is 6n + 2 for basic blocks, 9n + 2 for bottlenecks. With ShakeDrop it is the network of that paper.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch.nn.functional as F
from annotated_types import Gt
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
from recipelab.models.stage import Stage
from recipelab.models.techniques import Depthwise, Excitation, Techniques


class PyramidBlock(nn.Module):
    """(B, inputs, *S) -> (B, outputs, *ceil(S / stride)): batch norm, then convolution and batch norm two or three
    times, with ReLU between."""

    def __init__(
        self, dim: int, inputs: int, outputs: int, stride: int, bottleneck: bool, branch: tuple[nn.Module, nn.Module]
    ) -> None:
        super().__init__()
        inner = outputs // 4 if bottleneck else outputs
        shapes = [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, outputs, 1, 1)]
        if not bottleneck:
            shapes = [(inputs, inner, 3, stride), (inner, outputs, 3, 1)]
        self.norms = nn.ModuleList(batch_norm(dim, shape[0]) for shape in shapes)
        self.convs = nn.ModuleList(conv(dim, *shape) for shape in shapes)
        self.last_norm = batch_norm(dim, outputs)
        self.se, self.drop = branch
        self.pool = avg_pool(dim, 2, 2) if stride > 1 else nn.Identity()
        self.padding = (0, 0) * dim + (0, outputs - inputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convs[0](self.norms[0](x))
        for norm, convolution in zip(self.norms[1:], self.convs[1:], strict=True):
            out = convolution(F.relu(norm(out), inplace=True))
        out = self.drop(self.se(self.last_norm(out)))
        kept = self.pool(x)
        if kept.shape[1] == out.shape[1]:
            out += kept
            return out
        return out + F.pad(kept, self.padding)


class PyramidNet(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    depth: layers with weights. alpha: channels that the last block has more than the stem (times 4 in bottlenecks).
    width: channels of the stem. bottleneck: blocks of three convolutions.
    zero_init_residual: start the scale of each block's last batch norm at 0.
    The other options as in `resnet.ResNet`.

    Raises UserError when depth does not fit the block, or input_dim contradicts image_size.
    """

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 110,
        alpha: Annotated[float, Gt(0)] = 270.0,
        bottleneck: bool = False,
        num_classes: int,
        image_size: tuple[int, ...],
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        small_input: SmallInput = "auto",
        width: Count = 16,
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
        count, expansion = _blocks(depth, bottleneck), 4 if bottleneck else 1
        techniques = Techniques(3 * count, stochastic_depth, stochastic_depth_mode, shakedrop, squeeze_excitation)
        small = is_small(small_input, image_size)
        self.stem = Stem(input_dim, input_channels, width, small=small, after="norm" if small else "relu")
        inputs, stages = width, []
        for stage in range(3):
            blocks = []
            for index in range(stage * count, (stage + 1) * count):
                outputs = round(width + alpha * (index + 1) / (3 * count)) * expansion
                stride = 2 if stage and index == stage * count else 1
                branch = techniques.excitation(outputs), techniques.drop(index)
                blocks.append(PyramidBlock(input_dim, inputs, outputs, stride, bottleneck, branch))
                inputs = outputs
            stages.append(Stage(*blocks, recompute=activation_checkpointing))
        self.layer1, self.layer2, self.layer3 = stages
        self.norm = batch_norm(input_dim, inputs)
        self.se = techniques.last(inputs)
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(inputs, num_classes)
        kaiming(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, PyramidBlock):
                    nn.init.zeros_(module.last_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        x = self.se(F.relu(self.norm(x), inplace=True))
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits


def _blocks(depth: int, bottleneck: bool) -> int:
    """Blocks of a stage. Raises UserError when depth is not 6n + 2, or 9n + 2 with bottlenecks."""
    layers: Literal[6, 9] = 9 if bottleneck else 6
    blocks, rest = divmod(depth - 2, layers)
    if blocks < 1 or rest:
        near = layers * max(1, round((depth - 2) / layers)) + 2
        raise UserError(
            f"model.depth={depth} is not {layers}n + 2 with n >= 1, as model.bottleneck={str(bottleneck).lower()} asks;"
            f" the nearest depth that is: {near}"
        )
    return blocks


pyramidnet110 = named("pyramidnet110", PyramidNet, depth=110, alpha=270.0)
pyramidnet272 = named("pyramidnet272", PyramidNet, depth=272, alpha=200.0, bottleneck=True)
