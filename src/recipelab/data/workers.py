"""Worker processes that read samples, and the same work done in this process where there are none.

`concurrent.futures` runs them; torch's DataLoader is not used, because it returns tensors through /dev/shm, which
containers keep small, starts again from the first batch of an epoch, and draws in a worker by the worker's number. Here
a task carries the address of its draws, images come back through memory that the processes shared before they were
forked, and workers live as long as the run.

A worker ignores Ctrl-C and SIGTERM, which a terminal or a batch system sends to every process: the run finishes its
step first. It ends when its parent is gone, however that was.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import random
import signal
import threading
import time
import warnings
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from recipelab.core.errors import UserError
from recipelab.core.generators import hash32

UNIT = 2**22  # bytes of images in a task: handing it over costs little beside decoding it, and memory stays bounded
POLL = 0.5  # seconds between a worker's looks at its parent


class Reader(Protocol):
    """What reads one sample.

    shape: (*S, C). dtype: of its images. patient: whether another sample stands in for one that cannot be read.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    patient: bool

    def read(self, row: int, training: bool) -> NDArray[Any]:
        """The image (*S, C) of a row. It may draw from Python's, NumPy's and torch's default generators."""

    def name(self, row: int) -> str:
        """The sample in words, for messages."""


@dataclass(frozen=True)
class Task:
    """Samples to read in one go.

    rows: the reader's rows, each with those that may stand in for it, tried in order. seed, purpose, epoch, positions:
    the address of the draws of each. slot: where in the shared memory to; -1 for none.
    """

    rows: tuple[tuple[int, ...], ...]
    seed: int
    purpose: str
    epoch: int
    positions: tuple[int, ...]
    training: bool
    slot: int = -1


@dataclass(frozen=True)
class Done:
    """What came of a task. images: None when they are in the shared memory. chosen: which row of each sample was read;
    -1 for none. failures: row -> why it could not be."""

    images: NDArray[Any] | None
    chosen: list[int]
    failures: dict[int, str]


def perform(reader: Reader, task: Task, out: NDArray[Any]) -> Done:
    """Read the samples of a task into `out` (B, *S, C). Raises Unreadable for one that cannot be, nor any in its place.

    Of a patient reader an evaluation leaves such a sample out: its row of `out` is zero.
    """
    chosen, failures = [], {}
    for index, rows in enumerate(task.rows):
        for row in rows:
            seed_sample(hash32(task.seed, task.purpose, task.epoch, task.positions[index]))
            try:
                out[index] = reader.read(row, task.training)
            except Exception as error:  # a decoder or a user's class raises anything
                failures[row] = f"{reader.name(row)}: {' '.join(str(error).split()) or type(error).__name__}"
                continue
            chosen.append(row)
            break
        else:
            if task.training or not reader.patient:
                raise Unreadable(failures[rows[0]])
            out[index] = 0
            chosen.append(-1)
    return Done(None, chosen, failures)


class Unreadable(Exception):
    """A sample that cannot be read, nor any that could stand in for it. Its text names the sample and the reason."""


def seed_sample(value: int) -> None:
    """Seed what a sample may draw from: Python's, NumPy's and torch's default generators on the CPU."""
    random.seed(value)
    np.random.seed(value)
    torch.default_generator.manual_seed(value)


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """Put the default generators back as they were: reading in this process must not show outside."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def can_fork() -> bool:
    """Whether workers can be had here: they inherit the shared memory and the user's objects by a fork."""
    return "fork" in multiprocessing.get_all_start_methods()


class Workers:
    """Processes for one reader, forked at the first task.

    count: of processes, at least 1. slots: tasks whose images fit into the shared memory at once; `unit` samples each.
    Raises UserError where processes cannot be forked.
    """

    def __init__(self, reader: Reader, count: int, slots: int, unit: int) -> None:
        if not can_fork():
            raise UserError("data.num_workers: this system cannot fork processes; set data.num_workers=0")
        self.reader, self.unit = reader, unit
        nbytes = unit * int(np.prod(reader.shape)) * reader.dtype.itemsize
        self.ring = [
            np.frombuffer(mmap.mmap(-1, nbytes), reader.dtype).reshape(unit, *reader.shape) for _ in range(slots)
        ]
        self.free = list(range(slots))
        arguments = (reader, self.ring, os.getpid())
        context = multiprocessing.get_context("fork")
        self.executor = ProcessPoolExecutor(count, context, initializer=_begin, initargs=arguments)
        before = {child.pid for child in multiprocessing.active_children()}
        with warnings.catch_warnings():  # Python 3.12: threads do not survive a fork; a worker uses none of ours
            warnings.simplefilter("ignore", DeprecationWarning)
            self.executor.submit(os.getpid)
        self.processes = [child for child in multiprocessing.active_children() if child.pid not in before]
        self._end = weakref.finalize(self, _end, self.executor, self.processes)

    def submit(self, task: Task) -> Future[Done]:
        """Begin a task."""
        return self.executor.submit(_work, task)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._end()


_reader: Reader
_ring: Sequence[NDArray[Any]]


def _begin(reader: Reader, ring: Sequence[NDArray[Any]], parent: int) -> None:
    """In a new worker: take what was inherited, leave signals to the parent, and watch it."""
    global _reader, _ring
    _reader, _ring = reader, ring
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)


def _work(task: Task) -> Done:
    count = len(task.rows)
    if task.slot >= 0:
        return perform(_reader, task, _ring[task.slot][:count])
    out = np.empty((count, *_reader.shape), _reader.dtype)
    done = perform(_reader, task, out)
    return Done(out, done.chosen, done.failures)


def _end(executor: ProcessPoolExecutor, processes: Sequence[Any]) -> None:
    for process in processes:
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)
