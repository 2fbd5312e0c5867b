import json

import torch
from torch import nn

from recipelab.models.resnet import resnet18
from recipelab.models.resnet_cifar import resnet20
from recipelab.models.summary import Row, summary


def convolution_flops(channels_in: int, channels_out: int, side: int, kernel: int = 3) -> int:
    return 2 * channels_in * channels_out * kernel**2 * side**2


def test_resnet20_by_hand():
    found = summary(resnet20(num_classes=10), (32, 32), 3)
    assert (found.trainable, found.parameters) == (269_722, 269_722)
    assert found.buffers == 2 * (7 * 16 + 6 * 32 + 6 * 64) + 19
    stem = convolution_flops(3, 16, 32)
    first = 6 * convolution_flops(16, 16, 32)
    second = convolution_flops(16, 32, 16) + 5 * convolution_flops(32, 32, 16)
    third = convolution_flops(32, 64, 8) + 5 * convolution_flops(64, 64, 8)
    assert [row.flops for row in found.rows] == [stem, 0, first, second, third, 2 * 64 * 10]
    assert found.flops == stem + first + second + third + 2 * 64 * 10
    assert [row.name for row in found.rows] == ["conv1", "bn1", "layer1", "layer2", "layer3", "fc"]
    assert [row.output_shape for row in found.rows[2:]] == [(16, 32, 32), (32, 16, 16), (64, 8, 8), (10,)]
    assert sum(row.parameters for row in found.rows) == 269_722


def test_resnet18_at_224_has_the_published_1_8_billion_multiply_adds():
    found = summary(resnet18(num_classes=1000, image_size=(224, 224)), (224, 224), 3)
    assert round(found.flops / 2e9, 2) == 1.81


class Odd(nn.Module):
    """One child is never called, one returns a tuple, one is shared under two names, one is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.pair = nn.LSTM(4, 4, batch_first=True)
        self.one = nn.Linear(4, 4)
        self.two = self.one
        self.frozen = nn.Linear(4, 2).requires_grad_(False)

    def forward(self, x):
        x, _ = self.pair(x.flatten(2))
        return self.frozen(self.two(self.one(x.mean(1) + torch.rand(()))))


def test_odd_models():
    found = summary(Odd(), (2, 2), 1)
    rows = {row.name: row for row in found.rows}
    assert rows["unused"] == Row("unused", "Linear", None, 12, 0)
    assert rows["pair"].output_shape is None
    assert rows["frozen"] == Row("frozen", "Linear", (2,), 10, 2 * 4 * 2)  # saves nothing: its weights need no gradient
    assert found.parameters - found.trainable == 10
    assert found.parameters == 12 + 160 + 20 + 10


def test_model_mode_statistics_and_generator_are_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LazyLinear(3))
    model(torch.randn(2, 1, 5, 5))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    summary(model, (5, 5), 1)
    summary(Odd(), (2, 2), 1)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model[0]._forward_hooks
    Odd()  # building draws; only the summary must not
    torch.set_rng_state(state)
    summary(model, (5, 5), 1)
    assert torch.equal(torch.get_rng_state(), state)


def test_table_is_text_with_heading_and_total():
    table = summary(resnet20(num_classes=10), (32, 32), 3).table()
    assert table[0] == ("layer", "type", "output", "parameters", "FLOPs", "activations")
    assert table[1] == ("conv1", "Conv2d", "16x32x32", "432", "884,736", "0.01 MiB")
    assert table[-1][:-1] == ("total", "ResNetCifar", "", "269,722", "81,102,080")
    assert float(table[-1][-1].removesuffix(" MiB")) > 1


def test_activations_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10), nn.Tanh())
    found = summary(model, (8, 8), 3)
    kept = {row.name: row.activations for row in found.rows}
    # The convolution keeps its input; ReLU its output, which is the linear layer's input, too; tanh its output.
    assert kept == {"0": 3 * 64 * 4, "1": 4 * 64 * 4, "2": 0, "3": 0, "4": 10 * 4}
    assert found.activations == sum(kept.values())


def test_activation_checkpointing_keeps_less():
    kept = [
        summary(resnet20(num_classes=10, activation_checkpointing=again).train(), (32, 32), 3).activations
        for again in (False, True)
    ]
    assert kept[1] < kept[0] / 3


def test_what_the_record_keeps_is_plain():
    found = summary(resnet20(num_classes=10), (8, 8), 3).plain()
    assert found["stages"][2]["name"] == "layer1"
    assert json.loads(json.dumps(found)) == found
