import pytest
import timm
import torch
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.cnn import CNN
from recipelab.models.freeze import Freezing, parameter_names
from recipelab.models.resnet import ResNet
from recipelab.models.torchvision_models import convnext


def network() -> ResNet:
    torch.manual_seed(0)
    return ResNet(depth=10, num_classes=3, image_size=(8, 8), width=4)


def trained(model: nn.Module) -> set[str]:
    return {key.split(".")[0] for key, p in model.named_parameters() if p.requires_grad}


def test_frozen_parts_are_neither_updated_nor_decayed_nor_their_statistics_moved():
    model = network()
    Freezing(model, ["stem", "layer1"], [None, None])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(8, 3, 8, 8)).square().sum().backward()
        optimizer.step()
    changed = {key.split(".")[0] for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"layer2", "layer3", "layer4", "fc"}


def test_parts_thaw_at_their_steps_and_any_order_of_calls_gives_the_same():
    model = network()
    freezing = Freezing(model, ["stem", "layer1", "fc"], [20, 10, None])
    rest = {"layer2", "layer3", "layer4"}
    expected = {0: rest, 9: rest, 10: rest | {"layer1"}, 19: rest | {"layer1"}, 20: rest | {"layer1", "conv1", "bn1"}}
    for step in (0, 9, 10, 19, 20, 10, 20, 0):  # a resumed training begins anywhere
        freezing(step)
        assert trained(model) == expected[step]
        assert model.bn1.training == (step >= 20)
        assert model.layer1[0].bn1.training == (step >= 10)
        assert model.training


def test_what_two_parts_share_stays_frozen_until_both_are_thawed():
    model = network()
    freezing = Freezing(model, ["layer1", "layer1.0.conv1"], [1, 5])
    freezing(1)
    assert not model.layer1[0].conv1.weight.requires_grad
    assert model.layer1[0].conv2.weight.requires_grad
    freezing(5)
    assert model.layer1[0].conv1.weight.requires_grad


def test_a_batch_norm_is_frozen_only_with_its_own_parameters():
    model = network()
    Freezing(model, ["layer1.0.conv1"], [None])
    assert model.layer1[0].bn1.training


@pytest.mark.parametrize(
    ("model", "first"),
    [
        (network(), {"conv1.weight", "bn1.weight", "bn1.bias"}),
        (CNN(num_classes=3, width=4), {"stem.conv.weight", "stem.bn.weight", "stem.bn.bias"}),
        (timm.create_model("resnet10t", num_classes=3), None),
        (
            convnext(num_classes=3, image_size=(32, 32), width=0.1, depth=0.1),
            {"features.0.0.weight", "features.0.0.bias", "features.0.1.weight", "features.0.1.bias"},
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 3)), {"0.weight", "0.bias"}),
    ],
)
def test_stem_and_backbone_of_all_kinds_of_models(model, first):
    stem, backbone = set(parameter_names(model, "stem")), set(parameter_names(model, "backbone"))
    assert stem
    assert stem <= backbone
    assert first is None or stem == first
    assert {key for key, _ in model.named_parameters()} - backbone == {
        key for key, p in model.named_parameters() if p.shape[0] == 3 and key.rpartition(".")[2] in ("weight", "bias")
    }


def test_a_name_that_is_no_part_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"'layr1' is no part of the model\n  did you mean: layer1\n  parts: stem,"):
        Freezing(network(), ["layr1"], [None])
