"""Box plots, against matplotlib's own."""

import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats

from recipelab.figures.boxes import box_of, thickness


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_a_box_is_that_of_matplotlib(count):
    values = np.random.default_rng(count).standard_t(2, count)
    (reference,) = boxplot_stats(values)
    box = box_of(values)
    found = (box.low, box.q1, box.median, box.q3, box.high)
    assert np.allclose(found, [reference[key] for key in ("whislo", "q1", "med", "q3", "whishi")])
    assert np.allclose(sorted(box.outside), sorted(reference["fliers"]))


def test_a_box_of_nothing_is_refused_and_boxes_never_touch():
    with pytest.raises(ValueError, match="at least one"):
        box_of([])
    assert thickness([0, 0.25, 1]) == pytest.approx(0.2)
    assert thickness([3]) == pytest.approx(0.8)
