"""Facts: what the data are, passed on to every slot whose signature names them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Facts:
    """What is known of the data before a model is built.

    task: "classification" or "regression".
    num_classes: number of classes; under regression, of targets: what a model gives for one image either way.
    input_channels: channels of an image (1 grey, 3 RGB).
    image_size: spatial sizes that the model sees, (height, width) for images; its length is `input_dim`.
    stored_size: spatial sizes of the images in memory, where augmentation or resizing gives others; None: the same.
    mean, std: per channel, of images scaled to [0, 1] (float32 images as they are); None until measured on the
        training split.
    class_names: one name a class, in label order, or one a target; empty when unknown.
    image_dtype: "uint8" or "float32", as images are stored and augmented.
    class_counts: samples a class of the training split; None until counted there, and under regression.
    cropped: training images come as random resized crops already, cut out of the whole files.
    """

    task: str
    num_classes: int
    input_channels: int
    image_size: tuple[int, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] = ()
    image_dtype: str = "uint8"
    stored_size: tuple[int, ...] | None = None
    class_counts: tuple[int, ...] | None = None
    cropped: bool = False

    @property
    def input_dim(self) -> int:
        """Number of spatial dimensions: 2 for images."""
        return len(self.image_size)

    def of_stored(self) -> Facts:
        """The facts of the images before augmentation changes their size."""
        return self if self.stored_size is None else replace(self, image_size=self.stored_size, stored_size=None)

    def injectable(self) -> dict[str, object]:
        """The facts by the parameter name under which a slot's signature may ask for them."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**named, "input_dim": self.input_dim}
