"""VGG-11, 13, 16, 19 with batch norm, and without the fully connected layers at the end.

Simonyan, Zisserman 2014, "Very Deep Convolutional Networks", arXiv 1409.1556: stages of 3x3 convolutions, each followed
by batch norm and ReLU, with max-pooling after every stage; then global average pooling and one linear layer. Layers,
their biases and their names are those of `features` in torchvision's vgg16_bn.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import MinLen
from torch import Tensor, nn

from recipelab.core.errors import UserError
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
from recipelab.models.named import named
from recipelab.models.pretrained import TorchvisionVGG
from recipelab.models.stage import Stage

LAYOUTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by depth (three fully connected layers count with the published depth)."""


class VGG(nn.Module):
    """Input (B, input_channels, *image_size) float, output (B, num_classes).

    depth: 11, 13, 16 or 19. layout: convolutions of each stage, instead of the published ones of that depth, such as
        [2, 3, 5, 5], where two of the convolutions stand for fully connected layers.
    width: channels of the first stage; each stage has twice as many as the one before, up to eight times the first.
    small_input: False pools after every stage, so that five stages need 32 pixels; True stops when one more would
        leave no pixel; "auto" is True up to 64 pixels on the shortest side.
    dropout: rate before the linear layer. activation_checkpointing: see stage.py; a stage is one block.

    Raises UserError for another depth, for images that are too small, and when input_dim contradicts image_size.
    """

    published = TorchvisionVGG()
    freezable = {"stem": ("features.0",)}

    def __init__(  # noqa: PLR0913 (the signature is the schema)
        self,
        *,
        depth: Count = 16,
        layout: Annotated[list[Count], MinLen(1)] | None = None,
        num_classes: int,
        image_size: tuple[int, ...],
        input_channels: int = 3,
        input_dim: Dimensions = 2,
        small_input: SmallInput = "auto",
        width: Count = 64,
        dropout: Rate = 0.0,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_dimensions(input_dim, image_size)
        convolutions = layout or _layout(depth)
        pools = _poolings(len(convolutions), min(image_size), is_small(small_input, image_size))
        layers: list[nn.Module] = []
        self.recompute, self.starts, channels = activation_checkpointing, [], input_channels
        for stage, count in enumerate(convolutions):
            self.starts.append(len(layers))
            for _ in range(count):
                outputs = width * min(2**stage, 8)
                layers += [conv(input_dim, channels, outputs, bias=True), batch_norm(input_dim, outputs)]
                layers.append(nn.ReLU(inplace=True))
                channels = outputs
            layers += [max_pool(input_dim, 2, 2)] if stage < pools else []
        self.features = nn.Sequential(*layers)
        self.dropout = dropout_layer(dropout)
        self.fc = nn.Linear(channels, num_classes)
        kaiming(self)
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self._recomputed(x) if self.recompute else self.features(x)
        logits: Tensor = self.fc(self.dropout(global_mean(x)))
        return logits

    def _recomputed(self, x: Tensor) -> Tensor:
        """The features, a stage at a time: their names are torchvision's, which has no stages."""
        ends = [*self.starts[1:], len(self.features)]
        stages = (self.features[begin:end] for begin, end in zip(self.starts, ends, strict=True))
        features: Tensor = Stage(*stages, recompute=True).train(self.training)(x)
        return features


def _layout(depth: int) -> tuple[int, ...]:
    if depth not in LAYOUTS:
        known = ", ".join(map(str, LAYOUTS))
        raise UserError(f"model.depth={depth}: there is no such VGG; depths: {known}, or give model.layout")
    return LAYOUTS[depth]


def _poolings(stages: int, side: int, small: bool) -> int:
    """After how many stages to pool. Raises UserError when that would leave no pixel."""
    possible = min(stages, side.bit_length() - 1)
    if not small and possible < stages:
        raise UserError(
            f"model.small_input=false pools {stages} times and needs {2**stages} pixels, but the images have {side}"
            "\n  use model.small_input=auto"
        )
    return possible


vgg16 = named("vgg16", VGG, depth=16)
vgg19 = named("vgg19", VGG, depth=19)
