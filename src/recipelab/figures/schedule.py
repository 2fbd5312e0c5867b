"""A learning-rate schedule, and the momentum where it is scheduled too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recipelab.figures.chart import Axis, Chart, Line, Panel

Values = NDArray[np.floating]


def schedule_chart(lr: Mapping[str, Values], steps_per_epoch: int, title: str, momenta: Values | None = None) -> Chart:
    """Learning rate against epochs, one line per name.

    lr: name -> (total_steps,) the learning rate of every optimizer step; lengths may differ.
    steps_per_epoch: optimizer steps in an epoch. title: one line above.
    momenta: (total_steps,) momentum of every step, in a panel of its own.
    """
    end = max(len(rates) for rates in lr.values()) / steps_per_epoch
    x = Axis(f"epoch (of {steps_per_epoch:,} optimizer steps)", limits=(0.0, end))
    highest = max(float(np.max(rates)) for rates in lr.values())
    y = Axis("learning rate (per optimizer step)", limits=(0.0, 1.05 * highest or 1.0))
    lines = [_line(rates, steps_per_epoch, name, index) for index, (name, rates) in enumerate(lr.items())]
    panels = [Panel(x, y, lines)]
    if momenta is not None:
        panels.append(Panel(x, Axis("momentum"), [_line(momenta, steps_per_epoch, "", 1)]))
    return Chart("schedule", title, panels, legend=len(lr) > 1)


def _line(values: Values, steps_per_epoch: int, name: str, colour: int) -> Line:
    return Line(np.arange(len(values)) / steps_per_epoch, values, name, colour)
