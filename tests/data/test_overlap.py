import numpy as np
import torch

from recipelab.data.overlap import shared_images, shared_rows
from recipelab.data.pool import Pool


def drawn(count: int, seed: int, kind: torch.dtype = torch.uint8) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 9, 9, 3), dtype=np.uint8))
    return values.to(kind)


def pool(images: torch.Tensor, names: list[str] | None = None) -> Pool:
    return Pool(images, torch.zeros(len(images), dtype=torch.int64), names)


def test_every_pair_is_found_as_by_comparing_all():
    for kind in (torch.uint8, torch.float32):
        train, test = drawn(40, 0, kind), drawn(20, 1, kind)
        test[3], test[7], test[8] = train[5], train[39], train[5]
        train[11] = train[5]
        slow = {row: [i for i in range(40) if torch.equal(train[i], test[row])] for row in range(20)}
        assert shared_rows(train, test) == [(row, twins[0]) for row, twins in slow.items() if twins]


def test_images_that_differ_between_the_probes_are_not_the_same():
    train = torch.zeros(3, 100, 100, 1, dtype=torch.uint8)
    test = train.clone()
    test[:, 0, 1] = 1
    assert shared_rows(train, test) == []
    assert len(shared_rows(train, train)) == 3


def test_they_are_counted_and_named():
    train, test = drawn(6, 0), drawn(5, 1)
    test[4] = train[2]
    (line,) = shared_images(pool(train), pool(test, [f"test/{i}.png" for i in range(5)]))
    assert "warning: 1 of 5 test images are training images, too" in line
    assert "test/4.png = row 2" in line
    assert list(shared_images(pool(train), None)) == []
    assert list(shared_images(pool(train), pool(drawn(5, 2)))) == []
    assert list(shared_images(pool(train), pool(drawn(5, 2)[:, :4].contiguous()))) == []
