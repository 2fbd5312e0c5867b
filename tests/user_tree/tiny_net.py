"""What a user brings along: one file, found by --config-dir. Networks small enough to be trained in a moment."""

from __future__ import annotations

import hashlib
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.models.pyramidnet import PyramidNet


class Tiny(nn.Sequential):
    """What makes exactness hard: batch norm, dropout, a convolution. Facts come by the names of its parameters."""

    def __init__(self, *, num_classes: int, input_channels: int, width: int = 4, dropout: float = 0.1) -> None:
        super().__init__(
            nn.Conv2d(input_channels, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(width * 16, num_classes),
        )


class Smooth(nn.Sequential):
    """A differentiable function of every sample by itself: no batch norm, no dropout."""

    def __init__(self, *, num_classes: int, input_channels: int) -> None:
        super().__init__(nn.Conv2d(input_channels, 4, 3, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 16, num_classes))


class Fixed(nn.Module):
    """A network that asks for no facts, and that keeps a buffer by putting a new tensor in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.register_buffer("centre", torch.zeros(64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.training:
            self.centre = 0.9 * self.centre + 0.1 * x.mean(0).detach()
            self.seen += len(x)
        logits: Tensor = self.layer(x - self.centre)
        return logits


class NanAt:
    """Cross-entropy that is NaN in its `at`-th call, counted from 1."""

    def __init__(self, *, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        self.calls += 1
        losses = F.cross_entropy(logits.float(), labels, reduction="none")
        return losses * torch.nan if self.calls == self.at else losses


class Slow(Tiny):
    """A network whose evaluation, after the first epoch's, takes a minute a batch, and says when it begins."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and self[1].num_batches_tracked > 6:
            print("slow", flush=True)
            time.sleep(60.0)
        logits: Tensor = super().forward(x)
        return logits


class FullDisk(NanAt):
    """Cross-entropy; from its `at`-th call on, no file of this process may grow beyond 1 kB."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return F.cross_entropy(logits.float(), labels, reduction="none")


class FailsOnRank(NanAt):
    """Cross-entropy that fails in its `at`-th call on rank `rank`."""

    def __init__(self, *, at: int, rank: int) -> None:
        super().__init__(at=at)
        self.rank = rank

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at and torch.distributed.get_rank() == self.rank:
            raise ValueError("no more of this")
        return F.cross_entropy(logits.float(), labels, reduction="none")


class SameEverywhere(Tiny):
    """A network that fails when its parameters, at the beginning of a training forward, differ between the ranks.

    every: forwards of a step; those after its first may be at weights of the rank's own (SAM). The first is a probe.
    spoilt: let them differ after some forwards.
    """

    def __init__(self, *, num_classes: int, input_channels: int, every: int = 1, spoilt: bool = False) -> None:
        super().__init__(num_classes=num_classes, input_channels=input_channels)
        self.every, self.spoilt, self.calls = every, spoilt, -2

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.distributed.is_initialized():
            self.calls += 1
            if self.spoilt and self.calls == 5:
                self[5].bias.data += torch.distributed.get_rank() * 1e-7
        if self.training and torch.distributed.is_initialized() and self.calls % self.every == 0:
            require_same(self)
        logits: Tensor = super().forward(x)
        return logits


class SameTechniques(PyramidNet):
    """A network with every technique, that fails when its parameters differ between the ranks before a forward.

    spoilt: let them differ after some forwards.
    """

    def __init__(
        self, *, num_classes: int, image_size: tuple[int, ...], input_channels: int, spoilt: bool = False
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            image_size=image_size,
            input_channels=input_channels,
            depth=8,
            alpha=8.0,
            stochastic_depth=0.3,
            shakedrop=True,
            squeeze_excitation=True,
            dropout=0.2,
        )
        self.spoilt, self.calls = spoilt, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.distributed.is_initialized():
            self.calls += 1
            if self.spoilt and self.calls == 5:
                next(self.parameters()).data += torch.distributed.get_rank() * 1e-7
            require_same(self)
        logits: Tensor = super().forward(x)
        return logits


def require_same(model: nn.Module) -> None:
    """Raise ValueError unless the parameters are bit for bit the same on all ranks."""
    values = torch.cat([p.detach().flatten() for p in model.parameters()])
    digests = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(digests, hashlib.sha256(values.numpy().tobytes()).hexdigest())
    if len(set(digests)) > 1:
        raise ValueError("the ranks differ")


class Cramped(Smooth):
    """A network that has no room for more than `most` samples of one forward in training; it keeps what it has seen."""

    def __init__(self, *, num_classes: int, input_channels: int, most: int = 32, room_until: int = 0) -> None:
        super().__init__(num_classes=num_classes, input_channels=input_channels)
        self.most, self.room_until, self.calls = most, room_until, 0
        self.register_buffer("forwards", torch.zeros((), dtype=torch.int64))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.forwards += 1
            self.calls += 1
            if self.calls > self.room_until and len(x) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
            self.seen += list(x.detach().clone())
        logits: Tensor = super().forward(x)
        return logits


class LeftOut(Smooth):
    """A network with a layer that is never called, so that its parameters get no gradient."""

    def __init__(self, *, num_classes: int, input_channels: int) -> None:
        super().__init__(num_classes=num_classes, input_channels=input_channels)
        self.extra = nn.Linear(num_classes, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in list(self)[:4]:
            x = layer(x)
        return x


class AnySize(nn.Sequential):
    """A network for images of any size."""

    def __init__(self, *, num_classes: int, input_channels: int) -> None:
        super().__init__(
            nn.Conv2d(input_channels, 4, 3, 1, 1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, num_classes),
        )
