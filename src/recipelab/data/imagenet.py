"""ImageNet (ILSVRC 2012): O. Russakovsky et al., "ImageNet large scale visual recognition challenge", 2015.

The usual preprocessing (Krizhevsky et al. 2012; Szegedy et al. 2014; the reference scripts of torchvision): training
sees a random resized crop of 224 pixels, evaluation the short side resized to 256 and the central 224 pixels. Flips
and whatever follows are the augment slot's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from recipelab.core.errors import UserError
from recipelab.data.crop import RATIO, SCALE
from recipelab.data.decode import Interpolation
from recipelab.data.imagefolder import ImageFolder, Pixels, Range
from recipelab.data.pool import Pool, Say
from recipelab.data.storage import Kind

CLASSES = 1000


class ImageNet:
    """`root/train/<wnid>/*.JPEG` and `root/val/<wnid>/*.JPEG`; the labelled `val` is the test part.

    Validation is split off `train`; data.protocol=test_as_val selects on `val`, as most of the literature does. A part
    of the classes will do, with data.num_classes=N.

    root: the folder. image_size: pixels of the square that the network sees.
    resize_size: pixels of the short side before the centre crop of evaluation. interpolation: of resizing.
    crop_scale, crop_ratio: ranges of area and aspect of the random crop of training; crop_scale=null: none, training
        sees what evaluation sees.
    on_error, cache, storage, memory_limit, disk_limit: as in `recipelab.data.imagefolder.ImageFolder`; with a random
        crop the files are always streamed.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the data section
        self,
        *,
        root: str,
        image_size: Pixels = 224,
        resize_size: Pixels | None = 256,
        interpolation: Interpolation = "bilinear",
        crop_scale: Range | None = list(SCALE),  # noqa: B006 - never written to
        crop_ratio: Range | None = list(RATIO),  # noqa: B006
        on_error: Literal["stop", "skip"] = "stop",
        cache: str = "auto",
        storage: Literal["auto"] | Kind = "auto",
        memory_limit: str = "auto",
        disk_limit: str = "auto",
    ) -> None:
        self.root = root
        self.folder = ImageFolder(
            root=root,
            image_size=image_size,
            resize_size=resize_size,
            interpolation=interpolation,
            crop_scale=crop_scale,
            crop_ratio=crop_ratio if crop_scale is not None else None,
            on_error=on_error,
            cache=cache,
            storage=storage,
            memory_limit=memory_limit,
            disk_limit=disk_limit,
            test_folder="val",
        )

    def facts(self) -> dict[str, object]:
        """From the names of the folders; all thousand of them have their English names, in the order of the wnids.

        Raises UserError when the folder is not laid out so.
        """
        self._refuse_other_layouts()
        facts = self.folder.facts()
        return facts | ({"class_names": english_names()} if facts["num_classes"] == CLASSES else {})

    def load(self, say: Say) -> tuple[Pool, Pool | None]:
        """Training and test pool of uint8 images, as `recipelab.data.files.Files.load`."""
        self._refuse_other_layouts()
        return self.folder.load(say)

    def _refuse_other_layouts(self) -> None:
        root = Path(self.root).expanduser()
        missing = [part for part in ("train", "val") if not (root / part).is_dir()]
        if missing:
            raise UserError(
                f"data.root={self.root!r} has no folder {missing[0]}/: train/ and val/ are expected, with one"
                " folder per class in each, such as train/n01440764/"
            )


def english_names() -> tuple[str, ...]:
    """The thousand class names, in the order of the wnids; torchvision installs with them."""
    from torchvision.models import ResNet18_Weights  # imported here: it takes a second or two

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
