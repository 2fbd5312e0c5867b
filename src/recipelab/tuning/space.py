"""The space of a search: how the value of each key is drawn, read from words such as `log(0.01, 1)`.

`uniform(low, high)`, `uniform(low, high, step)`: even between two numbers. `log(low, high)`: even in the logarithm.
`int(low, high)`, `int(low, high, step)`, `int(low, high, log)`: whole numbers, both ends included.
`choice(a, b, ...)`, `a,b,...`, or a list: one of several values; in a file also {level: overrides}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.errors import HydraException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from recipelab.config.overrides import written
from recipelab.core.errors import UserError, did_you_mean
from recipelab.tuning.ranges import FORMS, read_range

WAYS = ("uniform", "log", "int", "choice")
ALSO = {"loguniform": "log", "log_uniform": "log", "randint": "int", "integer": "int", "categorical": "choice"}
"""Names that other programs have for a way -> ours."""
_DRAWN = re.compile(r"\s*(uniform|log|int)\((?!\s*interval)(.*)\)\s*", re.DOTALL)
_CALL = re.compile(r"\s*([a-z_]+)\(")
Level = bool | int | float | str


@dataclass(frozen=True)
class Param:
    """One thing that a search draws.

    name: in tables and in Optuna; the key, and with the word that it depends on where another has the same key.
    key: that its value is given to. levels: level -> overrides, of a choice. when: the word of a trial without which it
    is not drawn.
    """

    name: str
    key: str
    distribution: BaseDistribution
    levels: Mapping[Level, tuple[str, ...]] | None = None
    when: str | None = None

    @property
    def logarithmic(self) -> bool:
        """Whether it is drawn even in the logarithm."""
        return bool(getattr(self.distribution, "log", False))

    def words(self, value: Level) -> tuple[str, ...]:
        """The overrides that a drawn value stands for."""
        if self.levels is not None:
            return self.levels[value]
        return (f"{self.key}={written(value)}",)

    def corners(self) -> list[Level]:
        """Every level, or both ends of a range."""
        if self.levels is not None:
            return list(self.levels)
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        return [self.distribution.low, self.distribution.high]

    def grid(self) -> list[Level]:
        """Every value there is. Raises UserError for a range without a step."""
        d = self.distribution
        if self.levels is not None:
            return list(self.levels)
        if isinstance(d, IntDistribution):
            return list(range(d.low, d.high + 1, d.step))
        assert isinstance(d, FloatDistribution)
        if d.step is None:
            raise UserError(
                f"sampler=grid: {self.name} is drawn from a range without a step\n"
                f"  fix: {self.key}=uniform({d.low:g},{d.high:g},STEP), or {self.key}=choice(...)"
            )
        first, stride = Decimal(str(d.low)), Decimal(str(d.step))
        return [float(first + i * stride) for i in range(round((d.high - d.low) / d.step) + 1)]


def is_drawn(value: str) -> bool:
    """Whether the value of an override, `log(0.1,1)` or `a,b`, names several."""
    if _DRAWN.fullmatch(value):
        return True
    try:
        return bool(OverridesParser.create().parse_override(f"key={value}").is_sweep_override())
    except (HydraException, ValueError):
        called = _CALL.match(value)  # a function that there is not: read, and refused, as a way to draw
        return called is not None and (called[1] in WAYS or "unknown function" in _parse_error(value).lower())


def _parse_error(value: str) -> str:
    try:
        OverridesParser.create().parse_override(f"key={value}")
    except (HydraException, ValueError) as error:
        return str(error)
    return ""


def read_space(space: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]]) -> tuple[Param, ...]:
    """The parameters of a search, those without a condition first. Raises UserError naming the key."""
    found: list[tuple[str, Any, str | None]] = [(key, value, None) for key, value in space.items()]
    found += [(key, value, word) for word, inner in when.items() for key, value in inner.items()]
    keys = [key for key, _, _ in found]
    if not found:
        raise UserError(
            "a search needs a space: give a key several values, such as 'optimizer.lr=log(0.01,1)' or model=cnn,mlp"
        )
    return tuple(
        _param(key if keys.count(key) == 1 else f"{key} ({word or 'always'})", key, value, word)
        for key, value, word in found
    )


def _param(name: str, key: str, value: Any, when: str | None) -> Param:
    if isinstance(value, Mapping):
        return _choice(name, key, {str(level): _words(key, level, words) for level, words in value.items()}, when)
    if isinstance(value, list):
        return _choice(name, key, _values(key, value), when)
    text = str(value)
    if drawn := _DRAWN.fullmatch(text):
        return Param(name, key, read_range(key, text, drawn[1], drawn[2]), None, when)
    return _of_hydra(name, key, text, when)


def _words(key: str, level: Any, words: Any) -> tuple[str, ...]:
    if not isinstance(words, list) or not all(isinstance(word, str) and "=" in word for word in words):
        raise UserError(f"search.space.{key}.{level}={words!r}: a list of overrides is expected, such as [mix=mixup]")
    return tuple(words)


def _values(key: str, values: Sequence[Any]) -> dict[Level, tuple[str, ...]]:
    plain = [v if isinstance(v, bool | int | float | str) else written(v) for v in values]
    return {level: (f"{key}={written(value)}",) for level, value in zip(plain, values, strict=True)}


def _choice(name: str, key: str, levels: dict[Any, tuple[str, ...]], when: str | None) -> Param:
    if len(levels) < 2:
        raise UserError(f"search.space.{key}: a choice of {len(levels)} value is none; give several, choice(a,b)")
    return Param(name, key, CategoricalDistribution(list(levels)), levels, when)


def _of_hydra(name: str, key: str, text: str, when: str | None) -> Param:
    """A sweep as Hydra's grammar has it: a,b  choice(a,b)  range(1,9,2)  interval(0,1)  tag(log, interval(.1,1))."""
    try:
        parsed = OverridesParser.create().parse_override(f"key={text}")
        sweeps = parsed.is_sweep_override()
    except (HydraException, ValueError):
        sweeps = False
    if not sweeps:
        called = _CALL.match(text)
        hint = did_you_mean(ALSO.get(called[1], called[1]), WAYS) if called and called[1] not in WAYS else ""
        raise UserError(
            f"search.space.{key}={text}: this does not say how the value is drawn{hint}"
            f"\n  ways: {', '.join(FORMS)}, choice(a,b,...)"
        )
    value = parsed.value()
    if isinstance(value, IntervalSweep):
        kind = "log" if "log" in value.tags else "uniform"
        if isinstance(value.start, int) and isinstance(value.end, int):
            return Param(name, key, read_range(key, text, "int", f"{value.start},{value.end}"), None, when)
        return Param(name, key, read_range(key, text, kind, f"{value.start},{value.end}"), None, when)
    try:
        texts = list(map(str, parsed.sweep_string_iterator()))
        plain = [_plain(text) for text in texts]
    except (HydraException, ValueError) as error:
        raise UserError(f"search.space.{key}={text}: {str(error).splitlines()[0]}") from None
    return _choice(name, key, {p: (f"{key}={t}",) for p, t in zip(plain, texts, strict=True)}, when)


def _plain(text: str) -> Level:
    value = OverridesParser.create().parse_override(f"key={text}").value()
    return value if isinstance(value, bool | int | float | str) else text
