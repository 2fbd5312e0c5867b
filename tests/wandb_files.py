"""Read back what wandb has written offline: its log of records, and in them rows, settings and lines.

The file is LevelDB's log format (https://github.com/google/leveldb/blob/main/doc/log_format.md) behind a header of
seven bytes, its records protocol buffers. wandb has no reader of its own for it in Python any more.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[Any]:
    """Every record of a run-*.wandb file."""
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    place, whole = 7, b""
    while place + 7 <= len(content):
        if BLOCK - place % BLOCK < 7:  # no room for a header: the block ends in padding
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (FULL, LAST):
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""
        else:
            assert kind in (FIRST, MIDDLE)


class OfflineRun:
    """An offline run of a record, read back. rows: what was logged, in order; lines: of its log."""

    def __init__(self, record: Path) -> None:
        (self.folder,) = record.glob("wandb/offline-run-*")
        (file,) = self.folder.glob("run-*.wandb")
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.lines: list[str] = []
        self.axes: dict[str, str] = {}
        self.run: Any = None
        self.exit_code: int | None = None
        self.stats = 0
        for one in _whole(file):
            self._take(one)

    def _take(self, one: Any) -> None:
        kind = one.WhichOneof("record_type")
        if kind == "history":
            self.rows.append(_items(one.history.item))
        elif kind == "summary":
            self.summary |= _items(one.summary.update)
        elif kind == "run":
            self.run = self.run or one.run
            self.config |= _items(one.run.config.update)
        elif kind == "config":
            self.config |= _items(one.config.update)
        elif kind == "metric":
            self.axes[one.metric.name or one.metric.glob_name] = one.metric.step_metric
        elif kind == "output_logger":
            self.lines += one.output_logger.line.splitlines()
        elif kind == "exit":
            self.exit_code = one.exit.exit_code
        elif kind == "stats":
            self.stats += 1

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows that are rows of metrics.csv, without what wandb adds."""
        rows = [row for row in self.rows if "epoch" in row]
        return [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]


def _whole(file: Path, patience: float = 30.0) -> list[Any]:
    """The records, with the last of a run among them: `finish` returns before wandb's own process has written all."""
    until = time.monotonic() + patience
    while True:
        found = list(records(file))
        if any(one.WhichOneof("record_type") == "exit" for one in found) or time.monotonic() > until:
            return found
        time.sleep(0.05)


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
