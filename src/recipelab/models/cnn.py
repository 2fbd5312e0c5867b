"""A small convolutional network for images of one, two or three dimensions: a baseline, and quick to try things with.

A 3x3 convolution, then `depth` stages, each a 3x3 convolution of stride 2 with twice the channels; batch norm and ReLU
after every convolution, global average pooling, dropout, a linear layer. The building blocks are those of He et al.
2015, arXiv 1512.03385, without shortcuts, and so is the initialisation (arXiv 1502.01852).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.models.layers import (
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
    kaiming,
    max_pool,
)


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU: (B, inputs, *S) -> (B, outputs, *ceil(S / stride))."""

    def __init__(self, dim: int, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = conv(dim, inputs, outputs, kernel, stride)
        self.bn = batch_norm(dim, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class CNN(nn.Module):
    """Input (B, input_channels, *S) float, output (B, num_classes).

    image_size: spatial sizes S; small_input: True for the 3x3 stride-1 stem, False for a 7x7 stride-2 stem and
        max-pooling, "auto" for the former up to 64 pixels on the shortest side.
    width: channels of the first convolution. depth: stages of stride 2, each doubling the channels.
    dropout: rate before the linear layer.

    Raises UserError when input_dim contradicts image_size.
    """

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        num_classes: int,
        image_size: tuple[int, ...] = (32, 32),
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        width: Count = 32,
        depth: Count = 3,
        small_input: SmallInput = "auto",
        dropout: Rate = 0.0,
    ) -> None:
        super().__init__()
        check_dimensions(input_dim, image_size)
        small = is_small(small_input, image_size)
        self.stem = ConvBlock(input_dim, input_channels, width, 3 if small else 7, 1 if small else 2)
        self.maxpool = nn.Identity() if small else max_pool(input_dim, 3, 2, 1)
        widths = [width * 2**stage for stage in range(depth + 1)]
        pairs = zip(widths, widths[1:], strict=False)
        self.stages = nn.Sequential(*(ConvBlock(input_dim, inputs, outputs, 3, 2) for inputs, outputs in pairs))
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(widths[-1], num_classes)
        kaiming(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.maxpool(self.stem(x)))
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits
