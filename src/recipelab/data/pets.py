"""Oxford-IIIT Pet: O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar, "Cats and dogs", CVPR 2012.

37 breeds, 3,680 images for training and 3,669 for the test. Download and checksums are torchvision's; decoding, cache
and streaming are those of every folder of image files.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Len

from recipelab.core.errors import UserError
from recipelab.data.decode import Interpolation
from recipelab.data.imagefolder import Pixels, Range
from recipelab.data.labelled import Labelled, LabelledFiles
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind
from recipelab.data.targets import Targets

FOLDER = "oxford-iiit-pet"
LISTS = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}
# fmt: off
BREEDS = (
    "Abyssinian", "American Bulldog", "American Pit Bull Terrier", "Basset Hound", "Beagle", "Bengal", "Birman",
    "Bombay", "Boxer", "British Shorthair", "Chihuahua", "Egyptian Mau", "English Cocker Spaniel", "English Setter",
    "German Shorthaired", "Great Pyrenees", "Havanese", "Japanese Chin", "Keeshond", "Leonberger", "Maine Coon",
    "Miniature Pinscher", "Newfoundland", "Persian", "Pomeranian", "Pug", "Ragdoll", "Russian Blue", "Saint Bernard",
    "Samoyed", "Scottish Terrier", "Shiba Inu", "Siamese", "Sphynx", "Staffordshire Bull Terrier", "Wheaten Terrier",
    "Yorkshire Terrier",
)
# fmt: on


class OxfordIIITPet:
    """Photos of cats and dogs, RGB, 37 breeds; the published `test` is the test part.

    root: folder that holds `oxford-iiit-pet/images` and `oxford-iiit-pet/annotations`, or is to hold them.
    download: fetch them (810 MB) when they are not there.
    image_size, crop_scale, crop_ratio, on_error, cache, resize_size, interpolation, storage, memory_limit, disk_limit:
        as in `recipelab.data.imagefolder.ImageFolder`.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the data section
        self,
        *,
        root: str,
        download: bool = True,
        image_size: Pixels | Annotated[list[Pixels], Len(2, 2)] = 256,
        crop_scale: Range | None = None,
        crop_ratio: Range | None = None,
        on_error: Literal["stop", "skip"] = "stop",
        cache: str = "auto",
        resize_size: Pixels | None = None,
        interpolation: Interpolation = "bilinear",
        storage: Literal["auto"] | Kind = "auto",
        memory_limit: str = "auto",
        disk_limit: str = "auto",
    ) -> None:
        self.root = root
        self.download = download
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        self.cropped = crop_scale is not None
        self.files = LabelledFiles(
            root,
            self._list,
            image_size=image_size,
            crop_scale=crop_scale,
            crop_ratio=crop_ratio,
            on_error=on_error,
            cache=cache,
            resize_size=resize_size,
            interpolation=interpolation,
            storage=storage,
            memory_limit=memory_limit,
            disk_limit=disk_limit,
        )

    def facts(self) -> dict[str, object]:
        """Everything but the statistics is known without the files."""
        told = {"task": "classification", "num_classes": len(BREEDS), "input_channels": 3}
        told |= {"image_size": self.image_size, "class_names": BREEDS}
        return told | ({"cropped": True} if self.cropped else {})

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Pools in the order of the published lists.

        Raises UserError when the files are missing and are not, or cannot be, fetched, and as `Files.load` does.
        """
        place = Path(self.root).expanduser()
        missing = [name for name in ("images", *LISTS.values()) if not (place / FOLDER / name).exists()]
        if missing and not self.download:
            raise UserError(
                f"data.root={self.root!r} does not hold {FOLDER}/{missing[0]}\n"
                "  fix: data.download=true, or put images.tar.gz and annotations.tar.gz, unpacked, there"
            )
        if missing:
            say(f"fetching the Oxford-IIIT Pet data set to {place}")
            _fetch(place)
        return self.files.load(say)

    def _list(self) -> Labelled:
        base = Path(self.root).expanduser().absolute() / FOLDER
        parts = {part: _read_list(base / file) for part, file in LISTS.items()}
        paths = {part: [f"images/{name}.jpg" for name, _ in rows] for part, rows in parts.items()}
        labels = {part: torch.tensor([label for _, label in rows], dtype=torch.int64) for part, rows in parts.items()}
        targets = Targets("classification", len(BREEDS), BREEDS, labels["train"], labels["test"])
        return Labelled(base, paths["train"], paths["test"], targets, chosen=True)


def _read_list(file: Path) -> list[tuple[str, int]]:
    """(name, label from 0) of each line `NAME LABEL SPECIES ID`. Raises UserError for any other."""
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        name, label, *_ = [*line.split(), "", ""]
        if not label.isdigit() or not 1 <= int(label) <= len(BREEDS):
            raise UserError(f"{file}, line {number}: NAME LABEL with a label of 1 to {len(BREEDS)} is expected")
        rows.append((name, int(label) - 1))
    return rows


def _fetch(folder: Path) -> None:
    """Download and unpack beside the final place, then move: two processes may do so at once."""
    from torchvision.datasets import OxfordIIITPet as Archive

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            Archive(scratch, download=True)
            (folder / FOLDER).mkdir(exist_ok=True)
            for name in ("annotations", "images"):  # the larger last: its presence says that all is there
                if not (folder / FOLDER / name).exists():
                    os.replace(Path(scratch) / FOLDER / name, folder / FOLDER / name)
    except (OSError, RuntimeError) as error:  # no network, no space, a wrong checksum
        raise UserError(
            f"the Oxford-IIIT Pet data set could not be fetched to data.root={str(folder)!r}: {error}\n"
            f"  fix: put {FOLDER}/images and {FOLDER}/annotations into that folder"
        ) from error
