"""`recipelab show`: a model's layers, a schedule as a picture, an augmentation as a contact sheet. Fetches nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

from recipelab.commands import groups
from recipelab.commands.ask import Ask, key_of
from recipelab.commands.check import build_optimizer
from recipelab.commands.look import Look, look, tried_model
from recipelab.commands.runs import PIPED_WIDTH
from recipelab.commands.sizes import local_data, training_samples
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.generators import epoch_draws, generator
from recipelab.data.pool import Pool
from recipelab.figures.contact_sheet import contact_sheet
from recipelab.figures.pictures import write
from recipelab.figures.schedule import schedule_chart
from recipelab.loop.growth import grown
from recipelab.loop.plan import make_plan
from recipelab.models.summary import summary
from recipelab.optim.plan import courses

PARTS = ("model", "param_groups", "scheduler", "augment")
IMAGES, DRAWS = 8, 8  # rows and columns of the contact sheet


def show(ask: Ask, parts: Sequence[str], to: str) -> None:
    """Print and draw `parts` of a recipe; without any, those that the overrides name, or else all.

    to: folder for schedule.png and augment.png, made when there is none. Data are read when they are on this machine.
    Raises UserError.
    """
    chosen = _chosen(parts, ask)
    found = look(ask, declared=True)
    for line in found.notes:
        print(line)
    if "model" in chosen:
        _show_model(found)
    if "param_groups" in chosen:
        _show_groups(found)
    if not {"scheduler", "augment"} & set(chosen):
        return
    with _writing(to) as folder:
        train, absent = local_data(found, print)
        if "scheduler" in chosen:
            _show_schedule(found, train, folder / "schedule.png")
        if "augment" in chosen:
            _show_augment(found, train, absent, folder / "augment.png")


def _chosen(parts: Sequence[str], ask: Ask) -> list[str]:
    for part in parts:
        if part not in PARTS:
            raise UserError(
                f"show {part}: there is no such part{did_you_mean(part, PARTS, 'show ')}\n  parts: {', '.join(PARTS)}"
            )
    named = {key_of(override).split(".")[0] for override in ask.overrides}
    wanted = set(parts) or named.intersection(PARTS) or set(PARTS)
    return [part for part in PARTS if part in wanted]


@contextlib.contextmanager
def _writing(to: str) -> Iterator[Path]:
    """The folder for pictures, there by now. Raises UserError when it cannot be made or written to."""
    folder = Path(to).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise UserError(f"--to {to}: {error.strerror or error}; give another folder, --to DIR") from error


def _show_model(found: Look) -> None:
    tried_model(found.recipe.slots["model"], found.facts)
    with torch.random.fork_rng(devices=[]):
        measured = summary(found.recipe.slots["model"].build(), found.facts.image_size, found.facts.input_channels)
    heading, *rows, total = measured.table()
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    for index, (name, foot) in enumerate(zip(heading, total, strict=True)):
        table.add_column(name, foot, justify="right" if index >= 3 else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    size = "x".join(str(s) for s in found.facts.image_size)
    print(f"{measured.trainable:,} parameters are trained; FLOPs are of one forward of one image of {size}")


def _show_groups(found: Look) -> None:
    model = tried_model(found.recipe.slots["model"], found.facts)
    model.to_empty(device=found.execution.accelerator)
    optimizer = groups.build_optimizer(found.recipe, model)
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    console.print(groups.groups_table(optimizer, [group["lr"] for group in optimizer.param_groups], model))


def _show_schedule(found: Look, train: Pool | None, path: Path) -> None:
    recipe = found.recipe
    samples, whence = training_samples(found, train)
    plan = make_plan(recipe.trainer, samples, found.execution.processes)
    model = tried_model(recipe.slots["model"], found.facts)
    optimizer = build_optimizer(recipe, model, found.execution)
    factors, momenta = courses(recipe.slots["scheduler"].build(plan.timeline), optimizer)
    rates = optimizer.param_groups[0]["lr"] * np.asarray(factors)
    name = recipe.slots["scheduler"].name
    if recipe.batch_schedule:
        whole = grown(plan, recipe.batch_schedule, recipe.trainer.epochs)
        sizes = [whole.batch_size_in(epoch) for epoch in range(recipe.trainer.epochs or 0)]
        rates = rates * np.repeat(whole.lr_scale(), plan.steps_per_epoch)
        print(f"batch size by epoch: {', '.join(_runs(sizes))}; steps below are of {plan.batch_size} samples")
    epochs = f"{plan.total / plan.steps_per_epoch:.4g} epochs"
    print(f"{name}: {epochs}, {plan.total:,} steps, {plan.steps_per_epoch:,} an epoch ({whence})")
    peak = int(rates.argmax())
    print(f"learning rate: first {rates[0]:.4g}, peak {rates[peak]:.4g} at step {peak:,}, last {rates[-1]:.4g}")
    title = f"{name}, {epochs}" + (f", warm-up {warmup}" if (warmup := _warmup(found)) else "")
    write(schedule_chart({name: rates}, plan.steps_per_epoch, title, momenta), path)
    print(f"wrote {path}")


def _runs(sizes: Sequence[int]) -> list[str]:
    """Batch sizes with the epoch, from 1, that each begins with."""
    changes = [i for i, size in enumerate(sizes) if i == 0 or size != sizes[i - 1]]
    return [f"{sizes[i]} from epoch {i + 1}" for i in changes]


def _warmup(found: Look) -> str | None:
    """The warm-up, when the schedule has one that is not nothing."""
    warmup = found.recipe.slots["scheduler"].kwargs.get("warmup")
    return warmup if isinstance(warmup, str) and not warmup.startswith("0") else None


def _show_augment(found: Look, train: Pool | None, absent: str, path: Path) -> None:
    facts, recipe = found.facts.of_stored(), found.recipe
    if facts.input_dim != 2:
        raise UserError(f"show augment draws images of two dimensions, and these have {facts.input_dim}")
    if train is None:
        print(f"{absent}: two photographs that come with scikit-learn, cut into tiles, stand in")
        originals, origin = _photographs(facts.image_size, facts.input_channels), "sample photographs"
    else:
        chosen = train.subset(torch.linspace(0, len(train) - 1, IMAGES).long()).in_memory().images
        assert isinstance(chosen, Tensor)
        originals = chosen
        origin = recipe.slots["data"].name
    augment = recipe.slots["augment"].build()
    images = originals.repeat_interleave(DRAWS, 0)
    order = torch.arange(len(originals)).repeat_interleave(DRAWS)
    draws = epoch_draws(augment, order, 0, generator(recipe.run.seed or 0, "augment"))
    augmented = augment(images.movedim(-1, 1), draws).movedim(1, -1)
    augmented = augmented.reshape(len(originals), DRAWS, *augmented.shape[1:])
    captions = augment.describe(draws) if hasattr(augment, "describe") else []
    options = {key: value for key, value in recipe.config["augment"].items() if key != "_target_"}
    said = ", ".join(f"{key}={value}" for key, value in options.items())
    title = f"{recipe.slots['augment'].name}({said}) on {origin}"
    shown = _as_bytes if originals.is_floating_point() else Tensor.byte
    contact_sheet(shown(originals).numpy(), shown(augmented).numpy(), path, title, captions)
    print(f"wrote {path}")


def _as_bytes(images: Tensor) -> Tensor:
    """Float images as uint8, from black, their lowest value, to white."""
    low, high = images.min(), images.max()
    return ((images - low) / (high - low).clamp(min=1e-12) * 255).round().byte()


def _photographs(size: tuple[int, ...], channels: int) -> Tensor:
    """(8, H, W, channels) uint8: tiles of `sklearn.datasets.load_sample_images`, cut to the shape and resized."""
    from sklearn.datasets import load_sample_images  # imported here: it takes a second or two

    photographs = torch.from_numpy(np.stack(load_sample_images().images)).movedim(-1, 1)  # (2, 3, 427, 640)
    height, width = (edge // 2 for edge in photographs.shape[2:])
    scale = min(height / size[0], width / size[1])
    cut = [max(1, round(edge * scale)) for edge in size]
    top, left = (height - cut[0]) // 2, (width - cut[1]) // 2
    corners = [(y + top, x + left) for y in (0, height) for x in (0, width)]
    stack = torch.cat([photographs[:, :, y : y + cut[0], x : x + cut[1]] for y, x in corners])
    resized = F.interpolate(stack.float(), size=list(size), mode="bilinear", antialias=True).round().clamp(0, 255)
    if channels != 3:
        grey = resized.mul(torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)  # ITU-R 601
        resized = grey.round().expand(-1, channels, -1, -1)
    return resized.byte().movedim(1, -1).contiguous()
