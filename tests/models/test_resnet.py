import copy
import warnings

import pytest
import timm
import torch
import torchvision
from torch import nn

from parity import assert_same_function, parameters
from recipelab.core.errors import UserError
from recipelab.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from recipelab.testing import check_model


@pytest.mark.parametrize(
    ("build", "small", "imagenet"),
    # The small-image stem as in kuangliu/pytorch-cifar, which prints 11,173,962 for ResNet-18; the others likewise.
    [(resnet18, 11_173_962, 11_689_512), (resnet34, 21_282_122, 21_797_672), (resnet50, 23_520_842, 25_557_032)]
    + [(resnet101, 42_512_970, 44_549_160), (resnet152, 58_156_618, 60_192_808)],
)
def test_parameter_counts(build, small, imagenet):
    with torch.device("meta"):
        assert parameters(build(num_classes=10, image_size=(32, 32))) == small
        assert parameters(build(num_classes=1000, image_size=(224, 224))) == imagenet
        theirs = getattr(torchvision.models, build.__name__)(weights=None)
    assert parameters(theirs) == imagenet  # torchvision's documentation says the same: num_params


def test_basic_blocks_of_50_and_152_layers_have_their_own_stages():
    for depth, layers in ((50, [4, 6, 10, 5]), (152, [4, 13, 55, 4])):
        with torch.device("meta"):
            model = ResNet(depth=depth, num_classes=10, image_size=(32, 32), bottleneck=False)
        assert [len(stage) for stage in (model.layer1, model.layer2, model.layer3, model.layer4)] == layers


def test_a_depth_without_a_network_is_refused_with_those_that_have_one():
    with pytest.raises(UserError, match=r"model\.depth=101 with model\.bottleneck=false.*10, 18, 34, 50, 152"):
        ResNet(depth=101, num_classes=2, image_size=(32, 32), bottleneck=False)
    with pytest.raises(UserError, match=r"model\.depth=19: there is no such network; depths: 10, 14, 18"):
        ResNet(depth=19, num_classes=2, image_size=(32, 32))


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
    model = resnet18(num_classes=10, image_size=image_size, small_input=small_input, width=8)
    assert (model.conv1.kernel_size, model.conv1.stride) == (((3, 3), (1, 1)) if small else ((7, 7), (2, 2)))
    assert isinstance(model.maxpool, nn.Identity) == small


@pytest.mark.parametrize("deep", ["standard", "deep"])
def test_the_small_stem_keeps_the_resolution(deep):
    model = resnet18(num_classes=10, image_size=(16, 16), stem=deep, width=8).eval()
    x = model.maxpool(model.conv1(torch.randn(1, 3, 16, 16)))
    assert x.shape == (1, 8, 16, 16)


def test_the_large_stem_is_torchvisions_network_from_the_same_seed():
    torch.manual_seed(0)
    ours = resnet18(num_classes=5, image_size=(96, 96)).eval()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None, num_classes=5).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(1, 3, 96, 96)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in ours.state_dict().items())


@pytest.mark.parametrize("build", [resnet18, resnet50])
def test_it_computes_what_torchvisions_does(build):
    theirs = getattr(torchvision.models, build.__name__)(weights=None, num_classes=4)
    assert_same_function(build(num_classes=4, image_size=(65, 70)), theirs, torch.randn(3, 3, 65, 70), names={})


def test_with_the_small_stem_it_computes_what_torchvisions_does_with_one():
    theirs = torchvision.models.resnet18(weights=None, num_classes=4)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    assert_same_function(resnet18(num_classes=4, image_size=(9, 12)), theirs, torch.randn(3, 3, 9, 12), names={})


@pytest.mark.parametrize("depth", [18, 50])
def test_resnet_d_computes_what_timms_does(depth):
    theirs = timm.create_model(f"resnet{depth}d", num_classes=4)
    ours = ResNet(depth=depth, num_classes=4, image_size=(65, 66), stem="deep", shortcut="avg_pool")
    assert_same_function(ours, theirs, torch.randn(3, 3, 65, 66), names={})


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (4, (70, 66))])
def test_channels_batch_of_one_and_deep_copy(channels, size):
    model = copy.deepcopy(resnet50(num_classes=7, image_size=size, input_channels=channels, width=4)).eval()
    with torch.no_grad():
        assert model(torch.randn(1, channels, *size)).shape == (1, 7)


@pytest.mark.parametrize("size", [(24,), (9, 8), (6, 8, 4)])
def test_it_is_a_model_in_every_dimension(size):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "width": 4}
    check_model(lambda: resnet18(num_classes=5, **options), image_size=size, input_channels=2)


def test_the_stem_is_initialised_as_torchvisions():
    torch.manual_seed(0)
    model = resnet18(num_classes=10, image_size=(32, 32), input_channels=16)
    assert model.conv1.weight.var().item() == pytest.approx(2 / (64 * 9), rel=0.1)


@pytest.mark.parametrize("build", [resnet18, resnet50])
def test_zero_init_makes_every_block_its_shortcut(build):
    model = build(num_classes=3, image_size=(8, 8), width=4, zero_init_residual=True)
    x = torch.rand(4, 4 * (4 if build is resnet50 else 1), 8, 8)
    assert torch.equal(model.layer1[1](x), x)
    assert not torch.equal(build(num_classes=3, image_size=(8, 8), width=4).layer1[1](x), x)


def test_a_contradicting_dimension_is_refused():
    with pytest.raises(UserError, match=r"model\.input_dim=2 contradicts the data.*\(8, 8, 8\)"):
        resnet18(num_classes=10, image_size=(8, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("build", [resnet18, resnet50])
def test_it_can_be_exported(build):
    model = build(num_classes=10, image_size=(32, 32)).eval()
    x = torch.randn(2, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(model, (x,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(x), model(x))
