import copy

import pytest
import torch
import torchvision
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.resnet import resnet18, resnet50


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts():
    assert parameters(resnet18(num_classes=10, image_size=(32, 32))) == 11_173_962
    assert parameters(resnet50(num_classes=10, image_size=(32, 32))) == 23_520_842
    assert parameters(resnet18(num_classes=1000, image_size=(224, 224))) == 11_689_512
    assert parameters(resnet50(num_classes=1000, image_size=(224, 224))) == 25_557_032


@pytest.mark.parametrize(
    ("image_size", "small_input", "small"),
    [
        ((32, 32), "auto", True),
        ((64, 200), "auto", True),
        ((65, 65), "auto", False),
        ((32, 32), False, False),
        ((224, 224), True, True),
    ],
)
def test_small_input_stem(image_size, small_input, small):
    model = resnet18(num_classes=10, image_size=image_size, small_input=small_input)
    assert (model.conv1.kernel_size, model.conv1.stride) == (((3, 3), (1, 1)) if small else ((7, 7), (2, 2)))
    assert isinstance(model.maxpool, nn.Identity) == small


def test_the_small_stem_keeps_the_resolution():
    model = resnet18(num_classes=10, image_size=(16, 16)).eval()
    x = model.maxpool(model.conv1(torch.randn(1, 3, 16, 16)))
    assert x.shape == (1, 64, 16, 16)


def test_the_large_stem_is_torchvisions_network():
    torch.manual_seed(0)
    ours = resnet18(num_classes=5, image_size=(96, 96)).eval()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None, num_classes=5).eval()
    x = torch.randn(1, 3, 96, 96)
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("build", [resnet18, resnet50])
@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (4, (70, 66))])
def test_channels_batch_of_one_and_deep_copy(build, channels, size):
    model = copy.deepcopy(build(num_classes=7, image_size=size, input_channels=channels)).eval()
    with torch.no_grad():
        assert model(torch.randn(1, channels, *size)).shape == (1, 7)


def test_a_gradient_reaches_every_parameter():
    model = resnet18(num_classes=4, image_size=(8, 8))
    nn.functional.cross_entropy(model(torch.randn(4, 3, 8, 8)), torch.arange(4)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_new_stem_is_initialised_as_torchvisions():
    torch.manual_seed(0)
    model = resnet18(num_classes=10, image_size=(32, 32), input_channels=16)
    assert model.conv1.weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.1)


def test_volumes_are_refused():
    with pytest.raises(UserError, match=r"\(8, 8, 8\)"):
        resnet18(num_classes=10, image_size=(8, 8, 8))
