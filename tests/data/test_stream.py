"""Streams: what may not change a sample, and what becomes of processes and of samples that cannot be read."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from processes import wait_until
from recipelab.core.errors import RunError
from recipelab.core.generators import hash32
from recipelab.data import stream, workers
from recipelab.data.loader import EvalLoader, TrainLoader
from recipelab.data.pool import Pool
from recipelab.data.rows import Loading, Mapped, Pass
from recipelab.data.stream import Desk, Stream
from recipelab.data.workers import seed_sample

COUNT = 50


class Drawing:
    """Samples that hold their row, and what they drew from each of the default generators."""

    advice = "mend it, or data.on_error=skip"

    def __init__(self, bad: Sequence[int] = (), *, patient: bool = False, dtype: Any = np.uint8) -> None:
        self.shape, self.dtype = (3, 2, 4), np.dtype(dtype)
        self.bad, self.patient = bad, patient

    def read(self, row: int, training: bool) -> np.ndarray:
        if row in self.bad:
            raise ValueError("it is empty")
        image = np.full(self.shape, row, self.dtype)
        if training:
            image[0, 0, 0], image[0, 0, 1] = random.randrange(256), np.random.randint(256)
            image[0, 0, 2] = torch.randint(256, ()).item()
        return image

    def name(self, row: int) -> str:
        return f"sample {row}"

    def identity(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield str(rows).encode()


Make = Callable[..., Stream]


@pytest.fixture
def make() -> Iterator[Make]:
    """A stream of 50 samples: make(workers, reader, prefetch). Its processes are ended after the test."""
    made: list[Desk] = []

    def build(workers: int = 0, reader: Drawing | None = None, prefetch: int = 2) -> Stream:
        made.append(Desk(reader or Drawing(), lambda line: None, Loading(workers, prefetch)))
        return Stream(made[-1], torch.arange(COUNT))

    yield build
    for desk in made:
        desk.close()


def order() -> Tensor:
    return torch.randperm(COUNT, generator=torch.Generator().manual_seed(3))


def shown(rows: Stream, size: int, first: int = 0) -> Tensor:
    what = Pass(seed=7, purpose="sample", epoch=2, positions=torch.arange(first, COUNT), training=True)
    return torch.cat([images.clone() for images, _ in rows.chunks(order()[first:], size, what)])


def twin() -> Tensor:
    """Sample by sample, in one process, with the draws' addresses spelled out."""
    images = []
    for position, row in enumerate(order().tolist()):
        seed_sample(hash32(7, "sample", 2, position))
        images.append(torch.from_numpy(Drawing().read(row, True)))
    return torch.stack(images)


@pytest.mark.parametrize("workers", [0, 2])
def test_neither_workers_nor_chunks_nor_the_start_change_a_bit(make: Make, monkeypatch, workers: int) -> None:
    wanted = twin()
    for unit, prefetch in [(2**22, 1), (100, 3)]:  # a task of a whole chunk, and of four samples
        monkeypatch.setattr(stream, "UNIT", unit)
        rows = make(workers, prefetch=prefetch)
        for size, first in itertools.product([1, 7, 50, 64], [0, 13, 49]):
            assert torch.equal(shown(rows, size, first), wanted[first:])


def test_ranks_share_an_epoch_with_the_draws_of_one_process(make: Make) -> None:
    """Of 50 samples in batches of 2 x 8 each is drawn once, at its place in the order of all; the last is shared."""
    labels = torch.arange(COUNT)
    whole = TrainLoader(make(0), labels, augment=Nothing(), normalize=_same, batch_size=16, seed=1)
    ranks = [
        TrainLoader(make(1), torch.arange(COUNT), augment=Nothing(), normalize=_same, batch_size=8, seed=1).of_rank(
            n, 2
        )
        for n in (0, 1)
    ]
    for start in (0, 32):
        for batch, *shares in zip(*(loader.epoch(3, start) for loader in (whole, *ranks)), strict=True):
            assert torch.equal(torch.cat([share.images for share in shares]), batch.images)
            assert torch.equal(torch.cat([share.target.first for share in shares]), batch.target.first)


def test_reading_in_this_process_leaves_the_default_generators_alone(make: Make) -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    shown(make(0), 8)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_workers_live_through_passes_and_are_shared(make: Make) -> None:
    rows = make(2)
    shown(rows, 8)
    first = {child.pid for child in multiprocessing.active_children()}
    assert len(first) == 2
    list(rows.subset(torch.arange(10)).chunks(torch.arange(10), 4, Pass()))
    shown(rows, 8)
    assert {child.pid for child in multiprocessing.active_children()} == first
    rows.close()
    assert not multiprocessing.active_children()
    assert torch.equal(shown(rows, 8), twin()), "closed streams begin again"


def test_a_pass_that_is_given_up_leaves_nothing_behind(make: Make) -> None:
    rows = make(2)
    for taken in (1, 3):
        passing = rows.chunks(order(), 4, Pass(training=True))
        for _ in range(taken):
            next(passing)
        passing.close()
        desk = rows.desk.workers()
        assert desk is not None
        assert len(desk.free) == len(desk.ring)
        assert torch.equal(shown(rows, 4), twin())


def test_two_passes_at_once(make: Make) -> None:
    """An evaluation in the middle of an epoch, more tasks than the shared memory has slots."""
    rows = make(2, prefetch=1)
    training = rows.chunks(order(), 4, Pass(7, "sample", 2, training=True))
    parts = [next(training)[0].clone()]
    for _ in range(3):
        evaluated = torch.cat([images for images, _ in rows.chunks(torch.arange(COUNT), 4, Pass())])
        assert evaluated[:, 1, 1, 1].tolist() == list(range(COUNT))
        parts.append(next(training)[0].clone())
    parts += [images.clone() for images, _ in training]
    assert torch.equal(torch.cat(parts), twin())


@pytest.mark.parametrize("workers", [0, 2])
def test_other_types_than_bytes(make: Make, workers: int) -> None:
    images = make(workers, Drawing(dtype=np.float32)).loaded()[0]
    assert images.dtype == torch.float32
    assert images[:, 1, 1, 1].tolist() == list(range(COUNT))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_that_cannot_be_read_names_itself(make: Make, workers: int) -> None:
    with pytest.raises(RunError, match=r"sample 17: it is empty(.|\n)*data.on_error=skip"):
        shown(make(workers, Drawing([17])), 8)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_sample_stands_in_with_its_own_label_and_evaluation_leaves_it_out(make: Make, workers: int) -> None:
    rows = make(workers, Drawing([17, 18, 49], patient=True))
    labels = torch.arange(COUNT)
    for batch_size in (7, 64):
        loader = TrainLoader(rows, labels, augment=Nothing(), normalize=_same, batch_size=batch_size, seed=1)
        batches = list(loader.epoch(0))
        found = torch.cat([batch.target.first for batch in batches])
        assert torch.equal(torch.cat([batch.images for batch in batches])[:, 1, 1, 1], found.byte())
        assert sorted(found.tolist()) == sorted([*set(range(COUNT)) - {17, 18, 49}, 19, 19, 0])
        evaluated = list(EvalLoader(rows, labels, normalize=_same, batch_size=batch_size))
        seen = torch.cat([batch.target.first for batch in evaluated])
        assert seen.tolist() == [row for row in range(COUNT) if row not in (17, 18, 49)]
        assert torch.equal(torch.cat([batch.images for batch in evaluated])[:, 1, 1, 1], seen.byte())
    assert rows.desk.failures == {row: f"sample {row}: it is empty" for row in (17, 18, 49)}


def test_what_stands_in_is_of_the_same_split(make: Make) -> None:
    rows = make(0, Drawing([4, 6], patient=True)).subset(torch.tensor([2, 4, 6, 8]))
    what = Pass(training=True)
    ((images, shown),) = rows.chunks(torch.arange(4), 4, what)
    assert images[:, 1, 1, 1].tolist() == [2, 8, 8, 8]
    assert shown is not None
    assert shown.tolist() == [0, 3, 3, 3]


@pytest.mark.parametrize("workers", [0, 2])
def test_however_many_in_a_row_are_broken_an_evaluation_has_the_others(make: Make, workers: int) -> None:
    rows = make(workers, Drawing(range(5, 45), patient=True))
    good = [*range(5), *range(45, COUNT)]
    images, read = rows.loaded()
    assert read.tolist() == images[:, 1, 1, 1].tolist() == good
    pool = Pool(rows, torch.arange(COUNT), [str(row) for row in range(COUNT)]).in_memory()
    assert pool.targets.tolist() == good == [int(name) for name in pool.names or []]
    evaluated = EvalLoader(rows, torch.arange(COUNT), normalize=_same, batch_size=7)
    assert torch.cat([batch.target.first for batch in evaluated]).tolist() == good
    with pytest.raises(RunError, match="sample 5: it is empty"):
        list(rows.chunks(torch.arange(COUNT), 7, Pass(training=True)))


def test_nothing_can_stand_in_for_all(make: Make) -> None:
    rows = make(0, Drawing(range(COUNT), patient=True))
    with pytest.raises(RunError, match="sample 0: it is empty"):
        list(rows.chunks(torch.arange(COUNT), 7, Pass(training=True)))
    with pytest.raises(RunError, match="not one of 50 samples can be read: sample 0: it is empty"):
        rows.loaded()


class Nothing:
    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {}

    def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor:
        return images


def _same(images: Tensor) -> Tensor:
    return images


class Killed(Drawing):
    def read(self, row: int, training: bool) -> np.ndarray:
        if row == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(row, training)


def test_a_worker_that_is_killed_ends_the_pass_with_the_reason(make: Make) -> None:
    with pytest.raises(RunError, match="a worker process that reads the data was killed"):
        make(2, Killed()).loaded()


def _orphan_maker(pids: Any) -> None:
    rows = Stream(Desk(Drawing(), print, Loading(2)), torch.arange(COUNT))
    list(rows.chunks(torch.arange(COUNT), 8, Pass()))
    pids.put([child.pid for child in multiprocessing.active_children()])
    signal.pause()


def test_workers_do_not_outlive_a_killed_parent() -> None:
    context = multiprocessing.get_context("fork")
    pids = context.SimpleQueue()
    parent = context.Process(target=_orphan_maker, args=(pids,))
    parent.start()
    found = pids.get()
    assert len(found) == 2
    assert all(psutil.pid_exists(pid) for pid in found)
    os.kill(parent.pid or 0, signal.SIGKILL)
    parent.join()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in found), seconds=10)


def test_workers_leave_ctrl_c_and_sigterm_to_their_parent(make: Make) -> None:
    rows = make(2)
    shown(rows, 8)
    for child in multiprocessing.active_children():
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(child.pid or 0, number)
    assert torch.equal(shown(rows, 8), twin())


def test_the_shared_memory_is_bounded(make: Make) -> None:
    rows = make(2)
    shown(rows, 50)
    found = rows.desk.workers()
    assert found is not None
    assert sum(slot.nbytes for slot in found.ring) <= (2 * 3 + 2) * workers.UNIT


@pytest.mark.parametrize("size", [1, 7, 50])
def test_mapped_rows_are_those_of_the_tensor(size: int) -> None:
    stored = torch.randint(256, (60, 3, 2, 4), dtype=torch.uint8)
    rows = Mapped(stored).subset(torch.arange(5, 55)).subset(torch.arange(COUNT).flip(0))
    wanted = stored[5:55].flip(0)
    assert torch.equal(torch.cat([images for images, _ in rows.chunks(order(), size, Pass())]), wanted[order()])
    assert torch.equal(rows.loaded()[0], wanted)
    assert list(rows.chunks(order()[:0], size, Pass())) == []
    digest = hashlib.sha256()
    rows.feed(digest)
    assert digest.digest() == hashlib.sha256(wanted.numpy().tobytes()).digest()
