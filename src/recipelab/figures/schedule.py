"""A learning-rate schedule as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipelab.core import atomic

# Okabe & Ito 2008, Color universal design: told apart with any colour vision; yellow left out, as it is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (1, 3)), (0, (4, 1, 1, 1, 1, 1)))


def plot_schedule(
    lr: Mapping[str, NDArray[np.floating]],
    steps_per_epoch: int,
    path: Path,
    title: str,
    momenta: NDArray[np.floating] | None = None,
) -> None:
    """Write a PNG of learning rate against epochs, one line per name.

    lr: name -> (total_steps,) the learning rate of every optimizer step; lengths may differ.
    steps_per_epoch: optimizer steps in an epoch. path: replaced atomically. title: one line above.
    momenta: (total_steps,) momentum of every step, on an axis of its own.
    """
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for (name, rates), colour, dash in zip(lr.items(), cycle(_COLOURS), cycle(_DASHES)):
        axes.plot(np.arange(len(rates)) / steps_per_epoch, rates, label=name, color=colour, linestyle=dash, linewidth=2)
    axes.set_title(title, loc="left", fontweight="bold", pad=12)
    axes.set_xlabel(f"epoch (of {steps_per_epoch:,} optimizer steps)")
    axes.set_ylabel("learning rate (per optimizer step)")
    axes.set_xlim(0, max(len(rates) for rates in lr.values()) / steps_per_epoch)
    axes.set_ylim(bottom=0)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if momenta is not None:
        beside = axes.twinx()
        beside.plot(np.arange(len(momenta)) / steps_per_epoch, momenta, color=_COLOURS[1], linestyle="--", linewidth=2)
        beside.set_ylabel("momentum (dashed)", color=_COLOURS[1])
        beside.spines[["top"]].set_visible(False)
    if len(lr) > 1:
        axes.legend(frameon=False)
    atomic.write(path, lambda file: figure.savefig(file, format="png"))
