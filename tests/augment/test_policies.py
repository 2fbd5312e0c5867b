"""What holds of every policy and every primitive, whatever it does to images."""

import pytest
import torch

from pil_reference import random_images
from recipelab.augment.autoaugment import autoaugment
from recipelab.augment.cutout import cutout
from recipelab.augment.finetune import finetune
from recipelab.augment.heavy import heavy
from recipelab.augment.imagenet import imagenet
from recipelab.augment.listed import listed
from recipelab.augment.primitives import PRIMITIVES
from recipelab.augment.randaugment import randaugment
from recipelab.augment.randaugment_uda import randaugment_uda
from recipelab.augment.trivialaugment import trivialaugment
from recipelab.core.errors import UserError
from recipelab.core.generators import generator
from recipelab.testing import check_augment

POLICIES = {
    "cutout": lambda **facts: cutout(size=8, **facts),
    "autoaugment": autoaugment,
    "randaugment": randaugment,
    "randaugment_uda": randaugment_uda,
    "trivialaugment": trivialaugment,
    "heavy": heavy,
    "finetune": lambda **facts: finetune(resize=24, crop=20, eval=None, **facts),
    "imagenet": lambda **facts: imagenet(size=20, policy="randaugment", erasing=0.5, **facts),
}
OFF = {
    "cutout": lambda **facts: cutout(size=0, padding=0, flip=0.0, **facts),
    "randaugment": lambda **facts: randaugment(num_ops=0, padding=0, flip=0.0, cutout=0, **facts),
    "randaugment_uda": lambda **facts: randaugment_uda(p=0.0, padding=0, flip=0.0, cutout=0, **facts),
    "heavy": lambda **facts: heavy(erasing=0.0, padding=0, flip=0.0, **facts),
}

FLAT = {"rotate", "shear", "affine", "random_erasing", "sharpness", "random_resized_crop", "resize_crop"}


def facts(size, channels):
    return {"image_size": size, "input_channels": channels, "mean": (0.4,) * channels}


def built(name, image_size, channels, **options):
    return listed(ops=[{"name": name, **options}], **facts(image_size, channels))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(("size", "channels"), [((32, 32), 3), ((20, 28), 1), ((9, 17), 2)])
def test_policies_keep_the_contract(name, size, channels):
    policy = POLICIES[name](**facts(size, channels))
    check_augment(policy, image_size=size, input_channels=channels)
    one = random_images(1, size, channels)
    made = policy(one, policy.draw(1, generator(0, "augment")))
    assert made.shape[:2] == (1, channels)
    assert made.dtype == torch.uint8


@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize(("size", "channels"), [((16, 24), 3), ((19, 17), 1)])
def test_primitives_keep_the_contract(name, size, channels):
    options = {"random_resized_crop": {"size": 6}, "resize_crop": {"resize": 9, "crop": 6}, "cutout": {"size": 4}}
    if (name, channels) == ("hue", 1):
        with pytest.raises(UserError, match="hue takes images of 3 channels"):
            built(name, size, channels)
        return
    slot = built(name, size, channels, **options.get(name, {}))
    check_augment(slot, image_size=size, input_channels=channels)
    images = random_images(64, size, channels)
    draws = slot.draw(64, generator(1, "augment"))
    made = slot(images, draws)
    if name not in ("color", "grayscale") or channels > 1:  # one channel has no colour
        assert made.shape != images.shape or not torch.equal(made, images), "on differs from off"
    untouched = [index for index, text in enumerate(slot.describe(draws)) if not text]
    assert torch.equal(made[untouched], images[untouched]) if untouched else True


@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize("size", [(9,), (5, 6, 7)])
def test_a_primitive_takes_other_dimensions_or_says_so(name, size):
    if name in FLAT or (name == "vertical_flip" and len(size) == 1):
        with pytest.raises(UserError, match=f"these have {len(size)}"):
            built(name, size, 3)
        return
    options = {"cutout": {"size": 3}, "gaussian_blur": {"kernel": 3}}.get(name, {})
    check_augment(built(name, size, 3, **options), image_size=size, input_channels=3)


@pytest.mark.parametrize("name", OFF)
@pytest.mark.parametrize(("size", "channels"), [((32, 32), 3), ((20, 28), 1)])
def test_without_strength_no_bit_changes(name, size, channels):
    policy, images = OFF[name](**facts(size, channels)), random_images(size=size, channels=channels)
    assert torch.equal(policy(images, policy.draw(32, generator(0, "augment"))), images)
    other = POLICIES[name](**facts(size, channels))
    assert not torch.equal(other(images, other.draw(32, generator(0, "augment"))), images)


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if n not in ("crop", "alternating_flip")])
def test_a_primitive_with_probability_0_changes_no_bit(name):
    if name in ("random_resized_crop", "resize_crop"):
        return
    images, slot = random_images(), built(name, (32, 24), 3, p=0.0)
    assert torch.equal(slot(images, slot.draw(32, generator(0, "augment"))), images)


def test_moves_and_holes_take_numbers_of_any_type():
    images = torch.randn(16, 8, 10, 2).movedim(-1, 1)
    ops = [{"name": n} for n in ("crop", "horizontal_flip", "translate")] + [{"name": "cutout", "size": 3, "fill": 0}]
    slot = listed(ops=ops, **facts((8, 10), 2))
    made = slot(images, slot.draw(16, generator(0, "augment")))
    assert made.dtype == torch.float32
    assert set(made.flatten().tolist()) <= {0.0, *images.flatten().tolist()}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [n for n in POLICIES if n not in ("finetune", "imagenet")])
def test_a_gpu_gives_the_same_bits_and_waits_for_nothing(name):
    policy, images = POLICIES[name](**facts((32, 32), 3)), random_images(64, (32, 32))
    draws = policy.draw(64, generator(0, "augment"))
    stored = images.movedim(1, -1).cuda().movedim(-1, 1)
    moved = {key: draw.cuda() for key, draw in draws.items()}
    policy(stored, moved)
    torch.cuda.set_sync_debug_mode("error")
    try:
        made = policy(stored, moved)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(made.cpu(), policy(images, draws))
