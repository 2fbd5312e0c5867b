import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from recipelab.testing.generators import ripples, rotated_digits


def test_digits_are_turned_by_their_angle():
    images, angles = rotated_digits(largest=60.0)
    assert images.shape == (1797, 24, 24)
    assert images.dtype == np.uint8
    assert -60 <= angles.min() < -55 < 55 < angles.max() <= 60
    upright, none = rotated_digits(largest=0.0)
    assert not none.any()
    moved = np.abs(images.astype(int) - upright).mean((1, 2))
    assert np.corrcoef(moved, np.abs(angles))[0, 1] > 0.7
    again, _ = rotated_digits()
    np.testing.assert_array_equal(images, again)
    assert not np.array_equal(rotated_digits(1)[1], angles)


@pytest.mark.parametrize(("dims", "size"), [(1, 64), (2, 16), (3, 8)])
def test_no_linear_function_tells_ripples_apart(dims: int, size: int):
    values, labels = ripples(dims, 400, size=size)
    assert values.shape == (400, *[size] * dims)
    assert np.bincount(labels).tolist() == [100] * 4
    flat = values.reshape(400, -1)
    model = LogisticRegression(C=0.01, max_iter=2000).fit(flat[:300], labels[:300])
    assert model.score(flat[300:], labels[300:]) < 0.4
