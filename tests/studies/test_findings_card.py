"""How findings show themselves."""

from __future__ import annotations

import numpy as np

from recipelab.statistics.intervals import mean_interval
from recipelab.statistics.verdict import verdicts
from recipelab.studies.claims import Held
from recipelab.studies.definition import Claim
from recipelab.studies.findings import Findings
from recipelab.studies.lines import Line

CONTROL, ARM = np.array([0.90, 0.901, 0.899, 0.90]), np.array([0.95, 0.952, 0.948, 0.95])
EVIL = "<script>alert(1)</script>"


def found() -> Findings:
    verdict = verdicts({EVIL: (ARM, CONTROL)})[EVIL]
    return Findings(
        metric="accuracy",
        split="test",
        higher_is_better=True,
        baselines={"control": "control", EVIL: "control"},
        measured=(),
        lines=(
            Line("control", mean_interval(CONTROL, 0.95), 1.0, None),
            Line(EVIL, mean_interval(ARM, 0.95), 1.0, verdict, best=True),
        ),
        claims=(Held(Claim(arm=EVIL), f"{EVIL} beats control", "holds", 0.001, 4),),
        missing=("other, seed 3",),
        notes=("executed differently",),
    )


def test_in_text():
    lines = repr(found()).splitlines()
    assert lines[0] == "test accuracy in %, against control, by seed"
    assert lines[2].split("  ")[0] == "control"
    assert lines[2].endswith("baseline")
    assert "+5.00" in lines[3]
    assert lines[3].endswith("better, n = 4")
    assert lines[4:] == [
        f"claim holds: {EVIL} beats control (n = 4, p 0.001)",
        "note: executed differently",
        "missing: other, seed 3",
    ]


def test_in_a_notebook():
    shown = found()._repr_html_()
    assert "<script" not in shown
    assert "<td><b>&lt;script&gt;alert(1)&lt;/script&gt;</b></td>" in shown
    assert shown.count("<tr>") == 3
    assert "claim holds" in shown
    assert "missing: other, seed 3" in shown
