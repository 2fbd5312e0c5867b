"""Augmentation of whole batches of uint8 images, on the device they live on.

The contract, which a user's own class follows too (no base class):

    class MyAugment:
        def __init__(self, *, my_option: float = 0.5): ...
        def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]: ...
        def __call__(self, images: Tensor, draws: dict[str, Tensor]) -> Tensor: ...

`draw` returns the per-sample draws of a whole epoch as CPU tensors whose first dimension is `count`, all taken from
`generator` and from nothing else; row i belongs to the sample at position i of the epoch's order. An empty dictionary
says that nothing is drawn.

`__call__` takes images (B, C, *S) uint8 in channels-last memory order and the B rows of every draw that belong to them,
on the images' device, and returns (B, C, *S) uint8 in the same order. It draws nothing, does not write into `images`,
treats every sample by itself (so that batch size and chunking cannot change a bit), and on a GPU waits for nothing (no
`.item()`, no `nonzero`, no boolean mask as index).

Options are keyword-only and annotated: the signature is the schema of the yaml. Facts of the data (`image_size`,
`input_channels`, ...; see `recipelab.core.facts`) are filled in by name.
"""
