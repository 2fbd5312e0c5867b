"""Banks for tests, and a model that moves like one that is trained."""

from __future__ import annotations

import torch
from torch import nn

from recipelab.averaging.bank import Bank
from recipelab.averaging.clock import Clock
from recipelab.averaging.ema import Ema
from recipelab.core.durations import Timeline

EPOCH = 20


def clock(steps=200, epoch=EPOCH):
    """`steps` steps in epochs of `epoch`."""
    return Clock.of(Timeline(steps_per_epoch=epoch, total_steps=steps))


def bank_of(model, averages, steps=200, **options):
    """A bank of averages by name, over `steps` steps."""
    return Bank(model, {name: average.weights(clock(steps)) for name, average in averages.items()}, **options)


def ema_bank(model, *decays, steps=200):
    """A bank of plain moving averages, named ema_<decay>."""
    return bank_of(model, {f"ema_{decay}": Ema(decay=decay) for decay in decays}, steps)


class Network(nn.Module):
    """Parameters of several shapes and layouts, one not trained, one used twice; float and integer buffers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm2d(5)
        self.scalar = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.again = self.scalar
        self.register_buffer("table", torch.arange(4))
        self.register_buffer("mask", torch.full((2,), -torch.inf))


def walk(model, steps=200):
    """Moves every float tensor of the model by noise, in place as an optimizer does, and counts the integer ones up."""
    source = torch.Generator().manual_seed(1)
    for _ in range(steps):
        with torch.no_grad():
            for value in {id(v): v for v in model.state_dict(keep_vars=True).values()}.values():
                if value.is_floating_point():
                    value.add_(0.1 * torch.randn(value.shape, generator=source))
                else:
                    value.add_(1)
        yield
