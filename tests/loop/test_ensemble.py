"""The mean of logits and of probabilities, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from recipelab.loop.ensemble import combine


@pytest.fixture
def members() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(50, 7, generator=generator) * 5 for _ in range(3)]


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_logits_are_averaged(members: list[torch.Tensor]) -> None:
    expected = np.mean([member.double().numpy() for member in members], axis=0)
    np.testing.assert_allclose(combine(members, "logits").numpy(), expected, atol=1e-6)


def test_the_sum_of_logits_chooses_the_same_classes(members: list[torch.Tensor]) -> None:
    assert torch.equal(combine(members, "logits").argmax(1), sum(members, torch.zeros(50, 7)).argmax(1))


def test_probabilities_are_averaged_and_come_as_their_logarithms(members: list[torch.Tensor]) -> None:
    expected = np.mean([softmax(member.double().numpy()) for member in members], axis=0)
    together = combine(members, "probabilities")
    np.testing.assert_allclose(together.exp().numpy(), expected, rtol=1e-5, atol=1e-7)
    labels = torch.arange(50) % 7
    nll = F.cross_entropy(together, labels, reduction="none").numpy()
    np.testing.assert_allclose(nll, -np.log(expected[np.arange(50), labels.numpy()]), rtol=1e-5)


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_of_one_member_it_says_what_that_member_says(kind: str, members: list[torch.Tensor]) -> None:
    one = combine(members[:1], kind)  # type: ignore[arg-type]
    torch.testing.assert_close(one.softmax(1), members[0].softmax(1))


def test_improbable_classes_do_not_overflow() -> None:
    far = [torch.tensor([[0.0, 1e4]]), torch.tensor([[0.0, 1e4]])]
    assert torch.isfinite(combine(far, "probabilities")).all()
