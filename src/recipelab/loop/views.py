"""Views: sets of weights that can be evaluated, each loaded into a twin so that the trained model is never touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Views:
    """The raw weights and every average, by name.

    bank: the averages (`averaging.bank.Bank`), or None when the raw weights are the only view.
    evaluation_weights: of an optimizer that trains at other weights than it is evaluated at (schedule-free): the
        model's parameters -> those to evaluate; they are what `raw` shows.
    """

    def __init__(
        self,
        model: nn.Module,
        bank: Any = None,
        evaluation_weights: Callable[[Iterable[Tensor]], list[Tensor]] | None = None,
    ) -> None:
        self.model = model
        self.bank = bank
        self.evaluation_weights = evaluation_weights
        self.twin = copy.deepcopy(model).eval()  # before any compilation: the twin is evaluated as it is written

    @property
    def names(self) -> list[str]:
        """raw, then the averages."""
        return ["raw", *(self.bank.names if self.bank is not None else [])]

    def load(self, name: str) -> nn.Module:
        """The twin with the weights of view `name`, in eval mode."""
        _copy(self.model.state_dict(), self.twin)
        if name != "raw":
            self.bank.copy_into(name, self.twin)
        elif self.evaluation_weights is not None:
            weights = self.evaluation_weights(self.model.parameters())
            _copy(dict(zip(dict(self.model.named_parameters()), weights, strict=True)), self.twin)
        return self.twin

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Weights of every view on the CPU: {"raw": state_dict, "ema_0.999": ...}."""
        return {name: _cpu(self.load(name).state_dict()) for name in self.names}

    def load_state(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The twin with weights from a checkpoint."""
        _copy(weights, self.twin)
        return self.twin

    def finite(self) -> bool:
        """Whether every raw parameter is finite; waits for the device."""
        return bool(torch.isfinite(_flat(self.model)).all())

    def norms(self) -> dict[str, float]:
        """L2 norm of the parameters, of each average's, and of its distance to them; read from the device at once."""
        values = {"weight_norm": _flat(self.model).norm()}
        if self.bank is not None:
            values.update(self.bank.norms())
        return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))


@torch.no_grad()
def _copy(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    own = model.state_dict()
    for name, value in weights.items():
        own[name].copy_(value)


def _cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().float().reshape(-1) for p in model.parameters()])
