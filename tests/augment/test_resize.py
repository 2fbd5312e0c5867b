import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from recipelab.augment.normalize import Normalize
from recipelab.augment.resize import Resized, resize_crop
from recipelab.core.errors import UserError
from recipelab.data.decode import fit


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(40, 40), (30, 51)])
def test_it_is_the_usual_preprocessing_as_torchvision_does_it_image_by_image(interpolation, shape):
    images = torch.randint(0, 256, (3, 3, *shape), dtype=torch.uint8)
    usual = v2.Compose([v2.Resize(28, v2.InterpolationMode(interpolation), antialias=True), v2.CenterCrop(24)])
    expected = torch.stack([usual(image) for image in images])
    assert torch.equal(resize_crop(images, 28, (24, 24), interpolation), expected)


@pytest.mark.parametrize("shape", [(40, 40), (30, 60), (16, 16)])  # sizes that resize to even numbers
def test_decoding_to_a_size_does_the_same_to_a_level_or_two(shape):
    images = torch.randint(0, 256, (1, 3, *shape), dtype=torch.uint8)
    pillow = fit(Image.fromarray(images[0].permute(1, 2, 0).numpy()), (24, 24), 28, "bilinear")
    ours = resize_crop(images, 28, (24, 24), "bilinear")[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(np.asarray(pillow).astype(int) - ours).max() <= 2


def test_then_it_normalizes():
    images = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    resized = Resized(Normalize((0.5,), (0.25,), (12, 12)), size=(12, 12))
    assert torch.equal(resized(images), torch.full((2, 1, 12, 12), 2.0))


def test_a_crop_larger_than_the_resized_image_is_refused():
    with pytest.raises(UserError, match=r"data\.resize_size=10 is smaller than the 12 pixels"):
        Resized(Normalize((0.5,), (0.25,), (12, 12)), size=(12, 12), resize=10)
