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

An augmentation may have more:

    draw_epoch(order, epoch, generator) in place of `draw`, where the draws depend on the sample (order: (count,) int64,
        its index in the training split) or on the epoch (from 0);
    output_size, the spatial sizes of what `__call__` gives, where they are not those it was given; the network and the
        normalisation are then built for them. It then needs evaluate(images), which makes uint8 images of these sizes
        for evaluation, drawing nothing;
    describe(draws) -> list[str], what each sample goes through, for contact sheets.

Options are keyword-only and annotated: the signature is the schema of the yaml. Facts of the data (`image_size`,
`input_channels`, ...; see `recipelab.core.facts`) are filled in by name.
"""
