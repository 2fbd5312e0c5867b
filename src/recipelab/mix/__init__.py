"""Mixing of the samples of a batch: images are blended, targets become pairs with a weight.

The contract, which a user's own class follows too (no base class):

    class MyMix:
        def __init__(self, *, my_option: float = 0.5): ...
        def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Target]: ...

`images` (B, C, *S) float32 and `labels` (B,) int64 are on the training device; so is all that comes back. Draws come
from torch's default CPU generator, which the loop seeds before every step, and move to the device without waiting for
it. `images` is not written into. `labels` may be (B, ...) float32 targets of a regression, which are then mixed
themselves. A batch of one must work. A mixing with an attribute `off_after` (a duration, or None) is switched off by
the loop after it.

Options are keyword-only and annotated: the signature is the schema of the yaml.
"""
