import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.resnet_cifar import PadShortcut, ResNetCifar, resnet20, resnet32, resnet44, resnet56


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_parameter_counts_are_the_published_ones():
    built = [build(num_classes=10) for build in (resnet20, resnet32, resnet44, resnet56)]
    assert [parameters(model) for model in built] == [269_722, 464_154, 658_586, 853_018]
    assert parameters(ResNetCifar(depth=110, num_classes=10)) == 1_727_962


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (3, (32, 32)), (3, (9, 14))])
def test_any_size_and_channels_and_a_batch_of_one(channels, size):
    model = resnet20(num_classes=7, input_channels=channels).eval()
    assert model(torch.randn(1, channels, *size)).shape == (1, 7)


def test_shortcut_is_every_second_pixel_between_zero_channels():
    x = torch.randn(2, 3, 5, 4)
    plain = torch.zeros(2, 7, 3, 2)
    for i in range(3):
        for j in range(2):
            plain[:, 2:5, i, j] = x[:, :, 2 * i, 2 * j]
    assert torch.equal(PadShortcut(2)(x), plain)


def reference_forward(model: ResNetCifar, x: torch.Tensor) -> torch.Tensor:
    """The paper's network out of place and in one function, from the model's weights."""
    weights = model.state_dict()

    def conv_bn(x: torch.Tensor, name: str, number: int, stride: int = 1) -> torch.Tensor:
        x = F.conv2d(x, weights[f"{name}conv{number}.weight"], None, stride, 1)
        entries = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(weights[f"{name}bn{number}.{entry}"] for entry in entries), training=False)

    x = conv_bn(x, "", 1).relu()
    for stage, channels in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            down = stage > 1 and block == 0
            name = f"layer{stage}.{block}."
            out = conv_bn(conv_bn(x, name, 1, 2 if down else 1).relu(), name, 2)
            if down:
                zeros = torch.zeros(len(x), channels // 4, *out.shape[2:])
                x = torch.cat((zeros, x[:, :, ::2, ::2], zeros), dim=1)
            x = (x + out).relu()
    return F.adaptive_avg_pool2d(x, 1).flatten(1) @ weights["fc.weight"].T + weights["fc.bias"]


def test_forward_equals_the_plain_reference():
    model = resnet20(num_classes=10)
    model.train()(torch.randn(64, 3, 16, 16))  # batch statistics that are not 0 and 1
    model.eval()
    x = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(model(x), reference_forward(model, x), rtol=1e-4, atol=1e-4)


def test_a_gradient_reaches_every_parameter_and_the_input_is_left_alone():
    model = resnet20(num_classes=10)
    x = torch.randn(4, 3, 16, 16)
    before = x.clone()
    F.cross_entropy(model(x), torch.tensor([0, 1, 2, 3])).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert torch.equal(x, before)


def test_channels_last_stays_channels_last_through_the_shortcut():
    x = torch.randn(2, 16, 8, 8).to(memory_format=torch.channels_last)
    assert PadShortcut(8)(x).is_contiguous(memory_format=torch.channels_last)


def test_a_deep_copy_is_equal_and_apart():
    model = resnet20(num_classes=10).eval()
    twin = copy.deepcopy(model)
    x = torch.randn(2, 3, 16, 16)
    before = twin(x)
    with torch.no_grad():
        model.fc.weight.zero_()
    assert torch.equal(twin(x), before)
    assert not torch.equal(model(x), before)


@pytest.mark.parametrize(("initialization", "variance"), [("kaiming", 2.0), ("default", 1 / 3)])
def test_initialization_has_the_documented_variance(initialization, variance):
    torch.manual_seed(0)
    model = resnet20(num_classes=10, initialization=initialization)
    weight = model.layer3[2].conv2.weight
    assert weight.var().item() * 64 * 9 == pytest.approx(variance, rel=0.05)


def test_a_depth_that_is_not_6n_plus_2_names_the_nearest():
    with pytest.raises(UserError, match=r"model\.depth=19 .*: 20$"):
        ResNetCifar(depth=19, num_classes=10)
