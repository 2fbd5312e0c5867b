"""The fast crop against a plain one, sample by sample, and what must hold for any draws."""

import pytest
import torch
import torchvision.transforms.v2.functional as vision
from torch.nn.functional import pad

from recipelab.augment import crop_flip
from recipelab.augment.crop_flip import pad_crop_flip
from recipelab.core.errors import UserError

CASES = [
    # batch, channels, image size, padding
    (7, 3, (32, 32), 4),
    (5, 1, (8, 8), 1),
    (6, 2, (9, 14), 3),
    (6, 3, (14, 9), 8),
    (1, 3, (6, 5), 2),
    (4, 1, (11,), 4),
    (5, 2, (16,), 3),
    (4, 3, (5, 6, 7), 2),
    (3, 1, (4, 4, 4), 3),
    (4, 3, (7, 8), 0),
]
# torch reflects three dimensions at most, and never more pixels than there are.
ONLY_ZEROS = [(3, 2, (3, 4, 5, 4), 2), (9, 3, (5, 3), 6), (9, 1, (3,), 7)]


def make(batch, channels, size, padding, seed=0):
    """Random images in channels-last memory order, and random draws."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (batch, *size, channels), dtype=torch.uint8, generator=rng).movedim(-1, 1)
    offsets = torch.randint(0, 2 * padding + 1, (batch, len(size)), generator=rng)
    return images, offsets, torch.rand(batch, generator=rng) < 0.5


def plain(images, offsets, flip, padding, padding_mode):
    """The twin: pad one image, slice it, mirror it."""
    mode = {"zeros": "constant", "reflect": "reflect"}[padding_mode]
    done = []
    for image, offset, mirrored in zip(images.double(), offsets.tolist(), flip.tolist(), strict=True):
        padded = pad(image[None], [padding] * 2 * (image.ndim - 1), mode=mode)[0]
        for dim, (begin, size) in enumerate(zip(offset, image.shape[1:], strict=True), start=1):
            padded = padded.narrow(dim, begin, size)
        done.append(padded.flip(-1) if mirrored else padded)
    return torch.stack(done).to(torch.uint8)


@pytest.mark.parametrize(
    ("batch", "channels", "size", "padding", "padding_mode"),
    [(*case, "zeros") for case in [*CASES, *ONLY_ZEROS]] + [(*case, "reflect") for case in CASES],
)
def test_equals_plain_twin(batch, channels, size, padding, padding_mode):
    for seed in range(5):
        images, offsets, flip = make(batch, channels, size, padding, seed)
        made = pad_crop_flip(images, offsets, flip, padding=padding, padding_mode=padding_mode)
        assert torch.equal(made, plain(images, offsets, flip, padding, padding_mode))


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
def test_equals_torchvision(padding_mode):
    images, offsets, flip = make(16, 3, (20, 12), 4)
    made = pad_crop_flip(images, offsets, flip, padding=4, padding_mode=padding_mode)
    for image, (top, left), mirrored, got in zip(images, offsets.tolist(), flip.tolist(), made, strict=True):
        padded = vision.pad(image, [4], padding_mode="constant" if padding_mode == "zeros" else "reflect")
        wanted = vision.crop(padded, top, left, 20, 12)
        assert torch.equal(got, vision.horizontal_flip(wanted) if mirrored else wanted)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
def test_every_offset(padding_mode):
    """All 7 x 7 places, plain and mirrored: the corners are where an index goes astray."""
    places = torch.cartesian_prod(torch.arange(7), torch.arange(7), torch.arange(2))
    image, _, _ = make(1, 2, (6, 5), 3)
    images = image.movedim(1, -1).expand(len(places), -1, -1, -1).contiguous().movedim(-1, 1)
    offsets, flip = places[:, :2], places[:, 2].bool()
    made = pad_crop_flip(images, offsets, flip, padding=3, padding_mode=padding_mode)
    assert torch.equal(made, plain(images, offsets, flip, 3, padding_mode))


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
def test_mirroring_all_or_only_the_chosen_is_the_same(monkeypatch, padding_mode):
    """The way of a GPU, run on the CPU."""
    images, offsets, flip = make(9, 3, (8, 7), 2)
    chosen = pad_crop_flip(images, offsets, flip, padding=2, padding_mode=padding_mode)
    monkeypatch.setattr(crop_flip, "_mirror_chosen", crop_flip._mirror_all)
    assert torch.equal(chosen, pad_crop_flip(images, offsets, flip, padding=2, padding_mode=padding_mode))


@pytest.mark.parametrize("wanted", [True, False])
def test_all_or_none_mirrored(wanted):
    images, _, _ = make(4, 3, (8, 8), 2)
    middle, flip = torch.full((4, 2), 2), torch.full((4,), wanted)
    made = pad_crop_flip(images, middle, flip, padding=2)
    assert torch.equal(made, images.flip(-1) if wanted else images)


def test_memory_order_in_and_out():
    images, offsets, flip = make(4, 3, (8, 6), 2)
    made = pad_crop_flip(images, offsets, flip, padding=2)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pad_crop_flip(images.contiguous(), offsets, flip, padding=2), made)


def test_input_is_not_written():
    images, offsets, flip = make(4, 3, (8, 6), 2)
    before = images.clone()
    made = pad_crop_flip(images, offsets, flip, padding=2, padding_mode="reflect")
    made.zero_()
    assert torch.equal(images, before)


def test_samples_do_not_see_each_other():
    images, offsets, flip = make(10, 3, (8, 6), 4)
    whole = pad_crop_flip(images, offsets, flip, padding=4)
    for size in (1, 3, 7):
        parts = zip(images.split(size), offsets.split(size), flip.split(size), strict=True)
        assert torch.equal(torch.cat([pad_crop_flip(*part, padding=4) for part in parts]), whole)


def test_reflection_wider_than_the_image_is_refused():
    images, offsets, flip = make(2, 1, (8, 4), 4)
    with pytest.raises(UserError, match=r"augment\.padding=4 .* 8x4 .* 3 pixels at most.*padding_mode=zeros"):
        pad_crop_flip(images, offsets, flip, padding=4, padding_mode="reflect")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
@pytest.mark.parametrize("size", [(32, 32), (11,), (5, 6, 7)])
def test_gpu_gives_the_same_bits_and_waits_for_nothing(size, padding_mode):
    images, offsets, flip = make(64, 3, size, 3)
    stored = images.movedim(1, -1).cuda().movedim(-1, 1)
    device_offsets, device_flip = offsets.cuda(), flip.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        made = pad_crop_flip(stored, device_offsets, device_flip, padding=3, padding_mode=padding_mode)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(made.cpu(), pad_crop_flip(images, offsets, flip, padding=3, padding_mode=padding_mode))
