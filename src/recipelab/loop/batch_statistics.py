"""Batch-norm statistics of averaged weights, which no training step has ever seen, computed from training batches.

As torch.optim.swa_utils.update_bn does it: reset, then the even mean over the statistics of augmented batches, the
model in the mode that it is trained in. The batches are those of the first epoch, and what draws inside a forward is
seeded by the batch, so that weights alone determine the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from recipelab.core.batch import Batch
from recipelab.core.generators import seed_step
from recipelab.loop.device import Device


def trained_norms(model: nn.Module) -> list[str]:
    """The batch-norm layers, by name, that gather statistics in training: frozen ones keep theirs."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None and module.training
    ]


class Recomputed:
    """Recomputes the batch statistics of a twin of `model`.

    model: the trained one; its modes say what is trained. batches: makes those of each recomputation, augmented.
    base: hash that seeds what draws inside a forward. stopped: whether to give up.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Callable[[], Iterable[Batch]],
        *,
        device: Device,
        base: int,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.model, self.batches, self.device, self.base, self.stopped = model, batches, device, base, stopped

    def __call__(self, twin: nn.Module) -> dict[str, Tensor] | None:
        """Give `twin`, which is left in eval mode, statistics of its weights; returns copies by name.

        None when it was stopped on the way: the statistics are then of no use.
        """
        norms = {name: twin.get_submodule(name) for name in trained_norms(self.model)}
        if not norms:
            return {}
        momenta = {name: norm.momentum for name, norm in norms.items()}
        for own, trained in zip(twin.modules(), self.model.modules(), strict=True):
            own.training = trained.training
        try:
            for norm in norms.values():
                assert isinstance(norm, _BatchNorm)
                norm.reset_running_stats()
                norm.momentum = None  # the even mean
            done = self._forward(twin)
        finally:
            for name, norm in norms.items():
                norm.momentum = momenta[name]
            twin.eval()
        if not done:
            return None
        found = [(f"{name}.{key}", value) for name, norm in norms.items() for key, value in norm.named_buffers()]
        return {key.removeprefix("."): value.clone() for key, value in found}

    @torch.no_grad()
    def _forward(self, twin: nn.Module) -> bool:
        for index, batch in enumerate(self.batches()):
            if self.stopped():
                return False
            seed_step(self.base, index, self.device.torch_device)
            with self.device.autocast():
                twin(batch.images)
        return True
