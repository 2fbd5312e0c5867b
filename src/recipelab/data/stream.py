"""Images that stay where they are and are read, decoded and brought to a common size by worker processes.

What a pass shows does not depend on how it is read: not on the number of workers, nor on how samples are put together
in tasks or batches, nor on where the pass begins (see `recipelab.data.rows.Pass`).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipelab.core.errors import RunError
from recipelab.data.rows import Loading, Pass, Rows, rows_of
from recipelab.data.workers import UNIT, Done, Reader, Task, Unreadable, Workers, generators_kept, perform

STAND_INS = 16  # rows tried in the place of one that cannot be read
NAMED = 5  # failures that are said one by one


class Source(Reader, Protocol):
    """A reader whose samples can be told apart. advice: what to do about one that cannot be read."""

    advice: str

    def identity(self, rows: Sequence[int]) -> Iterator[bytes]:
        """What identifies the samples at `rows` without reading them all."""


@dataclass
class Desk:
    """Where the streams over one reader get their samples: its workers, and what could not be read so far.

    say: takes lines to print.
    """

    reader: Source
    say: Callable[[str], object]
    loading: Loading = field(default_factory=Loading)
    failures: dict[int, str] = field(default_factory=dict)
    _workers: Workers | None = None

    def workers(self) -> Workers | None:
        """The processes, started when first asked for; None where this process reads."""
        if self._workers is None and self.loading.workers:
            shape, count = self.reader.shape, self.loading.workers
            unit = max(1, UNIT // (int(np.prod(shape)) * self.reader.dtype.itemsize))
            self._workers = Workers(self.reader, count, count * (1 + self.loading.prefetch) + 2, unit)
        return self._workers

    def note(self, failures: dict[int, str]) -> None:
        """Count the samples that could not be read; the first few are said."""
        for row in failures.keys() - self.failures.keys():
            self.failures[row] = failures[row]
            if len(self.failures) <= NAMED:
                self.say(f"left out: {failures[row]}")

    def close(self) -> None:
        """End the workers; a later pass starts new ones."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


class Stream(Rows):
    """Rows of a reader's samples.

    rows: (N,) int64, which samples of the reader.
    """

    storage = "stream"

    def __init__(self, desk: Desk, rows: Tensor) -> None:
        self.desk, self.rows = desk, rows
        self.shape = (len(rows), *desk.reader.shape)
        self.dtype = torch.from_numpy(np.empty(0, desk.reader.dtype)).dtype

    def subset(self, indices: Tensor) -> Stream:
        """Samples of the same reader, by the same workers."""
        return Stream(self.desk, self.rows[indices])

    def use(self, loading: Loading) -> None:
        """Read so from now on; all streams over the same reader do."""
        if loading != self.desk.loading:
            self.desk.close()
            self.desk.loading = loading

    def close(self) -> None:
        """End the workers."""
        self.desk.close()

    def feed(self, digest: hashlib._Hash) -> None:
        """What the reader says of its samples: their content is not read for it."""
        for part in self.desk.reader.identity(self.rows.tolist()):
            digest.update(part)

    def chunks(self, order: Tensor, size: int, what: Pass) -> Iterator[tuple[Tensor, Tensor | None]]:
        """See `Rows.chunks`. Raises RunError naming a sample that cannot be read, or when not one of a pass can be."""
        workers, read = self.desk.workers(), 0
        unit = self._unit(size)
        tasks = self._tasks(order, size, unit, what)
        results = performed(self.desk.reader, tasks) if workers is None else self._fetched(workers, tasks)
        for begin in range(0, len(order), size):
            wanted = order[begin : begin + size]
            out = torch.empty((len(wanted), *self.shape[1:]), dtype=self.dtype, pin_memory=what.pin)
            shown = self._fill(out, wanted, unit, results)
            read += len(wanted) if shown is None else int((shown >= 0).sum())
            if not read and begin + size >= len(order):
                failures, row = self.desk.failures, int(self.rows[order[0]])
                raise RunError(f"not one of {len(order):,} samples can be read: {failures[row]}")
            yield out, shown

    def _unit(self, size: int) -> int:
        """Samples of a task: few enough that all workers share a chunk of `size`, and that they fit into a slot."""
        return max(1, min(rows_of(UNIT, self), -(-size // max(1, self.desk.loading.workers))))

    def _tasks(self, order: Tensor, size: int, unit: int, what: Pass) -> Iterator[Task]:
        positions = torch.arange(len(order)) if what.positions is None else what.positions
        for begin in range(0, len(order), size):
            end = min(begin + size, len(order))
            for first in range(begin, end, unit):
                part = slice(first, min(first + unit, end))
                rows = tuple(self._candidates(row, what) for row in order[part].tolist())
                places = tuple(positions[part].tolist())
                yield Task(rows, what.seed, what.purpose, what.epoch, places, what.training)

    def _candidates(self, row: int, what: Pass) -> tuple[int, ...]:
        """The reader's row, and if it is patient those after it in this stream: none of another split stands in, and
        none at all in an evaluation."""
        count = min(STAND_INS + 1, len(self)) if self.desk.reader.patient and what.training else 1
        return tuple(int(self.rows[(row + step) % len(self)]) for step in range(count))

    def _fill(
        self, out: Tensor, wanted: Tensor, unit: int, results: Iterator[tuple[NDArray[Any], Done]]
    ) -> Tensor | None:
        """Put the next results into `out`. Returns the rows shown where they are not those wanted, -1 for none."""
        chosen: list[int] = []
        for first in range(0, len(out), unit):
            images, done = next(results)
            out.numpy()[first : first + len(images)] = images
            chosen += done.chosen
            self.desk.note(done.failures)
        shown = torch.tensor(chosen, dtype=torch.int64)
        if torch.equal(shown, self.rows[wanted]):
            return None
        steps = torch.arange(STAND_INS + 1)[:, None]
        near = (wanted + steps) % len(self)
        found = near.gather(0, (self.rows[near] == shown).int().argmax(0, keepdim=True))[0]
        return torch.where(shown < 0, -1, found)

    def _fetched(self, workers: Workers, tasks: Iterator[Task]) -> Iterator[tuple[NDArray[Any], Done]]:
        """Results in the order of `tasks`, with as many begun in advance as `Loading` says."""
        ahead = self.desk.loading.workers * (1 + self.desk.loading.prefetch)
        begun: deque[tuple[Future[Done], Task]] = deque()
        try:
            while True:
                for task in tasks:
                    slot = workers.free.pop() if workers.free else -1
                    task = Task(**{**task.__dict__, "slot": slot})
                    begun.append((workers.submit(task), task))
                    if len(begun) >= ahead:
                        break
                if not begun:
                    return
                future, task = begun[0]
                done = _result(future, self.desk.reader)
                yield (workers.ring[task.slot][: len(task.rows)] if done.images is None else done.images), done
                begun.popleft()
                _release(workers, task)
        finally:
            for future, _ in begun:
                future.cancel()
            wait([future for future, _ in begun])  # a task that runs still writes into its slot
            for _, task in begun:
                _release(workers, task)


def _release(workers: Workers, task: Task) -> None:
    if task.slot >= 0:
        workers.free.append(task.slot)


def _result(future: Future[Done], reader: Source) -> Done:
    try:
        return future.result()
    except Unreadable as error:
        raise _unreadable(error, reader) from None
    except BrokenProcessPool as error:
        raise RunError(
            "a worker process that reads the data was killed, perhaps for want of memory\n"
            "  what helps: a smaller data.num_workers or data.prefetch"
        ) from error


def performed(reader: Source, tasks: Iterator[Task]) -> Iterator[tuple[NDArray[Any], Done]]:
    """Results one after the other, read in this process."""
    for task in tasks:
        out = np.empty((len(task.rows), *reader.shape), reader.dtype)
        try:
            with generators_kept():
                done = perform(reader, task, out)
        except Unreadable as error:
            raise _unreadable(error, reader) from None
        yield out, done


def _unreadable(error: Unreadable, reader: Source) -> RunError:
    return RunError(f"a sample cannot be read: {error}\n  fix: {reader.advice}")
