import pytest
import torch
from pytorchcv.models.wrn_cifar import get_wrn_cifar
from torch import nn

from parity import assert_same_function, parameters
from recipelab.core.errors import UserError
from recipelab.models.wide_resnet import WideResNet, wide_resnet16_4, wide_resnet28_10, wide_resnet40_2
from recipelab.testing import check_model


def test_parameter_counts():
    with torch.device("meta"):
        # Zagoruyko, Komodakis 2016, table 4: 36.5 M; table 5 and 3: 2.7 M for 16-4, 2.2 M for 40-2.
        counts = [parameters(b(num_classes=10, image_size=(32, 32))) for b in (wide_resnet16_4, wide_resnet40_2)]
        assert [round(count / 1e6, 1) for count in counts] == [2.7, 2.2]
        assert parameters(wide_resnet28_10(num_classes=10, image_size=(32, 32))) == 36_479_194
        assert parameters(get_wrn_cifar(num_classes=10, blocks=28, width_factor=10)) == 36_479_194


def test_it_computes_what_pytorchcvs_does():
    theirs = get_wrn_cifar(num_classes=4, blocks=10, width_factor=2)
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    ours = WideResNet(depth=10, width=2, num_classes=4, image_size=(16, 16))
    assert_same_function(ours, theirs, torch.randn(3, 3, 16, 16))


@pytest.mark.parametrize("size", [(24,), (9, 8), (6, 8, 4)])
@pytest.mark.parametrize("block", ["preactivation", "postactivation"])
def test_it_is_a_model_in_every_dimension(size, block):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "width": 1, "depth": 10}
    check_model(lambda: WideResNet(num_classes=5, block=block, **options), image_size=size, input_channels=2)


def test_the_post_activation_variant_pools_its_shortcuts():
    model = WideResNet(depth=10, width=1, num_classes=4, image_size=(8, 8), block="postactivation")
    pool, convolution, norm = model.layer2[0].downsample
    assert (type(pool), convolution.kernel_size, type(norm)) == (nn.AvgPool2d, (1, 1), nn.BatchNorm2d)
    assert isinstance(model.layer2[1].downsample if len(model.layer2) > 1 else nn.Identity(), nn.Identity)


@pytest.mark.parametrize("block", ["preactivation", "postactivation"])
def test_zero_init_makes_a_block_its_shortcut(block):
    model = WideResNet(depth=16, width=1, num_classes=3, image_size=(8, 8), block=block, zero_init_residual=True)
    x = torch.rand(4, 16, 8, 8)
    assert torch.equal(model.layer1[1](x), x)


def test_a_depth_that_is_not_6n_plus_4_names_the_nearest():
    with pytest.raises(UserError, match=r"model\.depth=27 .*: 28$"):
        WideResNet(depth=27, num_classes=10, image_size=(32, 32))
