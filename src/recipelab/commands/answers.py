"""What trained models, and ensembles of them, give for samples: logits, or values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recipelab.commands.assemble import evaluation_input
from recipelab.commands.trained import Trained
from recipelab.core.batch import Batch
from recipelab.core.errors import RunError, UserError
from recipelab.data.loader import EvalLoader, place
from recipelab.data.pool import Pool
from recipelab.loop.device import Device, applied
from recipelab.loop.ensemble import Kind, combine
from recipelab.loop.evaluate import outputs
from recipelab.loop.tta import AveragedOverViews

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What a model, or an ensemble, gives for samples: outputs (M, K) float32 and targets, on the CPU.

    member: whose recipe and metrics count; an ensemble's first. step: of the weights, where it is known.
    """

    name: str
    checkpoint: str
    step: int | None
    view: str
    member: Trained
    outputs: Tensor
    targets: Tensor


def answers(
    members: Sequence[Trained],
    pools: Sequence[Pool],
    view: str | None,
    kind: Kind | None,
    tta: str | None = None,
    say: Say = lambda text: None,
) -> Iterator[Answer]:
    """Of every member by view, and after them, with a kind, of the ensemble.

    pools: a member's samples with its labels; an ensemble's members have the same. view: as `Trained.chosen_views`
    takes it. tta, say: as in `outputs_of`. Raises UserError when the members do not have the same views, or have values
    and no probabilities; RunError when not all could read the same samples.
    """
    if kind == "probabilities" and members[0].facts.task == "regression":
        raise UserError("--ensemble probabilities: a regression has none; --ensemble takes the mean of the values")
    views = [member.chosen_views(view) for member in members]
    if len({len(names) for names in views}) > 1:
        raise UserError("--view all: the runs do not have the same views; name one of each: --view NAME")
    for chosen in zip(*views, strict=True):
        asked = list(zip(members, chosen, pools, strict=True))
        made = [outputs_of(member, name, pool, tta, say) for member, name, pool in asked]
        same = all(pool is pools[0] for pool in pools)
        if same and any(not torch.equal(read, made[0][1]) for _, read in made):
            raise RunError("the models could not read the same samples: the files have changed meanwhile; try again")
        for (member, name, pool), (values, read) in zip(asked, made, strict=True):
            step = member.steps.get(name)
            yield Answer(member.name, member.checkpoint, step, name, member, values, pool.targets[read])
        if kind:
            checkpoint, name = (_common([m.checkpoint for m in members]), _common(list(chosen)))
            together = combine([values for values, _ in made], kind)
            title = f"ensemble of {len(members)} ({kind})"
            yield Answer(title, checkpoint, None, name, members[0], together, pools[0].targets[made[0][1]])


def outputs_of(
    member: Trained, view: str, pool: Pool, tta: str | None = None, say: Say = lambda text: None
) -> tuple[Tensor, Tensor]:
    """What a view of a model gives for every sample that can be read, executed as the model was: (M, K) float32, and
    which samples (M,) int64 these are, on the CPU.

    tta: test-time augmentation to average over, by a name in `loop.tta.VIEWS`; the outputs are then log-probabilities.
    say: is told when memory has run out and the samples go through in smaller batches. Raises RunError when one sample
    is too much.
    """
    size = min(member.recipe.trainer.eval_batch_size, max(1, len(pool)))
    with applied(member.execution):
        device = Device(member.execution)
        model = member.model(view, device)
        if tta is not None:
            model = AveragedOverViews(model, tta, regression=member.facts.task == "regression")
        while True:
            try:
                return _in_batches(model, member, pool, device, size)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            # not in the handler, where the traceback still holds the failed forward's tensors
            if size == 1:
                raise RunError(f"{member.name}: out of memory with one sample in a forward: {reason}")
            size = -(-size // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            say(f"out of memory: {member.name} is asked {size} samples at a time (--batch-size {size})")


def _in_batches(model: nn.Module, member: Trained, pool: Pool, device: Device, size: int) -> tuple[Tensor, Tensor]:
    loader = EvalLoader(
        place(pool.images, device.torch_device),
        torch.arange(len(pool), device=device.torch_device),
        normalize=seen_by(member, device),
        batch_size=size,
        channels_last=member.execution.channels_last,
    )
    read: list[Tensor] = []
    found = outputs(model, (_noted(batch, read) for batch in loader), device)
    return found.cpu(), torch.cat(read).cpu()


def _noted(batch: Batch, read: list[Tensor]) -> Tensor:
    read.append(batch.target.first)
    return batch.images


def seen_by(member: Trained, device: Device) -> Callable[[Tensor], Tensor]:
    """From stored images (B, C, *S) to what the model was evaluated on in training."""
    augment = member.recipe.slots["augment"].build()
    return evaluation_input(member.recipe, member.facts, augment, device.torch_device)[1]


def _common(names: Sequence[str]) -> str:
    return names[0] if len(set(names)) == 1 else "mixed"
