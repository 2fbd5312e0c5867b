"""Every model of the yaml tree at its real size: one forward of images, as in training.

Nothing is left out for its memory: the largest, convnext_large, has 198 million weights (0.8 GB).
"""

from __future__ import annotations

import pytest
import torch

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.tree import groups
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.models.summary import summary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEEDED = {"timm": ["model.name=resnet26d"]}
SMALL, COUNT = 32, 2


def published_size(bound) -> int | None:
    """Pixels of what the model's published weights expect; None when it has none."""
    try:
        return bound.target.published.preprocessing(bound.kwargs)["image_size"][0]
    except (AttributeError, UserError):
        return None


@pytest.mark.parametrize("choice", groups()["model"])
def test_it_goes_forward_at_its_real_size(choice):
    recipe = check(compose([f"model={choice}", *NEEDED.get(choice, [])]))
    for edge in filter(None, (SMALL, published_size(recipe.slots["model"]))):
        torch.manual_seed(0)
        facts = Facts(task="classification", num_classes=10, input_channels=3, image_size=(edge, edge))
        model = recipe.with_facts(facts).slots["model"].build().train()
        # Batch statistics: with the running ones of a new network a thousand residual branches add up to infinity.
        with torch.no_grad():
            logits = model(torch.randn(COUNT, 3, edge, edge))
        assert logits.shape == (COUNT, 10)
        assert torch.isfinite(logits).all()
        assert not torch.equal(logits[0], logits[1])
        if edge == SMALL:
            found = summary(model, facts.image_size, facts.input_channels)
            print(f"{choice}: {found.parameters / 1e6:.2f} M weights, {found.flops / 1e9:.2f} GFLOPs at {edge} pixels")
