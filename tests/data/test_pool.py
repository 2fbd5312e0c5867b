import hashlib

import pytest
import torch

from recipelab.data.pool import Pool


def pool(count: int = 6, size: tuple[int, ...] = (4, 5), channels: int = 3) -> Pool:
    images = torch.arange(count * channels * torch.tensor(size).prod()).to(torch.uint8)
    return Pool(images.reshape(count, *size, channels), torch.arange(count), [f"a/{i}.png" for i in range(count)])


@pytest.mark.parametrize("size", [(7,), (4, 5), (2, 3, 4)])
def test_subset_takes_rows_in_the_given_order(size: tuple[int, ...]) -> None:
    whole = pool(size=size)
    part = whole.subset(torch.tensor([4, 1]))
    assert len(part) == 2
    assert torch.equal(part.images, torch.stack([whole.images[4], whole.images[1]]))
    assert part.images.is_contiguous()
    assert part.targets.tolist() == [4, 1]
    assert part.names == ["a/4.png", "a/1.png"]


def test_subset_is_a_copy() -> None:
    whole = pool()
    whole.subset(torch.arange(6)).images.zero_()
    assert whole.images.any()


def test_subset_without_names() -> None:
    whole = pool()
    whole.names = None
    assert whole.subset(torch.tensor([0])).names is None


def test_digest_is_sha256_over_shape_images_and_targets() -> None:
    whole = pool()
    text = b"(6, 4, 5, 3)" + whole.images.numpy().tobytes() + whole.targets.numpy().tobytes()
    assert whole.digest() == hashlib.sha256(text).hexdigest()


def test_digest_tells_apart_shape_pixels_and_labels_but_not_names() -> None:
    whole = pool()
    other_shape = Pool(whole.images.reshape(6, 5, 4, 3), whole.targets)
    other_pixel = Pool(whole.images.clone(), whole.targets)
    other_pixel.images[0, 0, 0, 0] ^= 1
    other_label = Pool(whole.images, whole.targets.flip(0))
    digests = {one.digest() for one in (whole, other_shape, other_pixel, other_label)}
    assert len(digests) == 4
    assert Pool(whole.images, whole.targets).digest() == whole.digest()


def test_refuses_other_types_and_lengths() -> None:
    whole = pool()
    with pytest.raises(ValueError, match="uint8 or float32"):
        Pool(whole.images.double(), whole.targets)
    with pytest.raises(ValueError, match=r"\(6, T\) float32, got \(6,\) torch.float32"):
        Pool(whole.images, whole.targets.float())
    with pytest.raises(ValueError, match="contiguous"):
        Pool(whole.images.movedim(-1, 1), whole.targets)
    with pytest.raises(ValueError, match="int64"):
        Pool(whole.images, whole.targets.int())
    with pytest.raises(ValueError, match="5"):
        Pool(whole.images, whole.targets[:5])
    with pytest.raises(ValueError, match="1 names for 6 samples"):
        Pool(whole.images, whole.targets, ["one"])
