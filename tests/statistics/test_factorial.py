"""Factorial analysis: planted effects come back."""

import numpy as np
import pytest

from recipelab.statistics.factorial import effects

AXES = [("mixup", ["off", "on"]), ("sam", ["off", "on"]), ("schedule", ["cosine", "step", "constant"])]


def planted(seeds=6, noise=0.0005):
    rng = np.random.default_rng(0)
    values = 0.9 + rng.normal(0, 0.01, (seeds, 1, 1, 1)) + rng.normal(0, noise, (seeds, 2, 2, 3))
    values[:, 1] += 0.01
    values[:, :, :, 2] -= 0.02
    values[:, 1, 1] += 0.006  # sam helps only with mixup
    return values


def test_planted_effects_are_found_and_no_others():
    found = {e.terms: e for e in effects(planted(), AXES)}
    expected = {
        (("mixup", "on"),): 0.013,
        (("sam", "on"),): 0.003,
        (("schedule", "step"),): 0.0,
        (("schedule", "constant"),): -0.02,
        (("mixup", "on"), ("sam", "on")): 0.006,
        (("mixup", "on"), ("schedule", "step")): 0.0,
        (("mixup", "on"), ("schedule", "constant")): 0.0,
        (("sam", "on"), ("schedule", "step")): 0.0,
        (("sam", "on"), ("schedule", "constant")): 0.0,
    }
    assert list(found) == list(expected)
    for terms, size in expected.items():
        assert found[terms].size.mean == pytest.approx(size, abs=0.0015)
        assert (found[terms].p < 0.05) == (size != 0)


def test_effects_are_those_of_a_linear_model():
    """With treatment coding and all interactions, averaged over the other axes: solved by least squares here."""
    values = planted(seeds=1)
    found = {e.terms: e.size.mean for e in effects(values, AXES)}
    rows = [(a, b, c) for a in range(2) for b in range(2) for c in range(3)]
    # sum coding of mixup and sam: a main effect is twice the coefficient
    design = np.array([[1, 2 * a - 1, 2 * b - 1, (2 * a - 1) * (2 * b - 1), c == 1, c == 2] for a, b, c in rows], float)
    solved = np.linalg.lstsq(design, values[0].ravel(), rcond=None)[0]
    assert found[(("mixup", "on"),)] == pytest.approx(2 * solved[1])
    assert found[(("mixup", "on"), ("sam", "on"))] == pytest.approx(4 * solved[3])
    assert all(e.p is None for e in effects(values, AXES))


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        effects(np.zeros((3, 2, 2)), AXES)
