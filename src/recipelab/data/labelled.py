"""Image files whose targets are told elsewhere: decoded, kept and cached as those of an image folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipelab.core.errors import UserError
from recipelab.data.imagefolder import ImageFolder
from recipelab.data.listing import Folder
from recipelab.data.pool import Pool, Say
from recipelab.data.targets import Targets


@dataclass(frozen=True)
class Labelled:
    """What a source of such files has found.

    base: the folder that paths are relative to. train, test: paths, in the order of the targets; test is None
    without a test part. remarks: lines to print. chosen: these files are a choice of those in the folder, beside which
    other choices are cached.
    """

    base: Path
    train: Sequence[str]
    test: Sequence[str] | None
    targets: Targets
    remarks: Sequence[str] = ()
    chosen: bool = False

    def images(self, root: str, **options: Any) -> ImageFolder:
        """The files as an image folder, in which each file's label is its row among all of them.

        So the decoded images are kept apart from the targets, and another table over the same files decodes nothing.
        root: as the user gave it, for messages. options: of ImageFolder.
        """
        rows = list(enumerate([*self.train, *(self.test or [])]))
        files = [(name, row) for row, name in rows]
        count = len(self.train)
        test = None if self.test is None else files[count:]
        folder = Folder(self.base, (), files[:count], test, list(self.remarks), self.chosen)
        return ImageFolder.of(folder, root=root, **options)

    def facts(self, images: ImageFolder) -> dict[str, object]:
        """Of the targets, and of the images."""
        told = {"task": self.targets.task, "num_classes": self.targets.width, "class_names": self.targets.names}
        return {**images.facts(), **told}

    def load(self, images: ImageFolder, say: Say) -> tuple[Pool, Pool | None]:
        """Pools with the targets in place of the rows. Raises UserError when a class has no image left."""
        for line in self.targets.remarks:
            say(line)
        train, test = images.load(say)
        parts = [self.targets.train, *([] if self.targets.test is None else [self.targets.test])]
        values = torch.cat(parts)
        train = replace(train, targets=values[train.targets])
        if self.targets.task == "classification":
            gone = set(self.targets.train.tolist()) - set(train.targets.tolist())
            if gone:
                names = ", ".join(repr(self.targets.names[label]) for label in sorted(gone))
                raise UserError(f"data.root={images.root!r}: no image of class {names} can be read")
        return train, None if test is None else replace(test, targets=values[test.targets])


class LabelledFiles:
    """A data source over such files: what is left of one when it says how they are listed.

    root: as the user gave it. listing: finds them, when they are first asked for. options: of ImageFolder.
    """

    def __init__(self, root: str, listing: Callable[[], Labelled], **options: Any) -> None:
        self.root, self._listing, self._options = root, listing, options
        ImageFolder(root=root, **options)  # refuses now what it refuses

    def facts(self) -> dict[str, object]:
        """From what lists the files and, for image_size="auto", the headers of up to 64 of them. Raises UserError."""
        return self._listed.facts(self._images)

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools in the order of the list. Raises UserError for what cannot be read, see ImageFolder."""
        return self._listed.load(self._images, say)

    @cached_property
    def _listed(self) -> Labelled:
        return self._listing()

    @cached_property
    def _images(self) -> ImageFolder:
        return self._listed.images(self.root, **self._options)


def text_targets(
    train: Sequence[Sequence[str]], test: Sequence[Sequence[str]] | None, task: str, where: str
) -> tuple[Any, Any]:
    """Texts, one row of T a sample, as arrays for `to_targets`: numbers where they are measured, else names.

    Texts are numbers when task is "regression", or "auto" finds several columns or a number that is not whole. where:
    for messages. Raises UserError for a text that is no number where they are, or where others are fractions.
    """
    rows = [*train, *(test or [])]
    numbers = [[_number(text) for text in row] for row in rows]
    others = [(n, t) for n, row in enumerate(rows) for t, v in zip(row, numbers[n], strict=True) if v is None]
    fractions = any(v is not None and not text.strip().lstrip("+-").isdigit() for text, v in _pairs(rows, numbers))
    if others and (task == "regression" or (task == "auto" and fractions)):
        number, text = others[0]
        raise UserError(
            f"{where}: {text!r} (sample {number + 1}) is no number, and the targets of a regression are"
            "\n  fix: mend it or leave that row out; if all are names of classes, data.task=classification"
        )
    if task != "classification" and not others and (task == "regression" or len(rows[0]) > 1 or fractions):
        values = np.array(numbers, dtype=np.float64)
    else:
        values = np.array([[text.strip() for text in row] for row in rows])
    return values[: len(train)], None if test is None else values[len(train) :]


def _pairs(rows: Sequence[Sequence[str]], numbers: Sequence[Sequence[float | None]]) -> Any:
    return (
        (text, value) for row, line in zip(rows, numbers, strict=True) for text, value in zip(row, line, strict=True)
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
