"""Durations carry their unit in the configuration ("5ep", "300st", "10%") and become steps in the code."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from recipelab.core.errors import UserError

UNITS = {"ep": "epochs", "st": "optimizer steps", "%": "percent of the training"}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(ep|st|%)")


@dataclass(frozen=True)
class Timeline:
    """How long a training is: what turns a duration into steps.

    steps_per_epoch: optimizer steps in one epoch, the last partial batch included.
    total_steps: optimizer steps of the whole training.
    """

    steps_per_epoch: int
    total_steps: int

    def steps(self, duration: str | int, key: str = "duration") -> int:
        """`duration` in optimizer steps, rounded to the nearest; an int is already steps.

        Raises UserError when the text is not a duration.
        """
        if isinstance(duration, int):
            return duration
        value, unit = parse(duration, key)
        scale = {"st": 1.0, "ep": self.steps_per_epoch, "%": self.total_steps / 100}[unit]
        return math.floor(value * scale + 0.5)

    def every(self, duration: str | int, key: str) -> int:
        """`duration` as a period in steps: at least one."""
        return max(1, self.steps(duration, key))


def parse(text: str, key: str = "duration") -> tuple[float, str]:
    """(value, unit) of a duration; unit is one of UNITS. Raises UserError naming `key`."""
    match = _PATTERN.fullmatch(str(text).strip())
    if match is None:
        raise UserError(
            f"{key}={text!r} is not a duration: a number with a unit is expected"
            " (5ep = epochs, 300st = optimizer steps, 10% = share of the training)"
        )
    return float(match[1]), match[2]
