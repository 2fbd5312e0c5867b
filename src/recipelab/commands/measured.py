"""Trained models measured on the same samples, alone and together, and the table of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from recipelab.commands.assemble import evaluation_input
from recipelab.commands.screen import shown
from recipelab.commands.task import make_metrics
from recipelab.commands.trained import Trained
from recipelab.core.batch import Batch
from recipelab.core.errors import RunError, UserError
from recipelab.data.loader import EvalLoader, place
from recipelab.data.pool import Pool
from recipelab.loop.device import Device, applied
from recipelab.loop.ensemble import Kind, combine
from recipelab.loop.evaluate import outputs
from recipelab.loop.tta import AveragedOverViews

Row = dict[str, Any]


def measured(
    members: Sequence[Trained], pool: Pool, view: str | None, kind: Kind | None, tta: str | None = None
) -> tuple[list[Row], int]:
    """Rows of name, checkpoint, step, view, metrics: every member by view, and after them, with a kind, the ensemble.

    And of how many samples they are: those that can be read.
    pool: samples with the members' labels. view: as `Trained.chosen_views` takes it. tta: as in `outputs_of`. Raises
    UserError when the members do not have the same views, or have values and no probabilities; RunError when not all
    could read the same samples.
    """
    if kind == "probabilities" and members[0].facts.task == "regression":
        raise UserError("--ensemble probabilities: a regression has none; --ensemble takes the mean of the values")
    views = [member.chosen_views(view) for member in members]
    if len({len(names) for names in views}) > 1:
        raise UserError("--view all: the runs do not have the same views; name one of each: --view NAME")
    rows, targets = [], pool.targets
    for chosen in zip(*views, strict=True):
        made = [outputs_of(member, name, pool, tta) for member, name in zip(members, chosen, strict=True)]
        found = [values for values, _ in made]
        if any(not torch.equal(read, made[0][1]) for _, read in made):
            raise RunError("the models could not read the same samples: the files have changed meanwhile; try again")
        targets = pool.targets[made[0][1]]
        for member, name, values in zip(members, chosen, found, strict=True):
            metrics = score(values, targets, member)
            rows.append(row(member.name, member.checkpoint, member.steps.get(name), name, metrics))
        if kind:
            together = score(combine(found, kind), targets, members[0])
            checkpoint, name = (_common([m.checkpoint for m in members]), _common(list(chosen)))
            rows.append(row(f"ensemble of {len(members)} ({kind})", checkpoint, None, name, together))
    return rows, len(targets)


def require_same_kind(members: Sequence[Trained]) -> None:
    """Every model tells the same classes from images stored in the same size. Raises UserError naming what differs."""
    first = members[0]
    for member in members[1:]:
        for key in ("task", "num_classes", "class_names", "image_size", "input_channels", "image_dtype"):
            mine, theirs = (getattr(one.facts.of_stored(), key) for one in (first, member))
            if mine != theirs:
                raise UserError(
                    f"{first.name} and {member.name} cannot be taken together: {key} is {mine} and {theirs}"
                )


def row(name: str, checkpoint: str, step: int | None, view: str, metrics: Mapping[str, Any]) -> Row:
    """One line of an evaluation."""
    return {"name": name, "checkpoint": checkpoint, "step": step, "view": view, "metrics": dict(metrics)}


def outputs_of(member: Trained, view: str, pool: Pool, tta: str | None = None) -> tuple[Tensor, Tensor]:
    """What a view of a model gives for every sample that can be read, executed as the model was: (M, K) float32, and
    which samples (M,) int64 these are, on the CPU.

    tta: test-time augmentation to average over, by a name in `loop.tta.VIEWS`; the outputs are then log-probabilities.
    """
    with applied(member.execution):
        device = Device(member.execution)
        model = member.model(view, device)
        if tta is not None:
            model = AveragedOverViews(model, tta, regression=member.facts.task == "regression")
        loader = EvalLoader(
            place(pool.images, device.torch_device),
            torch.arange(len(pool), device=device.torch_device),
            normalize=seen_by(member, device),
            batch_size=member.recipe.trainer.eval_batch_size,
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


def score(values: Tensor, targets: Tensor, member: Trained) -> dict[str, Any]:
    """The metrics of a model's recipe for outputs (N, K), counted as many samples at a time as in training."""
    counts, size = make_metrics(member.recipe, member.facts, values.device), member.recipe.trainer.eval_batch_size
    for some, truth in zip(values.split(size), targets.split(size), strict=True):
        counts.update(some, truth)
    return counts.compute()


def _common(names: Sequence[str]) -> str:
    return names[0] if len(set(names)) == 1 else "mixed"


def _chosen(metrics: Mapping[str, Any], columns: Sequence[str]) -> list[tuple[str, Any]]:
    return [(key, metrics[key]) for key in columns]


def evaluation_table(rows: Sequence[Row], title: str) -> Table:
    """A line a row: where its weights are from, and every metric that is one number."""
    table = Table(title=title, title_justify="left")
    for name in ("model", "checkpoint", "view"):
        table.add_column(name, overflow="fold")
    columns = [key for key, value in rows[0]["metrics"].items() if not isinstance(value, list)]
    for key in columns:
        table.add_column("NLL" if key == "nll" else key, justify="right")
    for line in rows:
        cells = [f"{v:.4f}" if key == "nll" else shown(key, v) for key, v in _chosen(line["metrics"], columns)]
        where = line["checkpoint"] if line["step"] is None else f"{line['checkpoint']} (step {line['step']})"
        table.add_row(line["name"], where, line["view"], *cells, style="bold" if line is rows[-1] else None)
    return table
