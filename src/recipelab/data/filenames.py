"""Image files whose names tell their targets: `poster_7.3.jpg` is a picture of 7.3, found by a regular expression."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Len

from recipelab.core.errors import UserError
from recipelab.data.decode import Interpolation
from recipelab.data.imagefolder import Pixels, Range
from recipelab.data.labelled import Labelled, LabelledFiles, text_targets
from recipelab.data.listing import list_images
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind
from recipelab.data.targets import Task, to_targets


class FileNames:
    """Every image file below `root`; `root/train` and `root/test` are the parts where both exist.

    root: the folder.
    pattern: a regular expression (Python's `re`) that is searched for in each path below root; what its groups match
        is the target, or the targets. A file that it does not match is an error.
    task: "auto": several groups, or numbers that are not all whole, are a regression; all else are classes.
    image_size, crop_scale, crop_ratio, input_channels, on_error, cache, resize_size, interpolation, storage,
        memory_limit, disk_limit: as in `recipelab.data.imagefolder.ImageFolder`.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the data section
        self,
        *,
        root: str,
        pattern: str,
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
        self.root = root
        self.task = task
        try:
            self.pattern = re.compile(pattern)
        except re.error as error:
            raise UserError(f"data.pattern={pattern!r} is no regular expression: {error}") from error
        if not self.pattern.groups:
            raise UserError(
                f"data.pattern={pattern!r} has no group: put the target in brackets, such as '_([0-9.]+)[.]'"
            )
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
        """From the names of the files and, for image_size="auto", the headers of up to 64. Raises UserError."""
        return self._files.facts()

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools by path. Raises UserError for what cannot be read, see ImageFolder."""
        return self._files.load(say)

    def _list(self) -> Labelled:
        top = Path(self.root).expanduser().absolute()
        if not top.is_dir():
            raise UserError(f"data.root={self.root!r} is no folder: a folder of image files is expected")
        paths = list_images(top)
        if not paths:
            raise UserError(f"data.root={self.root!r} holds no image files")
        parts = all((top / name).is_dir() for name in ("train", "test"))
        test = [path for path in paths if parts and path.startswith("test/")]
        train = [path for path in paths if path not in set(test)]
        if parts and not (train and test):
            raise UserError(f"data.root={self.root!r}: train/ or test/ holds no image files")
        first, second = ([self._texts(path) for path in chosen] for chosen in (train, test))
        where = f"data.root={self.root!r}"
        train_values, test_values = text_targets(first, second if parts else None, self.task, where)
        targets = to_targets(train_values, test_values, task=self.task, where=where)
        return Labelled(top, train, test if parts else None, targets)

    def _texts(self, path: str) -> list[str]:
        match = self.pattern.search(path)
        if match is None or None in match.groups():
            raise UserError(
                f"data.pattern={self.pattern.pattern!r} does not match {path!r} (under data.root={self.root!r})"
                "\n  fix: another pattern, or move that file away"
            )
        return list(match.groups())
