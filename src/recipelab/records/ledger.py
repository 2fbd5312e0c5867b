"""The ledger: what a run made of every single sample, of each view at each evaluation (docs/ledger.md).

One file a split, `ledger_val.bin`, `ledger_test.bin`: a line of JSON that says what it holds, then a row of fixed size
for every view of every evaluation, in the order in which they were made. Rows are appended and flushed to the disk:
whatever kills the run leaves whole rows and perhaps a part of one, which reading leaves out and going on removes. That
of the test split, which is looked at once, is written whole.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from recipelab.core import atomic
from recipelab.core.errors import UserError, did_you_mean

SCHEMA = 1
VALIDATION, TEST = "val", "test"
LONGEST_HEAD = 2**20  # bytes; the names of some thousand views
MOST_SAMPLES = 2**28  # as many as a row of floats can hold
# What each kind stores of a sample: bits are packed, the first sample in the highest bit of the first byte.
FIELDS: dict[str, dict[str, str]] = {
    "correct": {"correct": "bits"},
    "margin": {"correct": "bits", "margin": "<f2"},
    "error": {"error": "<f4"},
}
Values = Mapping[str, Mapping[str, NDArray[Any]]]


def at_checkpoint(view: str, checkpoint: str) -> str:
    """The name in the test split's ledger of a view as it was at a checkpoint (last, best)."""
    return f"{view}@{checkpoint}"


@dataclass(frozen=True)
class Head:
    """What a ledger holds.

    kind: of FIELDS. split: of which part of the data. samples: N. sha256: of the split: the identity of its samples,
    which are numbered in their order in it. views: their names, in the order of their numbers.
    """

    kind: str
    split: str
    samples: int
    sha256: str
    views: list[str]
    schema: int = SCHEMA

    @property
    def row(self) -> np.dtype[Any]:
        """A row: step, number of the view, then the values of all samples."""
        of = {
            "bits": ("u1", (-(-self.samples // 8),)),
            "<f2": ("<f2", (self.samples,)),
            "<f4": ("<f4", (self.samples,)),
        }
        return np.dtype([("step", "<u8"), ("view", "<u4"), *((n, *of[kept]) for n, kept in FIELDS[self.kind].items())])


@dataclass(frozen=True)
class Ledger:
    """A ledger read back. where: for messages. head: what it holds."""

    where: str
    head: Head
    _rows: NDArray[Any]

    @property
    def views(self) -> list[str]:
        """The views that were evaluated, in the order of the recipe."""
        seen = set(self._rows["view"].tolist())
        return [name for number, name in enumerate(self.head.views) if number in seen]

    def steps(self, view: str = "raw") -> NDArray[np.int64]:
        """(T,): the optimizer steps after which `view` was evaluated, rising."""
        steps: NDArray[np.int64] = self._of(view)["step"].astype(np.int64)
        return steps

    def correct(self, view: str = "raw") -> NDArray[np.bool_]:
        """(T, N): whether each sample was classified right at each evaluation. Raises UserError where none is kept."""
        bits = self._field(view, "correct")
        return np.unpackbits(bits, axis=1, count=self.head.samples).astype(np.bool_)

    def margin(self, view: str = "raw") -> NDArray[np.float16]:
        """(T, N): logit of the label less the largest other. Raises UserError where none is kept (ledger=margin)."""
        return self._field(view, "margin")

    def error(self, view: str = "raw") -> NDArray[np.float32]:
        """(T, N): absolute error of a regression, the mean over the targets. Raises UserError where none is kept."""
        return self._field(view, "error")

    def require_same_samples(self, other: Ledger) -> None:
        """Raise UserError unless both are of the same samples in the same order."""
        if (self.head.sha256, self.head.samples) != (other.head.sha256, other.head.samples):
            raise UserError(
                f"{self.where} and {other.where} are of other samples ({self.head.samples:,} and"
                f" {other.head.samples:,}, sha256 {self.head.sha256[:12]} and {other.head.sha256[:12]}): what they say"
                " of single samples cannot be compared"
                "\n  runs share their validation split when data, data.split_seed, data.val_split and fold are the same"
            )

    def _of(self, view: str) -> NDArray[Any]:
        if view not in self.views:
            raise UserError(
                f"{self.where} has no view {view!r}: it has {', '.join(self.views)}{did_you_mean(view, self.views)}"
            )
        rows: NDArray[Any] = self._rows[self._rows["view"] == self.head.views.index(view)]
        return rows

    def _field(self, view: str, name: str) -> NDArray[Any]:
        if name not in FIELDS[self.head.kind]:
            kinds = ", ".join(f"ledger={kind}" for kind, kept in FIELDS.items() if name in kept)
            raise UserError(f"{self.where} keeps no {name}: it is a ledger={self.head.kind}; {kinds} keeps it")
        values: NDArray[Any] = self._of(view)[name]
        return values


class LedgerFile:
    """The ledger of one split of one run.

    path: the file. writing: a context in which it may be written; it turns a failing disk into an error that helps.
    """

    def __init__(
        self, path: Path, writing: Callable[[Path], contextlib.AbstractContextManager[Path]] = contextlib.nullcontext
    ) -> None:
        self.path = path
        self._writing = writing

    def begin(self, head: Head) -> None:
        """Begin a ledger, or find the one that is gone on with. Raises UserError when that holds something else."""
        if self.path.exists():
            there, _ = self._head()
            if there != head:
                other = [key for key, value in asdict(head).items() if asdict(there)[key] != value]
                raise UserError(f"{self.path} is the ledger of something else ({', '.join(other)}): move it away")
            return
        with self._writing(self.path):
            atomic.write(self.path, lambda file: file.write(json.dumps(asdict(head)).encode() + b"\n"))

    def append(self, step: int, values: Values) -> None:
        """Add an evaluation after `step` steps: view -> quantity -> (N,)."""
        head, _ = self._head()
        packed = _packed(head, step, values)
        with self._writing(self.path), open(self.path, "ab") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())

    def write(self, head: Head, evaluations: Iterable[tuple[int, Values]]) -> None:
        """Replace the ledger as a whole: evaluations of (step, view -> quantity -> (N,)), their steps not falling."""
        content = json.dumps(asdict(head)).encode() + b"\n" + b"".join(_packed(head, *one) for one in evaluations)
        with self._writing(self.path):
            atomic.write(self.path, lambda file: file.write(content))

    def truncate(self, step: int) -> None:
        """Drop the rows of later steps than `step`, and one that was cut short; a resumed run writes them again."""
        if not self.path.exists():
            return
        head, begin = self._head()
        rows = self._rows(head, begin)
        later = np.flatnonzero(rows["step"] > step)
        kept = begin + head.row.itemsize * (int(later[0]) if len(later) else len(rows))
        if kept < self.path.stat().st_size:
            with self._writing(self.path), open(self.path, "r+b") as file:
                file.truncate(kept)
                os.fsync(file.fileno())

    def read(self) -> Ledger:
        """What is in the file; a last row that was cut short is left out.

        Raises UserError when there is none, and for one that cannot be read.
        """
        head, begin = self._head()
        rows = self._rows(head, begin)
        if len(rows) and (
            int(rows["view"].max()) >= len(head.views) or (np.diff(rows["step"].astype(float)) < 0).any()
        ):
            raise UserError(f"{self.path} is damaged: its rows are not those of evaluations in order")
        return Ledger(str(self.path), head, rows)

    def _rows(self, head: Head, begin: int) -> NDArray[Any]:
        count = (self.path.stat().st_size - begin) // head.row.itemsize
        return np.fromfile(self.path, head.row, count, offset=begin) if count else np.zeros(0, head.row)

    def _head(self) -> tuple[Head, int]:
        """What the file holds, and at which byte its rows begin."""
        try:
            with open(self.path, "rb") as file:
                line = file.readline(LONGEST_HEAD)
        except FileNotFoundError:
            raise UserError(
                f"{self.path} does not exist: this run kept no ledger"
                "\n  ledger=correct in its recipe would; ledger=error for a regression"
            ) from None
        try:
            head = TypeAdapter(Head).validate_json(line, strict=True)
        except ValidationError as error:
            raise UserError(f"{self.path} is no ledger: {error.errors()[0]['msg']}") from None
        if not line.endswith(b"\n") or head.kind not in FIELDS or not 1 <= head.samples <= MOST_SAMPLES:
            raise UserError(f"{self.path} is no ledger that this recipelab reads")
        if head.schema != SCHEMA:
            raise UserError(f"{self.path} has schema {head.schema}; this recipelab reads {SCHEMA}")
        return head, len(line)


def _packed(head: Head, step: int, values: Values) -> bytes:
    """The rows of one evaluation."""
    rows = np.zeros(len(values), head.row)
    rows["step"] = step
    for row, (view, quantities) in zip(rows, values.items(), strict=True):
        row["view"] = head.views.index(view)
        for name, kept in FIELDS[head.kind].items():
            row[name] = np.packbits(quantities[name]) if kept == "bits" else quantities[name]
    return rows.tobytes()
