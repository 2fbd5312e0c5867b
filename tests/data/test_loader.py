"""The loaders: what may not change a sample, and what must."""

import itertools

import pytest
import torch

from recipelab.core.generators import generator
from recipelab.data import loader
from recipelab.data.loader import EvalLoader, TrainLoader, fits, place

CPU = torch.device("cpu")


class Noise:
    """An augmentation whose draws show in the images: adds one drawn byte per sample."""

    def draw(self, count, generator):
        return {"add": torch.randint(256, (count,), dtype=torch.uint8, generator=generator)}

    def __call__(self, images, draws):
        return images + draws["add"].view(-1, *[1] * (images.ndim - 1))


def scale(images):
    return images.float() / 255


def data(count=50, size=(6, 5), channels=3):
    """Images that hold their index, and targets that are it."""
    rng = torch.Generator().manual_seed(9)
    images = torch.randint(256, (count, *size, channels), dtype=torch.uint8, generator=rng)
    images.view(count, -1)[:, 0] = torch.arange(count)
    return images, torch.arange(count)


def make(batch_size=8, seed=1, pool=None, **changes):
    images, targets = pool or data()
    options = {"augment": Noise(), "normalize": scale, "batch_size": batch_size, "seed": seed, **changes}
    return TrainLoader(images, targets, **options)


def epoch(loader, number=0, start=0):
    """All images and labels of an epoch."""
    batches = list(loader.epoch(number, start))
    return torch.cat([batch.images for batch in batches]), torch.cat([batch.target.first for batch in batches])


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("size", "channels"), [((6, 5), 3), ((6, 5), 1), ((40,), 2), ((3, 4, 5), 1)])
def test_equals_plain_twin(size, channels):
    """Sample by sample: take it, augment it by its own draw, normalise it."""
    images, targets = data(size=size, channels=channels)
    order = torch.randperm(50, generator=generator(1, "order", 2))
    draws = Noise().draw(50, generator(1, "augment", 2))["add"]
    wanted = [scale((images[sample] + draw).movedim(-1, 0)) for sample, draw in zip(order, draws, strict=True)]
    assert equal(epoch(make(pool=(images, targets)), 2), (torch.stack(wanted), order))


def test_batch_size_and_chunk_change_no_bit(monkeypatch):
    wanted = epoch(make(8))
    for batch_size, chunk_bytes in itertools.product([1, 7, 50, 64], [0, 1000, 3000, 10**6]):
        monkeypatch.setitem(loader._CHUNK_BYTES, "cpu", chunk_bytes)
        monkeypatch.setitem(loader._AUGMENT_BYTES, "cpu", 3 * chunk_bytes)
        assert equal(epoch(make(batch_size)), wanted)


@pytest.mark.parametrize("start", [0, 8, 24, 13, 48, 50])
def test_resumed_in_mid_epoch_is_the_rest_of_it(start):
    images, labels = epoch(make(8), 3)
    resumed = list(make(8).epoch(3, start))
    assert sum(len(batch.images) for batch in resumed) == 50 - start
    if resumed:
        assert equal(epoch(make(8), 3, start), (images[start:], labels[start:]))


def test_every_sample_once_and_the_last_batch_is_partial():
    batches = list(make(8).epoch(0))
    assert [len(batch.images) for batch in batches] == [8] * 6 + [2]
    assert len(make(8)) == 7
    assert torch.equal(torch.cat([batch.target.first for batch in batches]).sort().values, torch.arange(50))
    assert all(batch.target.second is None for batch in batches)


def test_epochs_and_seeds_differ_and_repeat():
    first = epoch(make(), 0)
    assert equal(first, epoch(make(), 0))
    for images, labels in (epoch(make(), 1), epoch(make(seed=2), 0)):
        assert not torch.equal(labels, first[1])
        assert not torch.equal(images, first[0])


def test_torchs_default_generator_plays_no_part():
    torch.manual_seed(1)
    first = epoch(make())
    state = torch.get_rng_state()
    assert equal(epoch(make()), first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("channels_last", [True, False])
def test_memory_order(channels_last):
    order = torch.channels_last if channels_last else torch.contiguous_format
    batches = [*make(channels_last=channels_last).epoch(0)]
    batches += EvalLoader(*data(), normalize=scale, batch_size=8, channels_last=channels_last)
    assert all(batch.images.is_contiguous(memory_format=order) for batch in batches)
    assert equal(epoch(make(channels_last=channels_last)), epoch(make()))


def test_pool_is_not_written():
    images, targets = data()
    before = images.clone()
    for batch in make(pool=(images, targets)).epoch(0):
        batch.images.zero_()
    assert torch.equal(images, before)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 64])
@pytest.mark.parametrize("size", [(40,), (6, 5), (3, 4, 5)])
def test_evaluation_shows_every_sample_once_in_order(batch_size, size):
    images, targets = data(size=size)
    evaluation = EvalLoader(images, targets, normalize=scale, batch_size=batch_size)
    for _ in range(2):
        batches = list(evaluation)
        assert len(batches) == len(evaluation)
        assert torch.equal(torch.cat([batch.target.first for batch in batches]), targets)
        assert torch.equal(torch.cat([batch.images for batch in batches]), scale(images.movedim(-1, 1)))


@pytest.mark.parametrize(("batch_size", "samples"), [(1, 100), (8, 96), (100, 100), (101, 101), (4000, 4000)])
def test_chunk_is_whole_batches_and_at_least_one(monkeypatch, batch_size, samples):
    monkeypatch.setitem(loader._CHUNK_BYTES, "cpu", 9000 + 89)
    assert loader._chunk_size(data()[0], batch_size, loader._CHUNK_BYTES, CPU) == samples


def test_half_of_a_gpus_free_memory_may_be_filled(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    gpu = torch.device("cuda", 0)
    assert fits(500, gpu)
    assert not fits(501, gpu)
    assert fits(10**15, CPU)


def test_images_move_if_they_fit(monkeypatch):
    images, _ = data()
    assert place(images, torch.device("meta")).device.type == "meta"
    assert place(images, CPU) is images
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    assert place(images, torch.device("cuda", 0)) is images


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("on_device", [True, False])
def test_gpu_gives_the_same_bits(on_device):
    images, targets = data()
    pool = (images.cuda() if on_device else images, targets.cuda())
    made, labels = epoch(make(pool=pool, normalize=lambda images: images))
    wanted, wanted_labels = epoch(make(normalize=lambda images: images))
    assert equal((made.cpu(), labels.cpu()), (wanted, wanted_labels))
    evaluated = torch.cat([batch.images for batch in EvalLoader(*pool, normalize=scale, batch_size=8)])
    assert evaluated.device.type == "cuda"
    assert torch.equal((evaluated * 255).round().byte().cpu(), images.movedim(-1, 1))


@pytest.mark.parametrize(("world", "count"), [(2, 50), (3, 50), (2, 49), (4, 49)])
@pytest.mark.parametrize("start", [0, 24])
def test_the_ranks_batches_together_are_those_of_one_process(world, count, start):
    """Sample by sample, with their draws, in order; what another rank counts is only there to fill a place."""
    pool = data(count)
    ranks = [make(24 // world, pool=pool).of_rank(rank, world) for rank in range(world)]
    assert {len(part) for part in ranks} == {len(make(24, pool=pool))}
    for whole, *parts in zip(make(24, pool=pool).epoch(1, start), *(r.epoch(1, start) for r in ranks), strict=True):
        own = [part for part in parts if part.counts]
        assert {part.total for part in parts} == {len(whole.target.first)}
        assert torch.equal(torch.cat([part.images for part in own]), whole.images)
        assert torch.equal(torch.cat([part.target.first for part in own]), whole.target.first)
        assert all(len(part.target.first) == 1 for part in parts if not part.counts)


@pytest.mark.parametrize("world", [2, 3, 5])
def test_the_ranks_evaluate_every_sample_once(world):
    pool = data(51)
    ranks = [EvalLoader(*pool, normalize=scale, batch_size=5).of_rank(rank, world) for rank in range(world)]
    parts = [list(rank) for rank in ranks]
    assert {len(batches) for batches in parts} == {len(ranks[0])}
    labels = torch.cat([batch.target.first for batches in parts for batch in batches])
    assert labels.sort().values.tolist() == list(range(51))
