"""Every slot of a job built and put together: what the loop needs, and nothing trained yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.augment.normalize import Normalize
from recipelab.augment.resizing import ProgressiveResizing
from recipelab.averaging.bank import Bank
from recipelab.commands.debug import STEPS
from recipelab.commands.groups import build_optimizer
from recipelab.commands.job import Job
from recipelab.commands.look import tried_smallest
from recipelab.commands.task import make_metrics, refuse_unknown
from recipelab.config.check import view_names
from recipelab.core.generators import hash32, step_base
from recipelab.data.loader import EvalLoader, TrainLoader, place
from recipelab.loop.back_off import BackOff
from recipelab.loop.device import Device, compile_in_place
from recipelab.loop.early_stopping import EarlyStopping
from recipelab.loop.evaluate import evaluate
from recipelab.loop.growth import along, grown
from recipelab.loop.load_run import initialise
from recipelab.loop.plan import Plan, make_plan
from recipelab.loop.signals import StopRequest
from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views
from recipelab.metrics.meters import Metrics
from recipelab.metrics.running import SCORES, StepLog
from recipelab.models.summary import Summary, summary
from recipelab.optim.clipping import Clip
from recipelab.optim.plan import courses
from recipelab.optim.sam import Sam


@dataclass
class Parts:
    """A job's parts, built. `evaluation` holds one loader a split, none of them augmented; `metrics` makes new ones."""

    device: Device
    plan: Plan
    step: TrainStep
    views: Views
    epochs: TrainLoader
    evaluation: dict[str, EvalLoader]
    summary: Summary
    metrics: Callable[[], Metrics]
    stop: StopRequest
    watchers: dict[str, Any]

    def measure(self, model: nn.Module, split: str, metrics: Metrics | None = None) -> dict[str, Any] | None:
        """Metrics of a model on a split (those of the recipe, or `metrics`); None when stopped on the way."""
        metrics = metrics or self.metrics()
        return evaluate(model, self.evaluation[split], metrics, self.device, lambda: bool(self.stop))


def assemble(job: Job, stop: StopRequest) -> Parts:
    """Build model, optimizer, schedule, loaders, averages. Raises UserError for what only building can tell."""
    recipe, trainer = job.recipe, job.recipe.trainer
    device = Device(job.execution)
    plan = make_plan(trainer, len(job.pools["train"]))
    plan = grown(plan, recipe.batch_schedule, trainer.epochs) if recipe.batch_schedule else plan
    schedule = along(plan, recipe.slots["scheduler"].build(plan.timeline))
    if trainer.debug in STEPS:
        plan = plan.shortened(STEPS[trainer.debug])
    model = build_model(job, device)
    bank = Bank(model, recipe.averaging.decays) if recipe.averaging else None
    epochs, evaluation = _loaders(job, device)
    names, score = SCORES[job.facts.task]
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
        log=StepLog(plan.steps_per_epoch, device.torch_device, names),
        base=step_base(job.seed),
        accumulate=trainer.accumulate,
        mix=recipe.slots["mix"].build() if "mix" in recipe.slots else None,
        clip=Clip(model, clip, trainer.gradient_clip_mode) if clip else None,
        bank=bank,
        back_off=watchers.get("back_off"),
        resize=_resizing(job, plan),
        epochs=plan.epochs,
        climb=Sam(model, **asdict(recipe.sam)) if recipe.sam else None,
        score=score,
    )
    return Parts(
        device=device,
        plan=plan,
        step=step,
        views=Views(model, bank, getattr(optimizer, "evaluation_weights", None)),
        epochs=epochs,
        evaluation=evaluation,
        summary=summary(model, job.facts.image_size, job.facts.input_channels),
        metrics=lambda: make_metrics(recipe, job.facts, device.torch_device),
        stop=stop,
        watchers=watchers,
    )


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


def build_model(job: Job, device: Device) -> nn.Module:
    """The model on its device, its initial weights drawn from (seed, "init") or read from trainer.init_from."""
    torch.manual_seed(hash32(job.seed, "init"))
    model: nn.Module = job.recipe.slots["model"].build()
    if job.recipe.trainer.init_from and not job.resumed:
        initialise(model, job.recipe.trainer.init_from)
    return device.place(model)


def compile_model(job: Job, parts: Parts) -> str | None:
    """Compile the model if the execution says so. Returns why it could not be, or None."""
    if not job.execution.compile:
        return None
    probe = next(iter(parts.epochs.epoch(0))).images
    return compile_in_place(parts.step.model, probe, parts.device)


def _loaders(job: Job, device: Device) -> tuple[TrainLoader, dict[str, EvalLoader]]:
    """The training loader and one evaluation loader a split; images live on the device where they fit."""
    recipe, facts = job.recipe, job.facts
    assert facts.mean is not None
    assert facts.std is not None
    unit = 255 if facts.image_dtype == "uint8" else 1
    normalize = Normalize(facts.mean, facts.std, facts.image_size, device.torch_device, unit=unit)
    channels_last = job.execution.channels_last
    placed: dict[str, tuple[Tensor, Tensor]] = {
        name: (place(pool.images, device.torch_device), pool.targets.to(device.torch_device))
        for name, pool in job.pools.items()
    }
    epochs = TrainLoader(
        *placed["train"],
        augment=recipe.slots["augment"].build(),
        normalize=normalize,
        batch_size=recipe.trainer.batch_size,
        seed=job.seed,
        sampling=recipe.trainer.sampling,
        channels_last=channels_last,
    )
    size = recipe.trainer.eval_batch_size
    evaluation = {
        name: EvalLoader(*tensors, normalize=normalize, batch_size=size, channels_last=channels_last)
        for name, tensors in placed.items()
    }
    return epochs, evaluation
