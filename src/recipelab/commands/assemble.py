"""Every slot of a job built and put together: what the loop needs, and nothing trained yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.augment.normalize import Normalize
from recipelab.augment.resize import Resized
from recipelab.augment.resizing import ProgressiveResizing
from recipelab.averaging.blocks import Blocks
from recipelab.commands.averages import build_bank, recomputing
from recipelab.commands.debug import STEPS
from recipelab.commands.groups import build_optimizer
from recipelab.commands.job import Job
from recipelab.commands.look import tried_smallest
from recipelab.commands.stored import planned_blocks
from recipelab.commands.task import make_metrics, refuse_unknown
from recipelab.config.averages import view_names
from recipelab.config.check import Given, Recipe
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.core.generators import hash32, step_base
from recipelab.data.loader import EvalLoader, TrainLoader, place
from recipelab.data.rows import Rows
from recipelab.loop.back_off import BackOff
from recipelab.loop.device import Device, compile_in_place
from recipelab.loop.distribute import Distributed
from recipelab.loop.early_stopping import EarlyStopping
from recipelab.loop.evaluate import evaluate
from recipelab.loop.growth import along, grown
from recipelab.loop.hooks import Hooks
from recipelab.loop.load_run import initialise
from recipelab.loop.plan import Plan, make_plan
from recipelab.loop.ranks import ProcessGroup, Stop
from recipelab.loop.start_weights import start_weights
from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views
from recipelab.metrics.meters import Metrics
from recipelab.metrics.per_sample import Keep, PerSample
from recipelab.metrics.running import SCORES, StepLog
from recipelab.models.freeze import Freezing
from recipelab.models.summary import Summary, summary
from recipelab.models.weights import Report
from recipelab.optim.clipping import Clip
from recipelab.optim.fused import start_momentum
from recipelab.optim.plan import courses
from recipelab.optim.sam import Sam


@dataclass
class Parts:
    """A job's parts, built. `evaluation` holds one loader a split, none of them augmented; `metrics` makes new ones.

    samples: keeps the validation split's single samples for the ledger; None without one.
    weights: what became of the weights that it starts from; None when they were drawn, or come from a checkpoint.
    blocks: whose mean weights are kept; None: of none.
    """

    device: Device
    plan: Plan
    step: TrainStep
    views: Views
    epochs: TrainLoader
    evaluation: dict[str, EvalLoader]
    summary: Summary
    metrics: Callable[[], Metrics]
    stop: Stop
    watchers: dict[str, Any]
    samples: PerSample | None = None
    weights: Report | None = None
    blocks: Blocks | None = None
    hooks: Hooks = field(default_factory=Hooks)

    def measure(
        self, model: nn.Module, split: str, metrics: Metrics | None = None, keep: Keep | None = None
    ) -> dict[str, Any] | None:
        """Metrics of a model on a split (those of the recipe, or `metrics`), by all ranks together.

        keep: takes every batch of this rank. None when stopped on the way.
        """
        self.device.ranks.copy_buffers(model)
        metrics = metrics or self.metrics()
        return evaluate(model, self.evaluation[split], metrics, self.device, lambda: bool(self.stop), keep)


def assemble(job: Job, stop: Stop, ranks: ProcessGroup | None = None) -> Parts:
    """Build model, optimizer, schedule, loaders, averages. Raises UserError for what only building can tell."""
    recipe, trainer = job.recipe, job.recipe.trainer
    device = Device(job.execution, ranks)
    plan = whole_plan(recipe, len(job.pools["train"]), job.execution.processes)
    _refuse_uneven(plan, trainer.on_out_of_memory, job.execution.processes)
    schedule = along(plan, recipe.slots["scheduler"].build(plan.timeline))
    if trainer.debug in STEPS:
        plan = plan.shortened(STEPS[trainer.debug])
    model, report = build_model(job, device)
    freezing = freeze(model, recipe, plan)
    blocks = planned_blocks(recipe, model, plan, job.resumed)
    bank = build_bank(model, recipe, plan, blocks)
    epochs, evaluation = loaders(job, device)
    names, score = SCORES[job.facts.task]
    mix = recipe.slots["mix"].build() if "mix" in recipe.slots else None
    optimizer = build_optimizer(recipe, model)
    factors, momenta = courses(schedule, optimizer)
    clip = trainer.gradient_clip
    watchers = _watchers(job, schedule)
    if trainer.on_out_of_memory == "split":
        watchers["back_off"] = BackOff(model)
    step = TrainStep(
        model=model,
        loss=recipe.slots["loss"].build(),
        optimizer=optimizer,
        factors=factors,
        momenta=momenta,
        device=device,
        log=StepLog(plan.steps_per_epoch, device.torch_device, names, device.ranks.sum),
        base=step_base(job.seed, rank=device.ranks.rank),
        accumulate=trainer.accumulate,
        mix=mix,
        mix_steps=_mix_steps(mix, plan),
        clip=Clip(model, clip, trainer.gradient_clip_mode) if clip else None,
        bank=bank,
        back_off=watchers.get("back_off"),
        resize=_resizing(job, plan),
        epochs=plan.epochs,
        climb=Sam(model, **asdict(recipe.sam)) if recipe.sam else None,
        score=score,
        freezing=freezing,
    )
    if freezing is not None:
        start_momentum(step.optimizer)
    parts = Parts(
        device=device,
        plan=plan,
        step=step,
        views=Views(
            model,
            bank,
            getattr(optimizer, "evaluation_weights", None),
            recomputing(recipe, model, epochs, device=device, seed=job.seed, stop=stop),
        ),
        epochs=epochs,
        evaluation=evaluation,
        summary=summary(model, job.facts.image_size, job.facts.input_channels),
        metrics=lambda: make_metrics(recipe, job.facts, device.torch_device),
        stop=stop,
        weights=report,
        watchers=watchers,
        blocks=blocks,
    )
    if recipe.run.ledger != "none":
        count = len(job.pools["val"])
        parts.samples = PerSample(recipe.run.ledger, parts.views.names, count, device.torch_device, device.ranks.sum)
    if device.ranks.world > 1:
        _distribute(parts)
    return parts


def _distribute(parts: Parts) -> None:
    """Let the step call the model by way of DistributedDataParallel, which begins with the first rank's weights."""
    probe = next(iter(parts.epochs.epoch(0))).images
    distributed = Distributed(parts.step.model, parts.device, probe)
    parts.step.model = parts.step.synchronised = distributed


def whole_plan(recipe: Recipe, samples: int, processes: int) -> Plan:
    """The plan of a recipe over `samples` training samples, before trainer.debug shortens it. Raises UserError."""
    every = recipe.averaging.evaluate_every if recipe.averaging else None
    plan = make_plan(recipe.trainer, samples, processes, every)
    return grown(plan, recipe.batch_schedule, recipe.trainer.epochs) if recipe.batch_schedule else plan


def _mix_steps(mix: Any, plan: Plan) -> int | None:
    """How many steps are mixed, from the first on; None: all."""
    duration = getattr(mix, "off_after", None)
    return None if duration is None else plan.timeline.steps(duration, "mix.off_after")


def _refuse_uneven(plan: Plan, on_out_of_memory: str, processes: int) -> None:
    """What several processes cannot share. Raises UserError."""
    if processes == 1:
        return
    if on_out_of_memory == "split":
        raise UserError(
            f"trainer.on_out_of_memory=split needs one process, and there are {processes}: memory runs out on one of"
            " them alone\n  give a smaller trainer.batch_size and trainer.accumulate"
        )
    uneven = [size for size in getattr(plan, "sizes", ()) if size % processes]
    if uneven:
        raise UserError(f"batch_schedule: a batch of {uneven[0]} samples cannot be divided among {processes} processes")


def _resizing(job: Job, plan: Plan) -> ProgressiveResizing | None:
    """Progressive resizing, if the recipe has it. Raises UserError when the model cannot take the smallest images."""
    tried_smallest(job.recipe, job.facts)
    section = job.recipe.resizing
    return ProgressiveResizing(plan.epochs(plan.total), **asdict(section)) if section else None


def _watchers(job: Job, schedule: Any) -> dict[str, Any]:
    """What follows the metrics: a schedule with a state, early stopping. Raises UserError for an unknown metric."""
    found: dict[str, Any] = {}
    if hasattr(schedule, "observe"):
        found["scheduler"] = schedule
    if job.recipe.early_stopping:
        found["early_stopping"] = EarlyStopping(**asdict(job.recipe.early_stopping))
    views = view_names(job.recipe.averaging)
    for section, watcher in found.items():
        refuse_unknown(watcher.watch, section, job.recipe, job.facts, views)
    return found


def build_model(job: Job, device: Device) -> tuple[nn.Module, Report | None]:
    """The model on its device, its initial weights drawn from (seed, "init"), published, or read from a file.

    And what became of those that were not drawn; a resumed run reads none.
    """
    torch.manual_seed(hash32(job.seed, "init"))
    model: nn.Module = job.recipe.slots["model"].build()
    if isinstance(job.recipe.slots["model"].target, Given):
        model.train()  # an object of the user's, trained in place
    report = None
    if not job.resumed:
        report = start_weights(model, job.recipe)
        if job.recipe.trainer.init_from:
            initialise(model, job.recipe.trainer.init_from)
    if job.execution.sync_batchnorm:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return device.place(model), report


def freeze(model: nn.Module, recipe: Recipe, plan: Plan) -> Freezing | None:
    """What freezes and thaws the parts that the recipe names; None when it names none. Raises UserError."""
    names, thaw = recipe.model.freeze, recipe.model.thaw
    if not names:
        return None
    durations = thaw if isinstance(thaw, list) else [thaw] * len(names)
    steps = [None if duration is None else plan.timeline.steps(duration, "model.thaw") for duration in durations]
    return Freezing(model, names, steps)


def compile_model(job: Job, parts: Parts) -> str | None:
    """Compile the model if the execution says so. Returns why it could not be, or None."""
    if not job.execution.compile:
        return None
    probe = next(iter(parts.epochs.epoch(0))).images
    return compile_in_place(parts.views.model, probe, parts.device)


def evaluation_input(
    recipe: Recipe, facts: Facts, augment: Any, device: torch.device
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """What images go through after augmentation, and stored ones in an evaluation: size, then normalisation."""
    assert facts.mean is not None
    assert facts.std is not None
    unit = 255 if facts.image_dtype == "uint8" else 1
    normalize: Callable[[Tensor], Tensor]
    normalize = Normalize(facts.mean, facts.std, facts.image_size, device, unit=unit)
    if hasattr(augment, "evaluate"):  # augmentation gives the size
        return normalize, lambda images: normalize(augment.evaluate(images))
    if facts.stored_size:
        data = recipe.data
        normalize = Resized(normalize, size=facts.image_size, resize=data.resize_size, interpolation=data.interpolation)
    return normalize, normalize


def loaders(job: Job, device: Device) -> tuple[TrainLoader, dict[str, EvalLoader]]:
    """The training loader and one evaluation loader a split; images live on the device where they fit."""
    recipe = job.recipe
    augment = recipe.slots["augment"].build()
    normalize, seen = evaluation_input(recipe, job.facts, augment, device.torch_device)
    channels_last = job.execution.channels_last
    rank = (device.ranks.rank, device.ranks.world)
    pin = device.torch_device.type == "cuda" if recipe.data.pin_memory == "auto" else recipe.data.pin_memory
    placed: dict[str, tuple[Tensor | Rows, Tensor]] = {
        name: (place(pool.images, device.torch_device), pool.targets.to(device.torch_device))
        for name, pool in job.pools.items()
    }
    epochs = TrainLoader(
        *placed["train"],
        augment=augment,
        normalize=normalize,
        batch_size=recipe.trainer.batch_size,
        seed=job.seed,
        sampling=recipe.trainer.sampling,
        channels_last=channels_last,
        pin=pin,
    ).of_rank(*rank)
    options: dict[str, Any] = {"normalize": seen, "batch_size": recipe.trainer.eval_batch_size, "pin": pin}
    evaluation = {
        name: EvalLoader(*tensors, channels_last=channels_last, **options).of_rank(*rank)
        for name, tensors in placed.items()
    }
    return epochs, evaluation
