"""What a study claims, held against its records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recipelab.statistics.paired import equivalence, holm
from recipelab.statistics.verdict import exceeds
from recipelab.studies.definition import CONTROL, Claim, Study, claims_of
from recipelab.studies.measure import Readings, paired


@dataclass(frozen=True)
class Held:
    """A claim against the records. found: holds, fails or unproven. p: of the test that decides, adjusted (Holm)."""

    claim: Claim
    says: str
    found: str
    p: float | None
    n: int


def held(study: Study, readings: Readings, metric: str, higher: Callable[[str], bool]) -> list[Held]:
    """Every claim, decided by one-sided tests at 1 - confidence over all claims together (Holm)."""
    alpha = 1 - study.confidence
    tested = []
    for claim in claims_of(study):
        name, split = claim.metric or metric, claim.split or study.split
        by_arm = readings.by_arm(name, split)
        than = claim.than if claim.than != CONTROL or CONTROL in by_arm else next(iter(by_arm))
        arm, other = paired(by_arm[claim.arm], by_arm[than])  # both empty for a metric that was not measured
        tested.append((claim, than, name, split, len(arm), *_tests(claim, arm, other, study, higher(name))))
    holds = holm([one[5] for one in tested])
    fails = holm([one[6] for one in tested])
    found = []
    for (claim, than, name, split, n, *_), p, against in zip(tested, holds, fails, strict=True):
        word = "holds" if p is not None and p <= alpha else "unproven"
        if word == "unproven" and against is not None and against <= alpha:
            word, p = "fails", against
        more = f" by more than {claim.by:g}" if claim.by and claim.verdict != "equivalent" else ""
        relation = {"better": "beats", "worse": "is worse than", "equivalent": "is equivalent to"}[claim.verdict]
        says = claim.says or f"{claim.arm} {relation} {than}{more} in {split} {name}"
        says += "" if n else f" [no record has {split} {name} of both]"
        found.append(Held(claim, says, word, p, n))
    return found


def _tests(
    claim: Claim, arm: np.ndarray, other: np.ndarray, study: Study, higher: bool
) -> tuple[float | None, float | None]:
    """p of what the claim says, and p of its contrary."""
    if not len(arm):
        return None, None
    if claim.verdict == "equivalent":
        margin = claim.by or study.margin
        if not margin:
            return None, None
        beyond = [exceeds(arm, other, margin), exceeds(other, arm, margin)]
        least = None if None in beyond else min(1.0, 2 * min(p for p in beyond if p is not None))
        return equivalence(arm - other, margin), least
    if claim.verdict == "worse":
        arm, other = other, arm
    sign_less = exceeds(other, arm, -claim.by, higher_is_better=higher)
    return exceeds(arm, other, claim.by, higher_is_better=higher), sign_less
