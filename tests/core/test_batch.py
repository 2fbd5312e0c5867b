from __future__ import annotations

import pytest
import torch

from recipelab.core.batch import Target

FIRST, SECOND = torch.tensor([0, 1, 2]), torch.tensor([2, 1, 0])
VALUES = torch.tensor([1.0, 10.0, 100.0])


def value(labels):
    return VALUES[labels]


def test_without_mixing_the_value_itself():
    assert torch.equal(Target(FIRST).blend(value), VALUES)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_one_weight_for_the_batch(weight):
    blended = Target(FIRST, SECOND, torch.tensor(weight)).blend(value)
    torch.testing.assert_close(blended, weight * value(FIRST) + (1 - weight) * value(SECOND))


def test_one_weight_a_sample():
    weights = torch.tensor([0.0, 0.5, 1.0])
    blended = Target(FIRST, SECOND, weights).blend(value)
    torch.testing.assert_close(blended, weights * value(FIRST) + (1 - weights) * value(SECOND))


def test_a_weight_of_another_type_takes_the_values_type():
    blended = Target(FIRST, SECOND, torch.tensor(0.25, dtype=torch.float64)).blend(value)
    assert blended.dtype == torch.float32
    torch.testing.assert_close(blended, torch.tensor([75.25, 10.0, 25.75]))


def test_gradients_flow_into_both_parts():
    logits = torch.zeros(3, requires_grad=True)
    Target(torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor(0.75)).blend(lambda y: logits[y]).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([1.5, 0.5, 0.0]))
