"""Types of options that several optimizers have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from annotated_types import Ge, Len, Lt
from torch import Tensor

Params = Iterable[Tensor] | Iterable[dict[str, Any]]
"""Tensors, or parameter groups: dicts with "params" and options that differ from the rest."""
NotNegative = Annotated[float, Ge(0)]
Decay = Annotated[float, Ge(0), Lt(1)]
"""Of an exponential moving average, a step."""
Betas = Annotated[Sequence[Decay], Len(2, 2)]
"""Decays of the averages of the gradient and of its square."""
