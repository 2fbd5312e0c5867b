"""Correctness of two arms on the same examples, simulated."""

from __future__ import annotations


def correctness(rng, seeds, examples, *, effect=0.0, seed_noise=0.0, own=0.0):
    """Two arms, (S, N) each: hard and easy examples, some easier for one arm, and what a seed does to all of them."""
    hardness = rng.normal(2, 2, examples)
    arms = []
    for shift in (effect, 0.0):
        likes = hardness + rng.normal(0, 1, examples) * own
        moved = likes + shift + rng.normal(0, 1, (seeds, 1)) * seed_noise
        arms.append(moved + 0.7 * rng.logistic(0, 1, (seeds, examples)) > 0)
    return arms
