"""A multilayer perceptron on the flattened image, of any number of dimensions: the oldest baseline.

`depth` hidden layers of `width` units with ReLU (Glorot, Bordes, Bengio 2011), dropout before the last linear layer;
weights from N(0, 2 / fan_in) (He et al. 2015, arXiv 1502.01852), biases 0.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.models.layers import Count, Dimensions, Rate, check_dimensions, dropout_layer


class MLP(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    width: units of a hidden layer. depth: hidden layers. dropout: rate before the last linear layer.

    Raises UserError when input_dim contradicts image_size.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        image_size: tuple[int, ...] = (32, 32),
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        width: Count = 256,
        depth: Count = 2,
        dropout: Rate = 0.0,
    ) -> None:
        super().__init__()
        check_dimensions(input_dim, image_size)
        sizes = [input_channels * math.prod(image_size), *[width] * depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(width, num_classes)
        for layer in (*self.hidden, self.fc):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu" if layer is not self.fc else "linear")
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.hidden:
            x = F.relu(layer(x), inplace=True)
        logits: Tensor = self.fc(self.dropout(x))
        return logits
