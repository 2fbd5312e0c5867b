"""Ranges of numbers as distributions: `uniform(low, high)`, `uniform(low, high, step)`, `log(...)`, `int(...)`."""

from __future__ import annotations

import math
from decimal import Decimal

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from recipelab.core.errors import UserError

FORMS = ("uniform(low,high)", "uniform(low,high,step)", "log(low,high)", "int(low,high)", "int(low,high,log)")
Numbers = list[int] | list[float]


def read_range(key: str, text: str, kind: str, inside: str) -> BaseDistribution:
    """The distribution of `kind(inside)`, kind being uniform, log or int. Raises UserError for what is no range."""
    place = f"search.space.{key}={text}"
    parts = [part.strip() for part in inside.split(",")]
    log = kind == "log" or (kind == "int" and parts[-1] == "log")
    parts = parts[:-1] if kind == "int" and log else parts
    if not 2 <= len(parts) <= (2 if log else 3):
        more = ", and no step: numbers are drawn, not counted off" if log and len(parts) > 2 else ""
        raise UserError(f"{place}: two ends are expected{more}\n  ways: {', '.join(FORMS)}")
    low, high, *step = _read(place, kind, parts)
    _refuse_disorder(place, kind, low, high, log=log)
    if step and step[0] <= 0:
        raise UserError(f"{place}: a step is above 0")
    if kind == "int":
        whole = int(step[0]) if step else 1
        return IntDistribution(int(low), int(low) + (int(high) - int(low)) // whole * whole, log=log, step=whole)
    if step:
        first, last, stride = (Decimal(str(number)) for number in (low, high, step[0]))  # as they are written
        return FloatDistribution(low, float(first + (last - first) // stride * stride), step=step[0])
    return FloatDistribution(low, high, log=log)


def _read(place: str, kind: str, parts: list[str]) -> Numbers:
    try:
        numbers: Numbers = [int(part) for part in parts] if kind == "int" else [float(part) for part in parts]
    except ValueError:
        what, such = ("whole numbers", "1,8") if kind == "int" else ("numbers", "0.1,1")
        raise UserError(f"{place}: {what} are expected, such as {kind}({such})") from None
    if not all(math.isfinite(number) for number in numbers):
        raise UserError(f"{place}: finite numbers are expected")
    return numbers


def _refuse_disorder(place: str, kind: str, low: float, high: float, *, log: bool) -> None:
    """Raise UserError unless low < high, and 0 < low under a logarithm."""
    word = ",log" if log and kind == "int" else ""
    if low > high:
        raise UserError(f"{place}: the first end is greater than the second\n  fix: {kind}({high:g},{low:g}{word})")
    if low == high:
        raise UserError(f"{place}: the ends are the same, and there is nothing to draw\n  fix: give the key one value")
    if log and low <= 0:
        lowest = 1 if kind == "int" else min(1e-3, high / 100)
        fix = f"{kind}({lowest:g},{high:g}{word})" if high > 0 else f"uniform({low:g},{high:g})"
        raise UserError(f"{place}: a logarithm needs ends above 0\n  fix: {fix}")
