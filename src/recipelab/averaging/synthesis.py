"""Averages after the run: any average of a training's weights as a linear combination of those that were kept.

The coefficients are the least squares between the profile of the combination and that of the average that is wanted
(the post-hoc EMA of Karras et al. 2024, arXiv 2312.02696, section 3.2), here over means of blocks of steps instead of
power averages: their coefficients are positive and sum to 1, where those of power averages grow to thousands and
amplify the rounding of what is stored. Averages that were tracked during the training are used, too; one of them that
is wanted itself is found exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipelab.averaging.profiles import Array, Block

RESIDUAL = 0.1
"""Largest L1 distance of profiles, of the 2 that is possible, up to which an average is given. Measured on a ResNet-20
of width 8 on digits: at 0.092 the weights are off by 6e-4 of their norm, 1 % of their distance to the raw weights."""
AMPLIFICATION = 1000.0
"""Largest sum of |coefficients|. Measured there on float32 stores: rounding puts the weights off by 9e-8 of their norm
times this sum (2.9e-5 at 327, 7.9e-4 at 8,961), so at this bound by less than the residual may."""
_NOTHING = 1e-12  # a coefficient below this is rounding, and its file need not be read


@dataclass(frozen=True)
class Combination:
    """A linear combination of stored weights.

    coefficients: (N,) of each, in their order; they sum to 1. residual: L1 distance between its profile and the wanted
    one, 0 to 2. amplification: sum of |coefficients|, by how much rounding and noise of what is stored can grow.
    """

    coefficients: Array
    residual: float
    amplification: float

    @property
    def admissible(self) -> bool:
        """Whether it is close enough to what is wanted to stand for it."""
        return self.residual <= RESIDUAL and self.amplification <= AMPLIFICATION


def combine(entries: Sequence[Block | Array], targets: Sequence[Array]) -> list[Combination]:
    """The least-squares combination of `entries` for each of `targets`.

    entries: what is stored: blocks that do not overlap, except those of one step; and profiles (T + 1,) of others.
    targets: profiles (T + 1,).
    """
    wanted = np.stack([*targets, np.ones(len(targets[0]))])
    blocks = [i for i, entry in enumerate(entries) if isinstance(entry, Block) and entry.start < entry.stop]
    others = [i for i in range(len(entries)) if i not in set(blocks)]
    steps = wanted.shape[1] - 1
    spans = _Spans([entries[i] for i in blocks], steps)  # type: ignore[misc]
    profiles = np.zeros((len(others), steps + 1))
    for row, index in enumerate(others):
        entry = entries[index]
        profiles[row] = entry.profile(steps) if isinstance(entry, Block) else entry
    # The blocks are orthogonal: what of a profile they can give is its mean over each. The rest is a small problem.
    free = np.linalg.lstsq(spans.without(profiles).T, spans.without(wanted).T, rcond=None)[0].T
    mass = spans.mass(wanted - free @ profiles)
    solved = np.zeros((len(wanted), len(entries)))
    solved[:, others], solved[:, blocks] = free, mass
    # The sum is 1: by Lagrange along G^-1 1, which is the least squares for a profile of ones, as every profile sums to
    # 1. It changes nothing where the blocks leave no step out.
    solved, ones = solved[:-1], solved[-1]
    solved += np.outer((1 - solved.sum(1)) / ones.sum(), ones)
    solved[np.abs(solved) < _NOTHING] = 0.0
    fitted = solved[:, others] @ profiles + spans.spread(solved[:, blocks])
    residuals = np.abs(fitted - wanted[:-1]).sum(1)
    return [
        Combination(row, float(residual), float(np.abs(row).sum()))
        for row, residual in zip(solved, residuals, strict=True)
    ]


class _Spans:
    """Blocks of steps as a partition of the axis 0 to T: the blocks, and each step that is in none by itself."""

    def __init__(self, blocks: Sequence[Block], steps: int) -> None:
        covered = np.full(steps + 1, -1)
        for index, block in enumerate(blocks):
            assert (covered[block.start + 1 : block.stop + 1] == -1).all(), "blocks do not overlap"
            covered[block.start + 1 : block.stop + 1] = index
        self.covered = covered
        self.inside: NDArray[np.bool_] = covered >= 0
        self.where = covered[self.inside]
        self.sizes = np.array([block.stop - block.start for block in blocks], dtype=np.float64)

    def mass(self, rows: Array) -> Array:
        """(R, N) sums of rows (R, T + 1) over each block."""
        sums = [np.bincount(self.where, row[self.inside], minlength=len(self.sizes)) for row in rows]
        return np.stack(sums) if sums else np.zeros((0, len(self.sizes)))

    def spread(self, masses: Array) -> Array:
        """(R, T + 1) of sums (R, N), evenly over the steps of each block."""
        found = np.zeros((len(masses), len(self.covered)))
        found[:, self.inside] = (masses / self.sizes)[:, self.where]
        return found

    def without(self, rows: Array) -> Array:
        """Rows (R, T + 1) less what the blocks can give of them."""
        return rows - self.spread(self.mass(rows))
