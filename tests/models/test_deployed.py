"""A network as it is handed on gives what the network gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recipelab.augment.normalize import Normalize
from recipelab.models.deployed import Deployed, Normalized


@pytest.mark.parametrize("size", [(9,), (8, 6), (4, 5, 3)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_it_normalises_bit_for_bit_as_in_training(size: tuple[int, ...], dtype: torch.dtype) -> None:
    mean, std = (0.49139968, 0.2, 0.7), (0.24703233, 0.3, 0.11)
    unit = 255 if dtype == torch.uint8 else 1
    images = torch.randint(0, 256, (5, *size, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    found = Normalized(mean, std, unit=unit)(images)
    assert torch.equal(found, Normalize(mean, std, size, unit=unit)(images.movedim(-1, 1)))
    assert found.is_contiguous()


def test_a_temperature_divides_and_prepares_before() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval()
    images = torch.randn(4, 3, 4)
    assert torch.equal(Deployed(model)(images), model(images))
    assert torch.equal(Deployed(model, temperature=2.0)(images), model(images) / 2)
    assert torch.equal(Deployed(model, nn.Tanh(), temperature=0.5)(images), model(images.tanh()) / 0.5)
    assert not Deployed(model).training
