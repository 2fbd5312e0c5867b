"""CutMix: boxes, areas, targets."""

import pytest
import torch

from recipelab.core.generators import seed_step
from recipelab.mix.cutmix import CutMix, cutmix, draw_boxes, kept
from recipelab.testing import check_mix

CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [(9,), (8, 6), (4, 5, 6)])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_box_comes_from_the_partner_and_lambda_is_what_is_left(size, per):
    """Images that hold their label: the share of pixels that still do is lambda."""
    labels = torch.arange(8)
    images = labels.float().view(8, 1, *[1] * len(size)).expand(8, 2, *size).contiguous()
    for step in range(20):
        seed_step(3, step, CPU)
        mixed, target = CutMix(per=per)(images, labels)
        assert target.weight.shape == ((8,) if per == "sample" else ())
        weight = target.weight.expand(8)
        for index in range(8):
            own = (mixed[index] == labels[index]).float().mean()
            other = (mixed[index] == target.second[index]).float().mean()
            assert own + other == pytest.approx(1 if target.second[index] != index else 2, abs=1e-5)
            if target.second[index] != index:
                assert own == pytest.approx(float(weight[index]), abs=1e-5)


@pytest.mark.parametrize("size", [(8,), (8, 8)])
def test_one_box_for_all_is_the_same_box_for_each(size):
    images, permutation = torch.randn(6, 2, *size), torch.tensor([3, 0, 2, 5, 1, 4])
    box = torch.tensor([[2, 5]] * len(size))
    assert torch.equal(cutmix(images, permutation, box), cutmix(images, permutation, box.expand(6, -1, -1)))


def test_memory_order_is_kept_and_nothing_is_written_into():
    images = torch.randn(6, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    for per in ("batch", "sample"):
        mixed, _ = CutMix(per=per)(images, torch.arange(6))
        assert mixed.stride() == images.stride()
    assert torch.equal(images, before)


def test_boxes_have_the_area_of_lambda_and_are_clipped():
    weight = torch.full((20_000,), 0.75, dtype=torch.float64)
    torch.default_generator.manual_seed(0)
    boxes = draw_boxes(weight, torch.Size([32, 32]))
    edges = boxes[..., 1] - boxes[..., 0]
    assert edges.max() == 16
    assert int(boxes.min()) == 0
    assert int(boxes.max()) == 32
    # A box of 16 centred on any of 32 places shows 14 of its pixels on average on each axis: 8 at the edge, 16 inside.
    assert abs(float(edges.double().mean()) - 14) < 0.1
    assert torch.allclose(kept(boxes, torch.Size([32, 32])).double(), 1 - edges.prod(-1).double() / 1024)
    nothing = draw_boxes(torch.ones(3, dtype=torch.float64), torch.Size([32, 32]))
    assert torch.equal(kept(nothing, torch.Size([32, 32])), torch.ones(3))


def test_a_batch_is_mixed_with_its_probability():
    images, labels = torch.randn(4, 1, 8, 8), torch.arange(4)
    slot, mixed = CutMix(probability=0.3), 0
    for step in range(1000):
        seed_step(5, step, CPU)
        mixed += slot(images, labels)[1].second is not None
    assert abs(mixed / 1000 - 0.3) < 5 * (0.21 / 1000) ** 0.5


def test_regression_blends_the_targets():
    images, targets = torch.randn(4, 1, 8, 8), torch.rand(4, 3)
    seed_step(1, 1, CPU)
    _, target = CutMix(per="sample")(images, targets)
    assert target.second is None
    assert target.first.shape == (4, 3)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_contract(per):
    check_mix(CutMix(per=per), image_size=(8, 8), input_channels=3, num_classes=10)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_gpu_mixes_as_the_cpu_and_waits_for_nothing(per):
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8)
    seed_step(1, 0, CPU)
    wanted, _ = CutMix(per=per)(images, labels)
    device_images, device_labels = images.cuda(), labels.cuda()
    seed_step(1, 0, CPU)
    torch.cuda.set_sync_debug_mode("error")
    try:
        mixed, _ = CutMix(per=per)(device_images, device_labels)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(mixed.cpu(), wanted)
