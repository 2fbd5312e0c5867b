"""Grad-CAM against its formula, written out with gradients of a network cut in two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from recipelab.loop.grad_cam import Layer, grad_cam, last_spatial_layer
from recipelab.models.cnn import CNN
from recipelab.models.mlp import MLP
from recipelab.models.preact_resnet import PreActResNet
from recipelab.models.resnet import ResNet
from recipelab.models.resnet_cifar import ResNetCifar
from recipelab.models.timm_model import timm_model
from recipelab.models.vgg import VGG
from recipelab.models.wide_resnet import WideResNet


class InPlace(nn.Module):
    """What is hard for hooks: an activation used twice, in place, and a layer whose output another path passes by."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.out = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def tail(self, x: Tensor) -> Tensor:
        return self.out(x.mean((2, 3)))

    def body(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        return self.act(self.second(x) + x)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.body(x))


def images(count: int = 3, channels: int = 2) -> Tensor:
    return torch.randn(count, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def test_it_is_the_formula_also_where_a_module_is_used_twice_and_in_place() -> None:
    torch.manual_seed(0)
    model, x, classes = InPlace().eval(), images(), torch.tensor([2, 0, 2])
    layer = last_spatial_layer(model, x)
    assert layer == Layer("act", 1, (8, 8))
    for row in range(3):  # the reference: a sample by itself
        with torch.no_grad():
            activations = model.body(x[row : row + 1])
        activations.requires_grad_()
        (gradient,) = torch.autograd.grad(model.tail(activations)[0, classes[row]], activations)
        weights = gradient.mean((2, 3))[0]
        wanted = sum(weight * plane for weight, plane in zip(weights, activations[0].detach(), strict=True)).relu()
        found = grad_cam(model, layer, x, classes)[row]
        assert torch.allclose(found, wanted / wanted.max(), atol=1e-6)


def test_it_leaves_the_model_as_it_was() -> None:
    model, x = InPlace().eval(), images()
    before = model(x).detach()
    layer = last_spatial_layer(model, x)
    assert layer is not None
    with torch.no_grad():
        grad_cam(model, layer, x, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(model(x), before)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda **k: CNN(width=4, **k), None),
        (lambda **k: ResNetCifar(depth=8, width=4, **k), (2, 2)),
        (lambda **k: ResNet(depth=10, width=4, **k), None),
        (lambda **k: PreActResNet(depth=10, width=4, **k), None),
        (lambda **k: WideResNet(depth=10, width=1, **k), (2, 2)),
        (lambda **k: VGG(depth=11, width=4, **k), None),
        (lambda **k: timm_model(name="convnext_atto", **k), None),
    ],
)
def test_convolutional_families_have_a_map_in_its_range(
    build: Callable[..., nn.Module], shape: tuple[int, ...] | None
) -> None:
    torch.manual_seed(0)
    size = 8 if shape else 64
    model = build(num_classes=3, input_channels=2, image_size=(size, size)).eval()
    x = torch.randn(2, 2, size, size)
    layer = last_spatial_layer(model, x)
    assert layer is not None
    assert shape is None or layer.shape == shape
    found = grad_cam(model, layer, x, torch.tensor([0, 2]))
    assert found.shape == (2, *layer.shape)
    assert found.isfinite().all()
    assert 0 <= found.min() <= found.max() <= 1


def test_a_perceptron_and_a_transformer_have_none() -> None:
    mlp = MLP(width=8, num_classes=3, input_channels=2, image_size=(8, 8)).eval()
    assert last_spatial_layer(mlp, images()) is None
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 1, "num_heads": 2}
    vit = timm_model(name="vit_tiny_patch16_224", options=options, num_classes=3, input_channels=2, image_size=(32, 32))
    assert last_spatial_layer(vit.eval(), torch.randn(1, 2, 32, 32)) is None
