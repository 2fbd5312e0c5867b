import pytest
import torch
import torchvision
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.resnet import resnet18
from recipelab.models.vgg import VGG
from recipelab.models.weights import adapt_channels, load


def small(**options: object) -> nn.Module:
    return resnet18(num_classes=4, image_size=(96, 96), **options)


def test_torchvisions_weights_give_torchvisions_function():
    theirs = torchvision.models.resnet18(weights=None, num_classes=4).eval()
    ours = small()
    report = load(ours, theirs.state_dict(), "file")
    assert (report.new, report.left_out, report.adapted) == ([], [], [])
    x = torch.randn(2, 3, 96, 96)
    torch.testing.assert_close(ours.eval()(x), theirs(x), rtol=1e-4, atol=1e-4)
    assert report.lines() == [f"weights: file: {len(report.loaded)} tensors loaded"]


def test_another_number_of_classes_gives_a_new_head_and_the_report_says_so():
    theirs = torchvision.models.resnet18(weights=None, num_classes=1000)
    ours = small()
    head = ours.fc.weight.clone()
    report = load(ours, theirs.state_dict(), "file")
    assert report.new == report.left_out == ["fc.weight", "fc.bias"]
    assert torch.equal(ours.fc.weight, head)
    assert torch.equal(ours.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    assert report.lines()[1:] == ["  not in it, new: fc.weight, fc.bias", "  left out: fc.weight, fc.bias"]
    assert report.plain()["loaded"] == len(report.loaded)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_the_first_convolution_is_adapted_so_that_equal_channels_give_the_same(channels):
    theirs = torchvision.models.resnet18(weights=None, num_classes=4).eval()
    ours = small(input_channels=channels)
    report = load(ours, theirs.state_dict(), "file")
    assert report.adapted == ["conv1.weight"]
    grey = torch.randn(2, 1, 96, 96)
    if channels in (1, 6):  # else some of the old channels count more than others
        given = grey.expand(2, channels, 96, 96)
        torch.testing.assert_close(ours.eval()(given), theirs(grey.expand(2, 3, 96, 96)), rtol=1e-3, atol=1e-3)
    assert adapt_channels(torch.ones(1, 3, 3, 3), channels).sum() == pytest.approx(27)


def test_a_kernel_of_another_size_is_new():
    report = load(resnet18(num_classes=4, image_size=(32, 32)), small().state_dict(), "file")
    assert report.new == report.left_out == ["conv1.weight"]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "model._orig_mod."])
def test_prefixes_of_wrappers_do_not_matter(prefix):
    state = {f"{prefix}{key}": value for key, value in small().state_dict().items()}
    report = load(small(), state, "file")
    assert (report.new, report.left_out) == ([], [])


def test_a_technique_of_its_own_is_new():
    report = load(small(squeeze_excitation=True), small().state_dict(), "file")
    assert report.new
    assert all("branch" in key for key in report.new)


def test_vgg_takes_torchvisions_convolutions_and_leaves_out_the_rest():
    theirs = torchvision.models.vgg11_bn(weights=None)
    ours = VGG(depth=11, num_classes=4, image_size=(64, 64))
    report = load(ours, theirs.state_dict(), "file")
    assert report.new == ["fc.weight", "fc.bias"]
    assert all(key.startswith("classifier.") for key in report.left_out)
    assert torch.equal(ours.features[0].weight, theirs.features[0].weight)


@pytest.mark.parametrize("other", [small(width=32), VGG(depth=11, num_classes=4, image_size=(64, 64), width=8)])
def test_weights_of_another_network_are_refused_and_nothing_is_changed(other):
    model = small()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserError, match="file: the weights are of another model"):
        load(model, other.state_dict(), "file")
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
