"""What is measured of images that are not one tensor in memory."""

from __future__ import annotations

import pytest
import torch

from recipelab.data import statistics
from recipelab.data.pool import Pool
from recipelab.data.rows import Mapped, Rows
from recipelab.data.statistics import channel_statistics, pool_statistics


class Streamed(Mapped):
    """Rows of another kind, which notes the largest piece that is asked for."""

    largest = 0

    def subset(self, indices):
        return Streamed(self.stored, self.rows[indices])

    def chunks(self, order, size, what):
        Streamed.largest = max(Streamed.largest, size)
        yield from super().chunks(order, size, what)


def measured(images: Rows):
    return pool_statistics(Pool(images, torch.zeros(len(images), dtype=torch.int64)))


def test_mapped_images_are_measured_exactly(monkeypatch):
    images = torch.randint(256, (30, 4, 5, 3), dtype=torch.uint8)
    assert measured(Mapped(images)) == channel_statistics(images)
    assert measured(Mapped(images).subset(torch.arange(7))) == channel_statistics(images[:7])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_streamed_images_are_measured_by_a_sample(dtype, monkeypatch):
    monkeypatch.setattr(statistics, "SAMPLE", 10)
    monkeypatch.setattr(statistics, "Mapped", type(None))
    images = torch.randint(256, (28, 4, 5, 3), dtype=torch.uint8).to(dtype)
    assert measured(Streamed(images)) == channel_statistics(images[::3])


def test_measuring_a_stream_takes_a_block_of_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 130)  # two images
    monkeypatch.setattr(statistics, "Mapped", type(None))
    images = torch.randint(256, (30, 4, 5, 3), dtype=torch.uint8)
    Streamed.largest = 0
    assert measured(Streamed(images)) == channel_statistics(images)
    assert Streamed.largest == 2
