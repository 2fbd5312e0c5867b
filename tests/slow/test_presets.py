"""Every study that comes with the package, run in its tiny size: at most ten minutes each on two cores."""

from __future__ import annotations

import time

import pytest

from recipelab.commands.study import study
from recipelab.config.tree import packaged_tree

NAMES = sorted(path.stem for path in (packaged_tree() / "study").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name, tmp_path):
    began = time.monotonic()
    found = study(name, "scale=tiny", output=str(tmp_path), jobs=2, quiet=True)
    spent = time.monotonic() - began
    print(f"{name}: {len(found.measured)} results in {spent:.0f} s")
    assert not found.missing
    assert all(0 <= measured.value <= 1 for measured in found.measured)
    assert spent < 600
