import pytest
import torch
from pytorchcv.models.preresnet import get_preresnet
from torch import nn

from parity import assert_same_function, parameters
from recipelab.models.preact_resnet import PreActResNet, preact_resnet18, preact_resnet50, preact_resnet101
from recipelab.testing import check_model


def theirs(depth: int, **options: object) -> nn.Module:
    model = get_preresnet(depth, num_classes=4, conv1_stride=False, **options)
    model.features.final_pool = nn.AdaptiveAvgPool2d(1)  # it is 7x7, for 224 pixels
    return model


def test_parameter_counts():
    with torch.device("meta"):
        # kuangliu/pytorch-cifar prints 11,171,146 for PreActResNet18, which has no batch norm at its end: 1,024 more.
        assert parameters(preact_resnet18(num_classes=10, image_size=(32, 32))) == 11_171_146 + 1024
        for build, depth in ((preact_resnet18, 18), (preact_resnet50, 50), (preact_resnet101, 101)):
            ours = build(num_classes=4, image_size=(224, 224))
            assert parameters(ours) == parameters(theirs(depth))


@pytest.mark.parametrize("depth", [10, 26])
def test_it_computes_what_pytorchcvs_does(depth):
    ours = PreActResNet(depth=depth, num_classes=4, image_size=(65, 65))
    assert_same_function(ours, theirs(depth, bottleneck=depth == 26), torch.randn(3, 3, 65, 65))


@pytest.mark.parametrize("size", [(24,), (9, 8), (6, 8, 4)])
@pytest.mark.parametrize("depth", [10, 14])
def test_it_is_a_model_in_every_dimension(size, depth):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "width": 4, "depth": depth}
    check_model(lambda: PreActResNet(num_classes=5, **options), image_size=size, input_channels=2)


def test_zero_init_is_of_the_last_convolution_and_makes_a_block_its_shortcut():
    model = PreActResNet(depth=18, num_classes=3, image_size=(8, 8), width=4, zero_init_residual=True)
    x = torch.randn(4, 4, 8, 8)
    assert torch.equal(model.layer1[1](x), x)
    assert torch.equal(model.layer1[1].norms[1].weight, torch.ones(4))
