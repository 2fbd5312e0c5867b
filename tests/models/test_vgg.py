import pytest
import torch
import torchvision
from torch import nn

from parity import assert_same_function, parameters
from recipelab.core.errors import UserError
from recipelab.models.vgg import VGG, vgg16, vgg19
from recipelab.testing import check_model


def test_parameter_counts():
    with torch.device("meta"):
        for build, name, count in ((vgg16, "vgg16_bn", 14_723_136), (vgg19, "vgg19_bn", 20_035_392)):
            ours = build(num_classes=10, image_size=(32, 32))
            assert parameters(ours.features) == parameters(getattr(torchvision.models, name)().features)
            # kuangliu/pytorch-cifar prints 14,728,266 for its VGG16, with the linear layer from 512 to 10.
            assert (parameters(ours.features), parameters(ours.fc)) == (count, 5130)


def test_it_computes_what_torchvisions_convolutions_do():
    theirs = torchvision.models.vgg11_bn(weights=None)
    theirs.avgpool, theirs.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 4)
    ours = VGG(depth=11, num_classes=4, image_size=(65, 65))
    assert_same_function(ours, theirs, torch.randn(3, 3, 65, 65), names={"fc": "classifier"})


@pytest.mark.parametrize("size", [(24,), (9, 8), (6, 8, 4)])
@pytest.mark.parametrize("again", [False, True])
def test_it_is_a_model_in_every_dimension(size, again):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "width": 4, "depth": 11}
    check_model(
        lambda: VGG(num_classes=5, activation_checkpointing=again, **options), image_size=size, input_channels=2
    )


@pytest.mark.parametrize(("layout", "depth"), [([2, 3, 5, 5], 15), ([3, 4, 5, 6], 18)])
def test_other_layouts(layout, depth):
    with torch.device("meta"):
        model = VGG(layout=layout, num_classes=10, image_size=(32, 32))
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    kinds = [type(layer) for layer in model.features]
    assert kinds.count(nn.Conv2d) == depth
    assert kinds.count(nn.MaxPool2d) == 4


def test_small_images_are_pooled_as_often_as_they_can_be():
    pools = [
        sum(isinstance(m, nn.MaxPool2d) for m in VGG(num_classes=2, image_size=(side, side), width=2).modules())
        for side in (4, 8, 32, 224)
    ]
    assert pools == [2, 3, 5, 5]
    with pytest.raises(UserError, match=r"model\.small_input=false pools 5 times and needs 32 pixels"):
        VGG(num_classes=2, image_size=(8, 8), small_input=False)


def test_another_depth_is_refused():
    with pytest.raises(UserError, match=r"model\.depth=17.*11, 13, 16, 19"):
        VGG(depth=17, num_classes=2, image_size=(32, 32))
