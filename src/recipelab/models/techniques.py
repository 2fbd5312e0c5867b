"""What is done to the residual branch of a block: stochastic depth, ShakeDrop, squeeze-and-excitation.

Each works on (B, C, *S) in any number of spatial dimensions and in the branch's own dtype, and draws from torch's
default generator of the branch's device, which the loop seeds before every forward. None of them waits for the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.core.errors import UserError
from recipelab.models.layers import global_mean

Depthwise = Literal["linear", "constant"]
Excitation = bool | Literal["end"]

RATIO = 0.25  # channels of the squeeze; the paper's 1/16 is for blocks of 256 channels and more
SHAKEDROP = 0.5  # probability that ShakeDrop's last block is disturbed


def per_sample(x: Tensor) -> Tensor:
    """An unset tensor (B, 1, ..., 1) of x's dtype and device."""
    return x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1))


def stochastic_depth(x: Tensor, rate: float) -> Tensor:
    """x (B, ...) with each sample dropped (set to 0) with probability `rate`, the others divided by 1 - rate.

    Huang, Sun, Liu, Sedra, Weinberger 2016, arXiv 1603.09382, rescaled in training instead of in evaluation.
    """
    keep = 1.0 - rate
    mask = per_sample(x).bernoulli_(keep)
    return x * (mask.div_(keep) if keep > 0 else mask)


class StochasticDepth(nn.Module):
    """`stochastic_depth` in training, nothing in evaluation."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return stochastic_depth(x, self.rate) if self.training else x

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"rate={self.rate:.4g}"


class _Scaled(torch.autograd.Function):
    """x * forward_scale, whose gradient is grad * backward_scale."""

    @staticmethod
    def forward(x: Tensor, forward_scale: Tensor, backward_scale: Tensor) -> Tensor:
        return x * forward_scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (scale,) = ctx.saved_tensors
        return grad * scale, None, None


def shakedrop(x: Tensor, gate: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """x * (gate + alpha - gate * alpha) forward, and the gradient times (gate + beta - gate * beta) backward.

    x: (B, C, *S). gate: 0 or 1. alpha in [-1, 1], beta in [0, 1]: (B, 1, ..., 1), one number a sample.
    Yamada, Iwamura, Akiba, Kise 2018, arXiv 1802.02375, equation 6.
    """
    forward, backward = (torch.lerp(noise, torch.ones_like(noise), gate) for noise in (alpha, beta))
    scaled: Tensor = _Scaled.apply(x, forward, backward)
    return scaled


class ShakeDrop(nn.Module):
    """`shakedrop` with a gate for the whole batch, alpha and beta for each sample; x * keep in evaluation.

    rate: probability that the gate is 0, that is, that the branch is disturbed. All three are drawn in the forward, so
    that a forward that is repeated for its activations repeats them.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.keep = 1.0 - rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x * self.keep
        gate = x.new_empty(()).bernoulli_(self.keep)
        return shakedrop(x, gate, per_sample(x).uniform_(-1, 1), per_sample(x).uniform_(0, 1))

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"keep={self.keep:.4g}"


class SqueezeExcitation(nn.Module):
    """Channels scaled by a gate that sees the mean of each: (B, C, *S) -> (B, C, *S).

    Hu, Shen, Sun 2017, arXiv 1709.01507: global mean, linear to C * ratio, ReLU, linear back to C, sigmoid.
    """

    def __init__(self, channels: int, ratio: float = RATIO) -> None:
        super().__init__()
        squeezed = max(1, int(channels * ratio))
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(global_mean(x)), inplace=True)))
        return x * gate[(...,) + (None,) * (x.ndim - 2)]


@dataclass(frozen=True)
class Techniques:
    """What a residual network of `blocks` blocks does to its branches.

    stochastic_depth: rate; mode: "linear", from rate / blocks in the first block to the rate in the last (the paper's
        rule), or "constant". shakedrop: with probability 0.5 l / blocks in block l of 1 to blocks (the paper's).
    squeeze_excitation: True for one in every block, "end" for one on the encoder's output.

    Raises UserError for a mode that has nothing to apply to.
    """

    blocks: int
    stochastic_depth: float = 0.0
    mode: Depthwise = "linear"
    shakedrop: bool = False
    squeeze_excitation: Excitation = False

    def __post_init__(self) -> None:
        if self.mode != "linear" and not self.stochastic_depth:
            raise UserError(
                f"model.stochastic_depth_mode={self.mode} has nothing to apply to, as model.stochastic_depth is 0"
                "\n  give a rate, such as model.stochastic_depth=0.1"
            )

    def drop(self, block: int) -> nn.Module:
        """What ends the branch of block `block`, counted from 0 over the whole network."""
        share = (block + 1) / self.blocks
        rate = self.stochastic_depth * (share if self.mode == "linear" else 1.0)
        layers: list[nn.Module] = [StochasticDepth(rate)] if self.stochastic_depth else []
        layers += [ShakeDrop(SHAKEDROP * share)] if self.shakedrop else []
        return layers[0] if len(layers) == 1 else nn.Sequential(*layers) if layers else nn.Identity()

    def excitation(self, channels: int) -> nn.Module:
        """What stands before it: squeeze-and-excitation of every block, or nothing."""
        return SqueezeExcitation(channels) if self.squeeze_excitation is True else nn.Identity()

    def last(self, channels: int) -> nn.Module:
        """What ends the encoder."""
        return SqueezeExcitation(channels) if self.squeeze_excitation == "end" else nn.Identity()
