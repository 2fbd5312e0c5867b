"""summary.json of a study, held against what `recipelab study` writes, as it may be anybody's. More keys may come."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from recipelab.core.errors import UserError
from recipelab.core.plain import read_json


@dataclass(kw_only=True)
class Ends:
    """A mean with its interval, of n values; low, high, std: None for a single one."""

    mean: float
    low: float | None = None
    high: float | None = None
    std: float | None = None
    n: int
    interval: str = ""


@dataclass(kw_only=True)
class VerdictNode:
    """An arm against its baseline. p: after Holm's correction."""

    word: str
    difference: Ends
    p: float | None = None
    p_unadjusted: float | None = None
    p_sign_flip: float | None = None
    p_sign_flip_smallest: float | None = None
    p_equivalent: float | None = None
    margin: float | None = None
    correlation: float | None = None
    seeds_needed: int | None = None


@dataclass(kw_only=True)
class ArmNode(Ends):
    """seconds: mean of its trainings."""

    arm: str
    seconds: float | None = None
    best: bool = False
    on_front: bool = False
    verdict: VerdictNode | None = None


@dataclass(kw_only=True)
class RunNode:
    """One arm with one seed. record: path below the study's folder."""

    arm: str
    seed: int
    value: float
    seconds: float | None = None
    record: str
    checkpoint: str
    view: str


@dataclass(kw_only=True)
class EffectNode(Ends):
    """terms: (axis, level), one of a main effect, two of an interaction."""

    terms: list[list[str]]
    p: float | None = None


@dataclass(kw_only=True)
class ClaimNode:
    """found: holds, fails or unproven."""

    says: str
    found: str
    p: float | None = None
    n: int


@dataclass(kw_only=True)
class Summary:
    """What the records of a study prove."""

    metric: str
    split: str
    higher_is_better: bool
    baselines: dict[str, str]
    arms: list[ArmNode]
    runs: list[RunNode]
    effects: list[EffectNode] = field(default_factory=list)
    claims: list[ClaimNode] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    levels: dict[str, dict[str, str]] = field(default_factory=dict)


_SUMMARY = TypeAdapter(Summary)


def checked(path: Path) -> dict[str, Any]:
    """The content of a summary.json, with what may be missing filled in.

    Raises UserError when it is not what a study writes.
    """
    content = read_json(path)
    try:
        known = asdict(_SUMMARY.validate_json(json.dumps(content), strict=True))
    except ValidationError as error:
        raise UserError(f"{path} is not what `recipelab study` writes: {first_problem(error)}") from error
    filled: dict[str, Any] = _filled(content, known)
    return filled


def first_problem(error: ValidationError) -> str:
    """Where and what."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'all of it'}: {first['msg']}"


def _filled(content: Any, known: Any) -> Any:
    """What is there, keys that we do not know too, with the defaults of what is not."""
    if isinstance(content, dict) and isinstance(known, dict):
        return known | {key: _filled(value, known.get(key)) for key, value in content.items()}
    if isinstance(content, list) and isinstance(known, list):
        return [_filled(*pair) for pair in zip(content, known, strict=True)]
    return content
