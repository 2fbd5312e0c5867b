"""TensorBoard beside metrics.csv: the same numbers as curves, in the record's folder `tensorboard`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from recipelab.loggers.beside import earlier_rows
from recipelab.loggers.tags import final, tag


class TensorBoard:
    """Curves (`Loss/train`, `Accuracy/val_raw`, `Model/lr`), the recipe as text, and its keys as hparams with the
    final metrics (`Eval/Accuracy/best_raw_test`) when the run has finished.

    After a resume the curves are those of metrics.csv, whatever was drawn before. TensorBoard keeps single precision;
    metrics.csv has every digit.

    flush_secs: seconds after which events are written out.
    """

    def __init__(self, *, flush_secs: Annotated[int, Ge(1)] = 30) -> None:
        self._flush_secs = flush_secs
        self._writer: Any = None
        self._config: dict[str, Any] = {}
        self._step: int | None = None

    def open(self, folder: Path, config: dict[str, Any]) -> None:
        """Begin an events file in `folder/tensorboard`. config: the resolved recipe."""
        from torch.utils.tensorboard import SummaryWriter

        self._config = config
        self._step = None
        self._writer = SummaryWriter(str(folder / "tensorboard"), flush_secs=self._flush_secs)
        self._writer.add_text("config", _table(config), 0)
        for step, row in earlier_rows(folder):  # again: a kill may have lost some, a fork or another logger has none
            self.log(row, step)

    def log(self, row: Mapping[str, float | None], step: int) -> None:
        """Add one row of metrics.csv at `step`."""
        if self._step is None:
            self._purge(step)
        self._step = step
        for column, value in row.items():
            if column != "step" and value is not None:
                self._writer.add_scalar(tag(column), value, step)

    def image(self, name: str, path: Path, step: int) -> None:
        """Add a picture, `Result/{name}`. path: a PNG file."""
        import numpy as np
        from PIL import Image

        with Image.open(path) as picture:
            self._writer.add_image(f"Result/{name}", np.asarray(picture.convert("RGB")), step, dataformats="HWC")

    def close(self, result: dict[str, Any]) -> None:
        """Write the final metrics and close. result: as in result.json; the hparams only when it has final metrics,
        since TensorBoard keeps the first hparams that it sees and an interrupted run may be resumed."""
        found = final(result)
        for name, value in found.items():
            self._writer.add_scalar(name, value, self._step or 0)
        if found:
            self._hparams(found)
        self._writer.close()

    def _purge(self, step: int) -> None:
        """Hide what an interrupted run had written from `step` on (nothing in a new run)."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        start = Event(step=step, session_log=SessionLog(status=SessionLog.START))
        self._writer.file_writer.add_event(start, step)

    def _hparams(self, found: dict[str, float]) -> None:
        # SummaryWriter.add_hparams would make a second run, named by the time, in a folder of its own.
        from torch.utils.tensorboard import summary as summaries

        make: Any = summaries.hparams
        for summary in make(dict(_flat(self._config)), found):
            self._writer.file_writer.add_summary(summary)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    """(dotted key, value) of every leaf; what hparams cannot hold, as text."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value if isinstance(value, bool | int | float | str) else str(value)


def _table(config: Mapping[str, Any]) -> str:
    rows = [f"| {key} | {str(value).replace('|', chr(92) + '|')} |" for key, value in _flat(config)]
    return "\n".join(["| key | value |", "|---|---|", *rows])
