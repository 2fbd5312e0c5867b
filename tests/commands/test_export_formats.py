"""Networks with what is hard to trace (ShakeDrop, stochastic depth, excitation, checkpointing) as graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipelab.commands.export_formats import FORMATS
from recipelab.models.pyramidnet import PyramidNet


@pytest.mark.parametrize("format", ["onnx", "torch-export"])
def test_a_network_with_every_technique_comes_back(format: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    techniques = {"stochastic_depth": 0.3, "shakedrop": True, "squeeze_excitation": True, "dropout": 0.2}
    options = {"depth": 8, "alpha": 8.0, "activation_checkpointing": True, **techniques}
    model = PyramidNet(num_classes=3, input_channels=2, image_size=(8, 6), **options).eval()
    images, file = torch.randn(3, 2, 8, 6), tmp_path / f"network{FORMATS[format].suffix}"
    FORMATS[format].write(model, images, file, {}, True)
    run, _ = FORMATS[format].read(file, model)
    with torch.no_grad():
        for count in (1, 3):
            assert torch.allclose(run(images[:count]), model(images[:count]), atol=1e-5)
