"""Views: sets of weights that can be evaluated, each loaded into a twin so that the trained model is never touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Recompute = Callable[[nn.Module], dict[str, Tensor] | None]


class Views:
    """The raw weights and every average, by name.

    bank: the averages (`averaging.bank.Bank`), or None when the raw weights are the only view.
    evaluation_weights: of an optimizer that trains at other weights than it is evaluated at (schedule-free): the
        model's parameters -> those to evaluate; they are what `raw` shows.
    recompute: gives the twin, which holds an average, batch statistics of its own, and returns them by name; None when
        it was stopped on the way.
    """

    def __init__(
        self,
        model: nn.Module,
        bank: Any = None,
        evaluation_weights: Callable[[Iterable[Tensor]], list[Tensor]] | None = None,
        recompute: Recompute | None = None,
    ) -> None:
        self.model = model
        self.bank = bank
        self.evaluation_weights = evaluation_weights
        self.recompute = recompute
        self.twin = copy.deepcopy(model).eval()  # before any compilation: the twin is evaluated as it is written
        self._statistics: dict[str, tuple[int, dict[str, Tensor]]] = {}  # view -> (updates of the bank, recomputed)

    @property
    def names(self) -> list[str]:
        """raw, then the averages."""
        return ["raw", *(self.bank.names if self.bank is not None else [])]

    def load(self, name: str) -> nn.Module:
        """The twin with the weights of view `name`, in eval mode."""
        _copy(self.model.state_dict(), self.twin)
        if name != "raw":
            self.bank.copy_into(name, self.twin)
            self._renew(name)
        elif self.evaluation_weights is not None:
            weights = self.evaluation_weights(self.model.parameters())
            _copy(dict(zip(dict(self.model.named_parameters()), weights, strict=True)), self.twin)
        return self.twin

    def _renew(self, name: str) -> None:
        """Recompute the batch statistics of an average in the twin, once for the weights that it has now."""
        if self.recompute is None:
            return
        if self.whole(name):
            _copy(self._statistics[name][1], self.twin)
        elif (found := self.recompute(self.twin)) is not None:
            self._statistics[name] = (self.bank.step, found)

    def whole(self, name: str) -> bool:
        """Whether nothing is left to recompute for a view: it has been evaluated since the last step."""
        return name == "raw" or self.recompute is None or self._statistics.get(name, (-1, {}))[0] == self.bank.step

    def weights(self, name: str) -> dict[str, Tensor]:
        """The state dict of a view: copies on the CPU. Raises KeyError for an unknown view."""
        if name not in self.names:
            raise KeyError(name)
        return _cpu(self.load(name).state_dict())

    def averages(self) -> dict[str, Any]:
        """What a checkpoint holds of the averages: {"views": name -> state dict, "bank": its state}, on the CPU.

        A view that is a row of the bank shares its memory, so that the file holds it once.
        """
        if self.bank is None:
            return {"views": {}, "bank": None}
        bank, own = self.bank.state(), _cpu(self.model.state_dict())
        return {
            "views": {name: self._stored(name, bank, own) for name in self.names[1:] if self.whole(name)},
            "bank": bank,
        }

    def _stored(self, name: str, bank: Mapping[str, Any], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {key: value.to(own[key].dtype) for key, value in self.bank.stored(name, bank).items()}
        return {**own, **found, **self._statistics.get(name, (0, {}))[1]}

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
