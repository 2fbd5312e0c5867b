"""Image files listed in a CSV file: a column of paths, a column (or several) of targets, and perhaps one of parts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Len, MinLen

from recipelab.core.errors import UserError, did_you_mean
from recipelab.data.array_files import PARTS
from recipelab.data.decode import Interpolation
from recipelab.data.imagefolder import Pixels, Range
from recipelab.data.labelled import Labelled, LabelledFiles, text_targets
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind
from recipelab.data.targets import Task, to_targets

_DELIMITERS = ",;\t"


class CSV:
    """One row an image, under a row of column names; comma, semicolon or tab between columns.

    root: the file. Paths in it are relative to its folder, or to `images`.
    path: the column of paths. target: the column of classes or numbers, or several of numbers.
    split: a column that says train or test, used if there; None: not used. Rows of a validation part are left out,
        and counted in a line: the validation part is split off (data.val_split).
    images: the folder that paths are relative to, if not that of the file.
    task: "auto": several columns, or numbers that are not all whole, are a regression; all else are classes.
    image_size, crop_scale, crop_ratio, input_channels, on_error, cache, resize_size, interpolation, storage,
        memory_limit, disk_limit: as in `recipelab.data.imagefolder.ImageFolder`.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the data section
        self,
        *,
        root: str,
        path: str = "path",
        target: str | Annotated[list[str], MinLen(1)] = "target",
        split: str | None = "split",
        images: str | None = None,
        task: Task = "auto",
        image_size: Pixels | Annotated[list[Pixels], Len(2, 2)] | Literal["auto"] = "auto",
        crop_scale: Range | None = None,
        crop_ratio: Range | None = None,
        input_channels: Literal[1, 3] = 3,
        on_error: Literal["stop", "skip"] = "stop",
        cache: str = "auto",
        resize_size: Pixels | None = None,
        interpolation: Interpolation = "bilinear",
        storage: Literal["auto"] | Kind = "auto",
        memory_limit: str = "auto",
        disk_limit: str = "auto",
    ) -> None:
        self.root, self.images = root, images
        self.path, self.split = path, split
        self.target = [target] if isinstance(target, str) else target
        self.task = task
        self._files = LabelledFiles(
            root,
            self._list,
            image_size=image_size,
            crop_scale=crop_scale,
            crop_ratio=crop_ratio,
            input_channels=input_channels,
            on_error=on_error,
            cache=cache,
            resize_size=resize_size,
            interpolation=interpolation,
            storage=storage,
            memory_limit=memory_limit,
            disk_limit=disk_limit,
        )

    def facts(self) -> dict[str, object]:
        """From the table and, for image_size="auto", the headers of up to 64 files. Raises UserError."""
        return self._files.facts()

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools in the order of the rows. Raises UserError for what cannot be read, see ImageFolder."""
        return self._files.load(say)

    def _list(self) -> Labelled:
        file = Path(self.root).expanduser().absolute()
        rows = read_table(file, self.root)
        columns = list(rows[0])
        for key, name in (("path", self.path), *(("target", name) for name in self.target)):
            if name not in columns:
                raise UserError(
                    f"data.{key}={name}: {self.root} has no such column{did_you_mean(name, columns)}"
                    f"\n  columns: {', '.join(columns)}"
                )
        parts, remarks = self._parts(rows, columns)
        paths = {part: [row[self.path] for row in chosen] for part, chosen in parts.items()}
        texts = {part: [[row[name] for name in self.target] for row in chosen] for part, chosen in parts.items()}
        where = f"data.root={self.root!r}"
        train, test = text_targets(texts["train"], texts.get("test"), self.task, where)
        targets = to_targets(train, test, task=self.task, where=where)
        base = Path(self.images).expanduser().absolute() if self.images else file.parent
        return Labelled(base, paths["train"], paths.get("test"), targets, remarks, chosen=True)

    def _parts(
        self, rows: Sequence[Mapping[str, str]], columns: Sequence[str]
    ) -> tuple[dict[str, list[Mapping[str, str]]], list[str]]:
        """Rows of train and, where there are any, of test; and a line about those left out."""
        if self.split is None or (self.split not in columns and self.split == "split"):
            return {"train": list(rows)}, []
        if self.split not in columns:
            hint = did_you_mean(self.split, columns)
            raise UserError(f"data.split={self.split}: {self.root} has no such column{hint}")
        found: dict[str, list[Mapping[str, str]]] = {"train": [], "test": [], "val": []}
        for number, row in enumerate(rows, start=2):
            part = PARTS.get(row[self.split].strip().lower())
            if part is None:
                raise UserError(
                    f"{self.root}, row {number}: {self.split} is {row[self.split]!r}; train, test or val is expected"
                    "\n  fix: data.split=null if that column is no split"
                )
            found[part].append(row)
        if not found["train"]:
            raise UserError(f"{self.root}: no row has {self.split}=train")
        left = found.pop("val")
        remarks = [f"not used: {len(left):,} rows of {self.split}=val (see data.val_split)"] if left else []
        return {part: chosen for part, chosen in found.items() if chosen}, remarks


def read_table(file: Path, shown: str) -> list[dict[str, str]]:
    """The rows by column name. Raises UserError when it is no table, or a row has a cell too many or too few."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            head = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(_DELIMITERS, key=head.count), strict=True)
            columns, *lines = list(reader) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"data.root={shown!r} cannot be read as a CSV file: {reason}") from error
    lines = [line for line in lines if line]
    if not lines:
        raise UserError(f"data.root={shown!r} has no rows under a row of column names")
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise UserError(f"data.root={shown!r} has the column {sorted(twice)[0]!r} more than once")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(columns):
            raise UserError(
                f"data.root={shown!r}, row {number}: {len(line)} cells, and there are {len(columns)} columns"
            )
    return [dict(zip(columns, line, strict=True)) for line in lines]
