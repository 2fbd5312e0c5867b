"""Averages that are asked for after a run: from --decay, --half-life, --window or --last to a profile and a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipelab.averaging.clock import Clock
from recipelab.averaging.ema import Ema, decay_of_half_life, half_life_of, in_words
from recipelab.averaging.profiles import Array, Block, profile
from recipelab.averaging.synthesis import AMPLIFICATION, RESIDUAL, Combination, combine
from recipelab.config.averages import SHARED
from recipelab.config.schema import Averaging
from recipelab.core.errors import UserError

AT_ONCE = 8
"""Profiles that are solved for together: one of a million steps takes 8 MB."""


@dataclass(frozen=True)
class Wanted:
    """An average that is asked for.

    option, value: as on the command line. name: of the view. words: what it is. profile: (T + 1,).
    """

    option: str
    value: Any
    name: str
    words: str
    profile: Array


class Wishes:
    """From options to averages of one run.

    clock: of the run. steps: that it has taken. averaging: its section, whose start, warmup, debias and interval moving
    averages made after the run have, too, as if they had been tracked.
    """

    def __init__(self, clock: Clock, steps: int, averaging: Averaging) -> None:
        self.clock, self.steps = clock, steps
        self.shared = {key: getattr(averaging, key) for key in SHARED}

    def of(self, option: str, value: Any) -> Wanted:
        """The average of one option: decay, half_life, window or last. Raises UserError for a value that is none."""
        text = str(value).replace(" ", "").replace("%", "pct")
        if option == "last":
            return self._last(value, text)
        try:
            ema = Ema(**{option: value}, **self.shared)
            weights, words = ema.weights(self.clock)[: self.steps], ema.describe(self.clock)
        except UserError as error:
            raise UserError(str(error).replace(f"averaging.{option}=", f"{_flag(option)} ")) from None
        label = "" if option == "decay" else f"{option}_"
        return Wanted(option, value, f"posthoc_ema_{label}{text}", words, profile(weights))

    def _last(self, value: str, text: str) -> Wanted:
        steps = self.clock.timeline.steps(value, "--last")
        if not 1 <= steps <= self.steps:
            raise UserError(f"--last {value}: {steps:,} steps, and the run has taken {self.steps:,}; at least one")
        words = f"the even mean of the last {in_words(steps, self.clock.timeline)}"
        return Wanted(
            "last", value, f"posthoc_last_{text}", words, Block(self.steps - steps, self.steps).profile(self.steps)
        )

    def half_life(self, steps: float) -> Wanted:
        """The moving average with this half-life in steps, such as 12.5."""
        ema = Ema(decay=decay_of_half_life(steps / self.shared["interval"]), **self.shared)
        weights = ema.weights(self.clock)[: self.steps]
        epochs = steps / self.clock.timeline.steps_per_epoch
        return Wanted("half_life", f"{epochs:.3g}ep", "", ema.describe(self.clock), profile(weights))


def solved(entries: Sequence[Block | Array], wanted: Sequence[Wanted]) -> list[Combination]:
    """The combination of each, some at once."""
    found: list[Combination] = []
    for first in range(0, len(wanted), AT_ONCE):
        found += combine(entries, [one.profile for one in wanted[first : first + AT_ONCE]])
    return found


def refusal(entries: Sequence[Block | Array], wanted: Wanted, found: Combination, wishes: Wishes) -> str:
    """Why an average cannot be made of what is stored, and the nearest that can."""
    text = f"{_flag(wanted.option)} {wanted.value} ({wanted.words}) cannot be made of what the record keeps: "
    if found.residual > RESIDUAL:
        text += f"the best that can be made differs from it by {found.residual:.3g} of 2 (at most {RESIDUAL})"
    else:
        text += f"its coefficients would amplify rounding {found.amplification:,.0f} times (at most {AMPLIFICATION:g})"
    near = _nearest_last(entries, wanted, wishes) if wanted.option == "last" else _nearest(entries, wanted, wishes)
    key = "averages={last: {kind: last_k}}" if wanted.option == "last" else f"{wanted.option}={wanted.value}"
    advice = [f"the nearest that can: {near}"] if near else []
    return "\n  ".join([text, *advice, f"to have just this one, track it in a run: averaging.{key}"])


def _nearest(entries: Sequence[Block | Array], wanted: Wanted, wishes: Wishes) -> str | None:
    """The admissible half-life that differs by the smallest factor, of some 14 an octave, as an option."""
    per_epoch = wishes.clock.timeline.steps_per_epoch
    target = _half_life(wanted, wishes)
    grid = np.geomspace(1, 2 * wishes.steps, 1 + int(14 * np.log2(2 * wishes.steps)))
    texts = sorted({f"{steps / per_epoch:.3g}" for steps in grid}, key=float)
    texts = [text for text in texts if float(text) * per_epoch >= 1]
    away: Callable[[str], float] = lambda text: abs(np.log(float(text) * per_epoch / target))  # noqa: E731
    texts.sort(key=away)
    for first in range(0, len(texts), AT_ONCE):
        some = texts[first : first + AT_ONCE]
        found = solved(entries, [wishes.of("half_life", f"{text}ep") for text in some])
        for text, one in zip(some, found, strict=True):
            if one.admissible:
                return f"--half-life {text}ep"
    return None


def _half_life(wanted: Wanted, wishes: Wishes) -> float:
    """Of what is asked for, in steps; of one that keeps nothing, a step."""
    interval = wishes.shared["interval"]
    decay = Ema(**{wanted.option: wanted.value}, interval=interval).per_update(wishes.clock.timeline)
    return float(max(1.0, half_life_of(decay) * interval))


def _nearest_last(entries: Sequence[Block | Array], wanted: Wanted, wishes: Wishes) -> str | None:
    """The even mean of whole blocks to the end that is nearest in length, as an option."""
    target = wishes.clock.timeline.steps(wanted.value, "--last")
    starts = {wishes.steps - e.start for e in entries if isinstance(e, Block) and e.start < e.stop}
    options = [wishes.of("last", f"{steps}st") for steps in sorted(starts, key=lambda steps: abs(steps - target))]
    good = (one for one in options if combine(entries, [one.profile])[0].admissible)
    return next((f"--last {one.value}" for one in good), None)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"
