import pytest
import torch
from pytorchcv.models.pyramidnet_cifar import get_pyramidnet_cifar
from torch import nn

from parity import assert_same_function, parameters
from recipelab.core.errors import UserError
from recipelab.models.pyramidnet import PyramidNet, pyramidnet110, pyramidnet272
from recipelab.testing import check_model


def test_parameter_counts():
    with torch.device("meta"):
        basic = parameters(pyramidnet110(num_classes=10, image_size=(32, 32)))
        bottleneck = parameters(pyramidnet272(num_classes=10, image_size=(32, 32)))
        assert basic == parameters(get_pyramidnet_cifar(num_classes=10, blocks=110, alpha=270, bottleneck=False))
        assert bottleneck == parameters(get_pyramidnet_cifar(num_classes=10, blocks=272, alpha=200, bottleneck=True))
    # Han, Kim, Kim 2016, table 4: 28.3 M and 26.0 M, for weights of convolutions.
    assert basic == 28_485_477
    assert bottleneck == 26_210_842
    assert basic / 28.3e6 == pytest.approx(1, abs=0.01)
    assert bottleneck / 26.0e6 == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("depth", "bottleneck"), [(20, False), (29, True)])
def test_it_computes_what_pytorchcvs_does(depth, bottleneck):
    theirs = get_pyramidnet_cifar(num_classes=10, blocks=depth, alpha=25, bottleneck=bottleneck)
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    ours = PyramidNet(depth=depth, alpha=25, num_classes=10, image_size=(15, 16), bottleneck=bottleneck)
    assert_same_function(ours, theirs, torch.randn(3, 3, 15, 16))


@pytest.mark.parametrize("size", [(24,), (9, 8), (6, 8, 4)])
@pytest.mark.parametrize(("depth", "bottleneck"), [(8, False), (11, True)])
def test_it_is_a_model_in_every_dimension(size, depth, bottleneck):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "depth": depth, "width": 4}
    check_model(
        lambda: PyramidNet(num_classes=5, alpha=9.0, bottleneck=bottleneck, **options),
        image_size=size,
        input_channels=2,
    )


def test_zero_init_makes_a_block_its_padded_shortcut():
    model = PyramidNet(depth=14, alpha=12.0, num_classes=3, image_size=(8, 8), zero_init_residual=True)
    x = torch.randn(4, 18, 8, 8)
    out = model.layer1[1](x)
    assert torch.equal(out[:, :18], x)
    assert not out[:, 18:].any()


@pytest.mark.parametrize(("bottleneck", "layers", "near"), [(False, 6, 110), (True, 9, 110)])
def test_a_depth_that_does_not_fit_names_the_nearest(bottleneck, layers, near):
    with pytest.raises(UserError, match=rf"model\.depth=111 is not {layers}n \+ 2.*: {near}$"):
        PyramidNet(depth=111, num_classes=10, image_size=(32, 32), bottleneck=bottleneck)
