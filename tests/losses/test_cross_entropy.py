import math

import pytest
import torch

from recipelab.core.batch import Target
from recipelab.losses.cross_entropy import CrossEntropy


def reference(logits: list[float], label: int, smoothing: float) -> float:
    peak = max(logits)
    log_sum = peak + math.log(sum(math.exp(value - peak) for value in logits))
    log_p = [value - log_sum for value in logits]
    uniform = smoothing / len(logits)
    return -sum(((1 - smoothing) * (k == label) + uniform) * log_p[k] for k in range(len(logits)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_one_value_a_sample_equal_to_the_formula(smoothing):
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 5
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    found = CrossEntropy(label_smoothing=smoothing)(logits, labels)
    expected = [reference(row, label, smoothing) for row, label in zip(logits.tolist(), labels.tolist(), strict=True)]
    assert (found.shape, found.dtype) == ((6,), torch.float32)
    torch.testing.assert_close(found, torch.tensor(expected))


def test_half_precision_logits_are_computed_in_float32():
    logits = torch.randn(5, 10, generator=torch.Generator().manual_seed(0)).bfloat16()
    labels = torch.arange(5)
    with torch.autocast("cpu", torch.bfloat16):
        found = CrossEntropy()(logits, labels)
    assert found.dtype == torch.float32
    assert torch.equal(found, CrossEntropy()(logits.float(), labels))


def test_blend_of_two_labels_is_the_weighted_sum():
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    first, second, weight = torch.tensor([0, 1, 2]), torch.tensor([3, 2, 1]), torch.tensor(0.3)
    loss = CrossEntropy(label_smoothing=0.1)
    found = Target(first, second, weight).blend(lambda labels: loss(logits, labels))
    torch.testing.assert_close(found, 0.3 * loss(logits, first) + 0.7 * loss(logits, second))
