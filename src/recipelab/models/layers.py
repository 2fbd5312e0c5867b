"""Convolution, batch norm and pooling in one, two or three spatial dimensions, and what every network of ours shares.

Images are (B, C, *S); `dim` is the number of spatial dimensions, len(S). Convolutions are padded by half their kernel,
so that stride 1 keeps the size and stride 2 halves it, rounded up.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le
from torch import Tensor, nn

from recipelab.core.errors import UserError

SMALL = 64  # pixels on the shortest side up to which small_input=auto takes the small-image stem

SmallInput = bool | Literal["auto"]
Dimensions = Literal[1, 2, 3]
Count = Annotated[int, Ge(1)]
Rate = Annotated[float, Ge(0), Le(1)]

Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
_CONV: tuple[type[Conv], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BATCH_NORM: tuple[type[BatchNorm], ...] = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_MAX_POOL = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVG_POOL = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def conv(dim: int, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, bias: bool = False) -> Conv:
    """A convolution (B, inputs, *S) -> (B, outputs, *ceil(S / stride)), for an odd kernel."""
    return _CONV[dim - 1](inputs, outputs, kernel, stride, kernel // 2, bias=bias)


def batch_norm(dim: int, channels: int) -> BatchNorm:
    """Batch norm over (B, channels, *S)."""
    return _BATCH_NORM[dim - 1](channels)


def max_pool(dim: int, kernel: int, stride: int, padding: int = 0) -> nn.Module:
    """Max-pooling."""
    return _MAX_POOL[dim - 1](kernel, stride, padding)


def avg_pool(dim: int, kernel: int, stride: int) -> nn.Module:
    """Average pooling that rounds sizes up and leaves what lies beyond the edge out of the mean."""
    return _AVG_POOL[dim - 1](kernel, stride, ceil_mode=True, count_include_pad=False)


class Stem(nn.Sequential):
    """The first layers: (B, inputs, *S) -> (B, outputs, *S), or a quarter of S for large images.

    small: a 3x3 convolution of stride 1; else a 7x7 one of stride 2, and 3x3 max-pooling of stride 2 at the end.
    after: what follows the convolution: "nothing", batch norm alone ("norm"), or batch norm and ReLU ("relu").
    """

    def __init__(
        self, dim: int, inputs: int, outputs: int, *, small: bool, after: Literal["nothing", "norm", "relu"]
    ) -> None:
        layers: list[nn.Module] = [conv(dim, inputs, outputs, *((3, 1) if small else (7, 2)))]
        layers += [batch_norm(dim, outputs)] if after != "nothing" else []
        layers += [nn.ReLU(inplace=True)] if after == "relu" else []
        layers += [] if small else [max_pool(dim, 3, 2, 1)]
        super().__init__(*layers)


def global_mean(x: Tensor) -> Tensor:
    """Mean over all spatial dimensions: (B, C, *S) -> (B, C)."""
    return x.mean(tuple(range(2, x.ndim)))


def dropout_layer(rate: float) -> nn.Module:
    """Dropout, or nothing at all for rate 0: a layer that drops nothing would still draw."""
    return nn.Dropout(rate) if rate else nn.Identity()


def is_small(small_input: SmallInput, image_size: tuple[int, ...]) -> bool:
    """Whether to take the small-image stem: as told, or for up to 64 pixels on the shortest side."""
    return min(image_size) <= SMALL if small_input == "auto" else small_input


def check_dimensions(input_dim: int, image_size: tuple[int, ...], allowed: tuple[int, ...] = (1, 2, 3)) -> None:
    """Raise UserError when input_dim contradicts the images, or is none that the model can work in."""
    if input_dim != len(image_size):
        sizes = tuple(image_size)
        raise UserError(f"model.input_dim={input_dim} contradicts the data, whose images are {sizes}; leave it out")
    if input_dim not in allowed:
        raise UserError(
            f"this model takes images of {' or '.join(map(str, allowed))} dimensions, and the data's have {input_dim},"
            f" {tuple(image_size)}\n  choose a model for this number of dimensions, such as model=resnet18"
        )


def kaiming(model: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_out") -> None:
    """Draw the weights of all convolutions from N(0, 2 / fan) and set batch norms to 1 and 0, biases to 0.

    He, Zhang, Ren, Sun 2015, arXiv 1502.01852; fan_out as in torchvision's networks.
    """
    for module in model.modules():
        if isinstance(module, _CONV):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
