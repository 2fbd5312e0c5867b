"""The slots `baseline`, `shift` and `none`: draws, options, yaml."""

from importlib import import_module
from importlib.resources import files

import pytest
import torch
import yaml

from recipelab.augment.baseline import Baseline
from recipelab.augment.crop_flip import pad_crop_flip
from recipelab.augment.none import NoAugment
from recipelab.core.errors import UserError
from recipelab.core.generators import generator


def images(batch=12, size=(8, 8), channels=3):
    rng = torch.Generator().manual_seed(1)
    return torch.randint(1, 256, (batch, *size, channels), dtype=torch.uint8, generator=rng).movedim(-1, 1)


def test_draws_cover_their_range_evenly():
    draws = Baseline(image_size=(32, 32)).draw(9000, generator(1, "augment", 0))
    counts = torch.bincount(draws["offsets"].flatten(), minlength=9)
    assert len(counts) == 9
    assert (counts - 2000).abs().max() < 5 * (2000 * 8 / 9) ** 0.5
    assert abs(draws["flip"].sum().item() - 4500) < 5 * 2250**0.5
    both = torch.stack([draws["offsets"][:, 0], draws["offsets"][:, 1], draws["flip"]]).double()
    assert (torch.corrcoef(both) - torch.eye(3)).abs().max() < 5 / 9000**0.5


@pytest.mark.parametrize("size", [(8,), (8, 8), (8, 8, 8)])
def test_one_offset_a_dimension(size):
    draws = Baseline(image_size=size).draw(5, generator(1, "augment", 0))
    assert draws["offsets"].shape == (5, len(size))
    assert draws["flip"].shape == (5,)


def test_only_the_generator_decides():
    slot = Baseline(image_size=(8, 8))
    first, again, other = (slot.draw(50, generator(1, "augment", epoch)) for epoch in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect"])
def test_call_passes_on_every_option(padding_mode):
    slot = Baseline(image_size=(8, 8), padding=2, padding_mode=padding_mode, flip=0.3)
    draws = slot.draw(12, generator(1, "augment", 0))
    wanted = pad_crop_flip(images(), draws["offsets"], draws["flip"], padding=2, padding_mode=padding_mode)
    assert torch.equal(slot(images(), draws), wanted)


def test_switched_off_is_the_identity_and_on_is_not():
    off, on = Baseline(image_size=(8, 8), padding=0, flip=0), Baseline(image_size=(8, 8))
    assert torch.equal(off(images(), off.draw(12, generator(1, "augment", 0))), images())
    assert not torch.equal(on(images(), on.draw(12, generator(1, "augment", 0))), images())


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_flip_at_its_ends(flip):
    slot = Baseline(image_size=(8, 8), padding=0, flip=flip)
    wanted = images().flip(-1) if flip else images()
    assert torch.equal(slot(images(), slot.draw(12, generator(1, "augment", 0))), wanted)


def test_too_wide_a_reflection_is_refused_before_any_work():
    with pytest.raises(UserError, match=r"augment\.padding=8"):
        Baseline(image_size=(8, 8), padding=8, padding_mode="reflect")
    Baseline(image_size=(8, 8), padding=8)


def test_none_draws_nothing_and_copies_nothing():
    stored = images()
    assert NoAugment().draw(12, generator(1, "augment", 0)) == {}
    assert NoAugment()(stored, {}) is stored


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("baseline", {"padding": 4, "padding_mode": "zeros", "flip": 0.5}),
        ("shift", {"padding": 1, "padding_mode": "zeros", "flip": 0.0}),
        ("none", {}),
    ],
)
def test_yaml_builds_its_slot(name, made):
    node = yaml.safe_load(files("recipelab").joinpath(f"conf/augment/{name}.yaml").read_text())
    module, _, target = node.pop("_target_").rpartition(".")
    facts = {} if name == "none" else {"image_size": (8, 8)}
    slot = getattr(import_module(module), target)(**node, **facts)
    assert {key: getattr(slot, key) for key in made} == made
    assert slot(images(), slot.draw(12, generator(1, "augment", 0))).shape == images().shape
