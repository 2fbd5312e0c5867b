"""Which of a model's tensors are averaged, and how they lie one after the other in one flat tensor.

All float parameters, each once, and, when asked for, running statistics: buffers named running_mean or running_var, as
normalisation layers call them. No other buffer: the mean of two masks of -inf is NaN, and the vectors that spectral
normalisation iterates belong to one weight (averaged, they have blown up evaluations elsewhere). Those are copied.

Each tensor lies in the flat one as it does in the model's memory (channels-last weights channels last), so that taking
all of them is copying stretches of memory: of ResNet-20's 97 tensors in 35 us instead of 140. Should a layout change
later, the copy is as right, and slower. What is written to files lies in the order of the tensors' own indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")


class Packing:
    """The averaged tensors of `model`, parameters first.

    keys: their names, as in state_dict; another name of the same tensor is in `aliases`. size: numbers in all;
    parameters: of these, those in parameters. dtype: float32, or float64 when one of them is.
    """

    def __init__(self, model: nn.Module, *, statistics: bool) -> None:
        self.model = model
        parameters = _owned(model, "_parameters", dict(model.named_parameters(remove_duplicate=False)))
        buffers = dict(model.named_buffers(remove_duplicate=False)) if statistics else {}
        running = {key: value for key, value in buffers.items() if key.rpartition(".")[2] in STATISTICS}
        owned = {**parameters, **_owned(model, "_buffers", running)}
        first: dict[int, str] = {}
        self.aliases = {key: first.setdefault(id(home[name]), key) for key, (home, name) in owned.items()}
        self.homes = {key: owned[key] for key in first.values()}
        self.keys = list(self.homes)
        self.complex = {key for key, (home, name) in self.homes.items() if home[name].is_complex()}
        self.shapes = [source.shape for source in self.sources()]
        self.strides = [torch.empty_like(source, device="meta").stride() for source in self.sources()]  # always dense
        sizes = [shape.numel() for shape in self.shapes]
        self.size = sum(sizes)
        self.parameters = sum(n for key, n in zip(self.keys, sizes, strict=True) if key in parameters)
        dtypes = [source.dtype for source in self.sources()]
        self.dtype = torch.float64 if torch.float64 in dtypes else torch.float32
        self._addresses: list[int] = []
        self._lines: list[Tensor] | None = None

    def sources(self) -> list[Tensor]:
        """The model's own tensors now: a module may have put a new one in a buffer's or parameter's place."""
        found = [home[name] for home, name in self.homes.values()]
        return [torch.view_as_real(t.detach()) if t.is_complex() else t for t in found] if self.complex else found

    def new(self, rows: int) -> Tensor:
        """(rows, size): so many copies of the present weights."""
        flat = torch.empty(self.size, dtype=self.dtype, device=self.sources()[0].device)
        self.pack(flat)
        return flat.repeat(rows, 1)

    def pack(self, flat: Tensor) -> None:
        """Copy the model's tensors, as they are now, into `flat` (size,)."""
        sources = self.sources()
        addresses = [source.data_ptr() for source in sources]
        if addresses != self._addresses:  # the first time, and where a tensor was given other memory (`.data = ...`)
            self._addresses, self._lines = addresses, self._as_lines(sources)
        if self._lines is not None:
            torch.cat(self._lines, out=flat)
        else:
            torch._foreach_copy_(self.pieces(flat), [source.detach() for source in sources])

    def _as_lines(self, sources: Sequence[Tensor]) -> list[Tensor] | None:
        """The same memory as one dimension each; None where one does not lie as its piece does."""
        if any(source.stride() != stride for source, stride in zip(sources, self.strides, strict=True)):
            return None
        return [source.detach().as_strided((source.numel(),), (1,)) for source in sources]

    def pieces(self, flat: Tensor) -> list[Tensor]:
        """Views of a (size,) tensor, each with the shape and layout of its source."""
        parts = zip(self._parts(flat), self.shapes, self.strides, strict=True)
        return [part.as_strided(shape, stride) for part, shape, stride in parts]

    def plain_pieces(self, flat: Tensor) -> list[Tensor]:
        """Contiguous views of a (size,) tensor that lies in the order of files."""
        return [part.view(shape) for part, shape in zip(self._parts(flat), self.shapes, strict=True)]

    def _parts(self, flat: Tensor) -> list[Tensor]:
        return list(flat.split([shape.numel() for shape in self.shapes]))

    def named(self, pieces: Sequence[Tensor]) -> dict[str, Tensor]:
        """Pieces by name, under every name that they have; pairs of a complex tensor as complex numbers again."""
        found = {
            key: torch.view_as_complex(piece) if key in self.complex else piece
            for key, piece in zip(self.keys, pieces, strict=True)
        }
        return {key: found[first] for key, first in self.aliases.items()}


def _owned(model: nn.Module, kind: str, tensors: Mapping[str, Tensor]) -> dict[str, tuple[dict[str, Tensor], str]]:
    """Where each float tensor is kept: the dict of its module, and its name in it."""
    return {
        key: (getattr(model.get_submodule(key.rpartition(".")[0]), kind), key.rpartition(".")[2])
        for key, value in tensors.items()
        if value.is_floating_point() or value.is_complex()
    }
