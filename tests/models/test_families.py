"""Every family of networks of ours: in every dimension that it claims, with every technique that it claims."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipelab.models.cnn import CNN
from recipelab.models.mlp import MLP
from recipelab.models.preact_resnet import PreActResNet
from recipelab.models.pyramidnet import PyramidNet
from recipelab.models.resnet import ResNet
from recipelab.models.resnet_cifar import ResNetCifar
from recipelab.models.torchvision_models import convnext, efficientnet_v2
from recipelab.models.vgg import VGG
from recipelab.models.wide_resnet import WideResNet

# Its narrowest member, and the dimensions it claims.
FAMILIES: dict[Callable[..., nn.Module], tuple[dict[str, Any], tuple[int, ...]]] = {
    CNN: ({"width": 4}, (1, 2, 3)),
    MLP: ({"width": 8}, (1, 2, 3)),
    ResNetCifar: ({"depth": 8, "width": 4}, (1, 2, 3)),
    ResNet: ({"depth": 10, "width": 4}, (1, 2, 3)),
    PreActResNet: ({"depth": 10, "width": 4}, (1, 2, 3)),
    WideResNet: ({"depth": 10, "width": 1}, (1, 2, 3)),
    PyramidNet: ({"depth": 8, "alpha": 8.0}, (1, 2, 3)),
    VGG: ({"depth": 11, "width": 4}, (1, 2, 3)),
    efficientnet_v2: ({"width": 0.1, "depth": 0.1, "stochastic_depth": 0.0, "dropout": 0.0}, (2,)),
    convnext: ({"width": 0.1, "depth": 0.2, "stochastic_depth": 0.0}, (2,)),
}
SIZES = {1: (8,), 2: (8, 6), 3: (4, 5, 4)}
LARGER = {1: (32,), 2: (16, 20), 3: (16, 12, 16)}
TORCHVISION_SIZE = (32, 32)

# What a technique is switched on by, and where it shows: in training alone, or in both.
TECHNIQUES: dict[str, tuple[dict[str, Any], str]] = {
    "stochastic_depth": ({"stochastic_depth": 0.5}, "training"),
    "stochastic_depth_constant": ({"stochastic_depth": 0.5, "stochastic_depth_mode": "constant"}, "training"),
    "shakedrop": ({"shakedrop": True}, "always"),
    "squeeze_excitation": ({"squeeze_excitation": True}, "always"),
    "squeeze_excitation_end": ({"squeeze_excitation": "end"}, "always"),
    "dropout": ({"dropout": 0.5}, "training"),
    "zero_init_residual": ({"zero_init_residual": True}, "always"),
    "activation_checkpointing": ({"activation_checkpointing": True}, "never"),
}


def claims() -> Iterator[tuple[Callable[..., nn.Module], int, str]]:
    """Every family with every dimension and technique that it claims: by its signature."""
    for family, (_, dimensions) in FAMILIES.items():
        for name, (options, _) in TECHNIQUES.items():
            if options.keys() <= inspect.signature(family).parameters.keys():
                for dim in dimensions:
                    yield family, dim, name


def size_of(family: Callable[..., nn.Module], dim: int, sizes: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    return TORCHVISION_SIZE if family in (efficientnet_v2, convnext) else sizes[dim]


def build(
    family: Callable[..., nn.Module], dim: int, sizes: dict[int, tuple[int, ...]] = SIZES, **options: object
) -> nn.Module:
    torch.manual_seed(0)
    options = {**FAMILIES[family][0], "image_size": size_of(family, dim, sizes), "input_dim": dim, **options}
    return family(num_classes=3, input_channels=2, **options)


def images(
    family: Callable[..., nn.Module], dim: int, count: int = 4, sizes: dict[int, tuple[int, ...]] = SIZES
) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 2, *size_of(family, dim, sizes), generator=generator)


def loss_of(model: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(7)
    logits = model(x)
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), torch.arange(len(x)) % 3)


def likeness(plain: nn.Module, other: nn.Module) -> None:
    """Weights that both have, made equal: a technique's own layers draw, and so would shift all the rest."""
    theirs = plain.state_dict()
    other.load_state_dict({k: v for k, v in theirs.items() if k in other.state_dict()}, strict=False)


CASES = list(claims())
IDS = [f"{family.__name__}-{dim}d-{name}" for family, dim, name in CASES]


@pytest.mark.parametrize(("family", "dim", "name"), CASES, ids=IDS)
def test_a_technique_works_and_on_differs_from_off(family, dim, name):
    options, where = TECHNIQUES[name]
    plain, model, x = build(family, dim).double(), build(family, dim, **options).double(), images(family, dim).double()
    if name != "zero_init_residual":  # whose difference is in the weights
        likeness(plain, model)
    evaluated = [network.eval()(x) for network in (plain, model)]
    gradients = []
    for network in (plain, model):
        loss_of(network.train(), x).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()][-1:]))
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    trained = [loss_of(network.train(), x) for network in (plain, model)]
    assert torch.equal(*trained) == (where == "never")
    assert torch.equal(*evaluated) == (where != "always")
    if where == "never":
        assert torch.equal(*gradients)
        assert all(torch.equal(a, b) for a, b in zip(plain.buffers(), model.buffers(), strict=True))
    else:
        assert not torch.equal(*gradients)


@pytest.mark.parametrize(("family", "dim", "name"), CASES, ids=IDS)
def test_a_step_in_bf16_a_checkpoint_and_a_batch_of_one(family, dim, name, tmp_path):
    model, x = build(family, dim, **TECHNIQUES[name][0]), images(family, dim)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    # On a CPU torch 2.15's bf16 gradient of a 3-D convolution on a few pixels is NaN: it is not used there.
    with torch.autocast("cpu", torch.bfloat16, enabled=dim != 3):
        loss = loss_of(model.train(), x)
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(before[key], value) for key, value in model.state_dict().items())
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    other = build(family, dim, **TECHNIQUES[name][0])
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(other.eval()(x), model.eval()(x))
    assert model(x[:1]).shape == (1, 3)
    torch.testing.assert_close(model(x[:1]), model(x)[:1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", [f for f in FAMILIES if "shakedrop" in inspect.signature(f).parameters])
def test_a_training_batch_of_one_with_every_technique(family):
    options = {"stochastic_depth": 0.2, "shakedrop": True, "squeeze_excitation": True, "dropout": 0.1}
    model = build(family, 2, LARGER, **options).train()  # batch norm needs more than one pixel at the end
    loss_of(model, images(family, 2, 1, LARGER)).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize(
    "family", [f for f in FAMILIES if "small_input" in inspect.signature(f).parameters and f is not VGG]
)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_stem_for_large_images_quarters_the_resolution(family, dim):
    x = images(family, dim, 2, LARGER)
    pooled = []
    for small in (True, False):
        model = build(family, dim, LARGER, small_input=small).eval()
        pools = [m for m in model.modules() if isinstance(m, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d)]
        outputs: list[Tensor] = []
        for pool in pools:
            pool.register_forward_hook(lambda module, given, output, into=outputs: into.append(output))
        assert model(x).shape == (2, 3)
        pooled.append([tuple(output.shape[2:]) for output in outputs])
    assert pooled == [[], [tuple(-(-side // 4) for side in x.shape[2:])]]


@pytest.mark.slow
@pytest.mark.timeout(900)  # the compiler takes minutes where cores are shared
@pytest.mark.parametrize("family", FAMILIES)
def test_it_compiles_to_the_same_function(family):
    dim = FAMILIES[family][1][0]
    model, x = build(family, dim).eval(), images(family, dim)
    expected = model(x)
    compiled = copy.deepcopy(model)
    compiled.compile(dynamic=False)
    torch.testing.assert_close(compiled(x), expected, rtol=1e-4, atol=1e-4)
    loss_of(compiled.train(), x).backward()
