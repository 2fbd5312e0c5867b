"""Mixup: formula, draws, targets."""

from importlib.resources import files

import pytest
import torch
import yaml

from recipelab.core.generators import seed_step
from recipelab.mix.mixup import Mixup, mixup

CPU = torch.device("cpu")


def batch(count=6, channels=3, size=(5, 4), seed=0):
    rng = torch.Generator().manual_seed(seed)
    images = torch.randn(count, *size, channels, generator=rng).movedim(-1, 1)
    return images, torch.randint(10, (count,), generator=rng)


@pytest.mark.parametrize(("channels", "size"), [(3, (5, 4)), (1, (7,)), (2, (3, 4, 5))])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_formula(channels, size, weight):
    images, _ = batch(channels=channels, size=size)
    permutation = torch.tensor([3, 0, 2, 5, 1, 4])
    made = mixup(images, permutation, torch.tensor(weight))
    for index, partner in enumerate(permutation.tolist()):
        torch.testing.assert_close(made[index], weight * images[index] + (1 - weight) * images[partner])


@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format])
def test_memory_order_is_kept(order):
    images = batch()[0].contiguous(memory_format=order)
    made = mixup(images, torch.randperm(6), torch.tensor(0.3))
    assert made.stride() == images.stride()


def test_targets_go_with_their_images():
    """Images that hold their label show whether labels, permutation and lambda belong together."""
    labels = torch.arange(8)
    images = labels.float().view(8, 1, 1, 1).expand(8, 3, 4, 4).contiguous()
    seed_step(1, 0, CPU)
    mixed, target = Mixup(alpha=1.0)(images, labels)
    assert torch.equal(target.first, labels)
    assert not torch.equal(target.second, labels)
    torch.testing.assert_close(target.blend(lambda label: label.float()), mixed[:, 0, 0, 0])


def test_step_seed_decides():
    images, labels = batch()
    made = []
    for step in (5, 5, 6):
        seed_step(123, step, CPU)
        made.append(Mixup()(images, labels))
    assert torch.equal(made[0][0], made[1][0])
    assert torch.equal(made[0][1].second, made[1][1].second)
    assert not torch.equal(made[0][0], made[2][0])


def test_lambda_has_the_variance_of_its_beta():
    """Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)); neighbouring step seeds must not be correlated."""
    images, labels = batch(count=2, size=(1,))
    for alpha in (0.2, 1.0):
        slot, drawn = Mixup(alpha=alpha), []
        for step in range(2000):
            seed_step(77, step, CPU)
            drawn.append(slot(images, labels)[1].weight)
        weights = torch.stack(drawn).double()
        variance = 1 / (4 * (2 * alpha + 1))
        assert abs(weights.mean().item() - 0.5) < 5 * (variance / 2000) ** 0.5
        assert weights.var().item() == pytest.approx(variance, rel=0.1)
        assert abs(torch.corrcoef(torch.stack([weights[1:], weights[:-1]]))[0, 1].item()) < 5 / 2000**0.5


def test_batch_of_one_is_itself():
    images, labels = batch(count=1)
    mixed, target = Mixup()(images, labels)
    assert torch.equal(mixed, images)
    assert torch.equal(target.second, labels)


def test_input_is_not_written():
    images, labels = batch()
    before = images.clone()
    mixed, _ = Mixup(alpha=1.0)(images, labels)
    assert torch.equal(images, before)
    assert not torch.equal(mixed, before)


def test_a_lambda_for_every_sample():
    images, labels = batch(count=8)
    seed_step(1, 0, CPU)
    mixed, target = Mixup(alpha=1.0, per="sample")(images, labels)
    assert target.weight.shape == (8,)
    assert len(target.weight.unique()) == 8
    seed_step(1, 0, CPU)
    Mixup(alpha=1.0, per="sample").beta.sample((8,))
    partners = images[torch.randperm(8)]
    wide = target.weight.view(-1, 1, 1, 1)
    torch.testing.assert_close(mixed, wide * images + (1 - wide) * partners)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_targets_of_a_regression_are_mixed_themselves(per):
    """Images that hold their target stay so."""
    targets = torch.rand(8, 2)
    images = targets[:, :, None, None].expand(8, 2, 4, 4).contiguous()
    seed_step(1, 0, CPU)
    mixed, target = Mixup(alpha=1.0, per=per)(images, targets)
    assert target.second is None
    torch.testing.assert_close(target.first, mixed[:, :, 0, 0])
    assert not torch.equal(target.first, targets)


def test_yaml():
    node = yaml.safe_load(files("recipelab").joinpath("conf/mix/mixup.yaml").read_text())
    assert node == {"_target_": "recipelab.mix.mixup.Mixup", "alpha": 0.2, "per": "batch", "off_after": None}
    assert yaml.safe_load(files("recipelab").joinpath("conf/mix/none.yaml").read_text()) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_mixes_as_the_cpu_and_waits_for_nothing():
    images, labels = batch()
    seed_step(1, 0, CPU)
    wanted, wanted_target = Mixup()(images, labels)
    device_images, device_labels = images.cuda(), labels.cuda()
    seed_step(1, 0, CPU)
    torch.cuda.set_sync_debug_mode("error")
    try:
        mixed, target = Mixup()(device_images, device_labels)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(mixed.cpu(), wanted)
    assert torch.equal(target.second.cpu(), wanted_target.second)
