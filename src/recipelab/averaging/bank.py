"""The bank: all averages of one model, as rows of one flat tensor.

Every average is a function of the step: a weight w, by which avg <- lerp(avg, weights, w) after the optimizer step. All
are known before the first step. The model's own tensors are never replaced or aliased: an update packs copies of them
into one flat fp32 tensor and moves all rows that have a weight by one lerp, two kernel calls however many tensors the
model has. A row of weight 0 is not touched, and a step at which all have 0 costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recipelab.averaging.packing import Packing

EPOCH_MEAN = "epoch_mean"
"""The hidden row that the stores after the run are made of."""


class Bank:
    """Averages of `model` by name.

    averages: name -> weights (T,) or (R, T) float64, of the T steps; an average of R rows is the mean of those that
    have been written. hidden: the same, for rows that are no views. statistics: average running statistics, too.
    step: updates so far. rows: (all rows, P) float32, or float64 where the model is.
    """

    def __init__(
        self,
        model: nn.Module,
        averages: Mapping[str, np.ndarray],
        *,
        hidden: Mapping[str, np.ndarray] | None = None,
        statistics: bool = True,
    ) -> None:
        self.names, self.model, self.step = list(averages), model, 0
        self.packing = Packing(model, statistics=statistics)
        given = {name: np.atleast_2d(weights) for name, weights in {**averages, **(hidden or {})}.items()}
        owners = [name for name, weights in given.items() for _ in weights]
        if not given:
            raise ValueError("a bank needs at least one average")
        weights = np.concatenate(list(given.values()))
        order = np.argsort(-(weights > 0).sum(1), kind="stable")  # those that always move side by side: one call
        self.places = {name: [i for i, row in enumerate(order) if owners[row] == name] for name in given}
        self.active = np.ascontiguousarray(weights[order].T > 0)
        self.first = np.where(self.active.any(0), self.active.argmax(0), len(self.active))
        for name, places in self.places.items():
            self.places[name] = sorted(places, key=lambda place: int(order[place]))
        self.rows = self.packing.new(len(order))
        self.flat = self.packing.new(1)[0]
        table = np.ascontiguousarray(weights[order].T)[:, :, None]
        self.weights = torch.from_numpy(table).to(self.flat.device, self.flat.dtype)
        self._moves: dict[bytes, list[tuple[Tensor, Tensor]]] = {}

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of the step just done into every average."""
        step = self.step
        pattern = self.active[step].tobytes()
        moves = self._moves.get(pattern)
        if moves is None:
            runs = _runs(self.active[step])
            moves = self._moves[pattern] = [(self.rows[run], self.weights[:, run]) for run in runs]
        if moves:
            self.packing.pack(self.flat)
            for rows, weights in moves:
                rows.lerp_(self.flat, weights[step])
        self.step = step + 1

    @torch.no_grad()
    def average(self, name: str) -> Tensor:
        """(P,): an average or a hidden row as it stands; a view of the bank, or new where it has several rows."""
        places = self.places[name]
        if len(places) == 1:
            return self.rows[places[0]]
        written = [place for place in places if self.first[place] < self.step] or places[:1]
        total = self.rows[written[0]].clone()
        for place in written[1:]:
            total += self.rows[place]
        return total / len(written)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The averaged tensors of a view by name; whatever else a model has is the model's own."""
        return self.packing.named(self.packing.pieces(self.average(name)))

    def epoch_mean(self) -> dict[str, Tensor]:
        """The mean of the weights since the epoch's start: parameters and float buffers, new tensors on the CPU.

        Statistics that are not averaged, and all other float buffers, are the model's own.
        """
        own = {key: value for key, value in self.model.state_dict().items() if value.is_floating_point()}
        return {k: v.detach().cpu().clone() for k, v in {**own, **self.tensors(EPOCH_MEAN)}.items()}

    @torch.no_grad()
    def copy_into(self, name: str, twin: nn.Module) -> None:
        """Load average `name` into `twin`, a copy of the model that already holds all that is not averaged."""
        target = twin.state_dict()
        found = self.tensors(name)
        assert found.keys() <= target.keys(), f"the twin has no {sorted(found.keys() - target.keys())[:3]}"
        for key, piece in found.items():
            target[key].copy_(piece)

    def norms(self) -> dict[str, Tensor]:
        """L2 norms of each average's parameters and of its distance to the model's, 0-dim on the device."""
        raw = self.packing.new(1)[0][: self.packing.parameters].float()
        found = {}
        for name in self.names:
            average = self.average(name)[: self.packing.parameters].float()
            found[f"{name}_weight_norm"] = average.norm()
            found[f"{name}_distance"] = (average - raw).norm()
        return found

    def state(self) -> dict[str, Any]:
        """What going on needs, on the CPU: every row under its name, hidden ones too, and the updates so far.

        A row lies in the order of the tensors' indices: a model of another memory format can go on with it.
        """
        found = self.rows.cpu()
        rows = torch.empty_like(found)
        for mine, kept in zip(found, rows, strict=True):
            torch._foreach_copy_(self.packing.plain_pieces(kept), self.packing.pieces(mine))
        return {"step": self.step, "rows": {name: [rows[i] for i in places] for name, places in self.places.items()}}

    def stored(self, name: str, state: Mapping[str, Any]) -> dict[str, Tensor]:
        """`tensors` on the CPU; of an average that is one row, views of that of `state`, made just now."""
        rows = state["rows"][name]
        if len(rows) > 1:
            return {key: value.cpu() for key, value in self.tensors(name).items()}
        return self.packing.named(self.packing.plain_pieces(rows[0]))

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for name, places in self.places.items():
            for place, row in zip(places, state["rows"][name], strict=True):
                torch._foreach_copy_(self.packing.pieces(self.rows[place]), self.packing.plain_pieces(row))
        self.step = state["step"]


def _runs(active: np.ndarray) -> list[slice]:
    """The rows at which `active`, (R,) bool, as slices of neighbours."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
