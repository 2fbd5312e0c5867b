"""Every slot of a job built and put together: what the loop needs, and nothing trained yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.augment.normalize import Normalize
from recipelab.averaging.bank import Bank
from recipelab.commands.debug import STEPS
from recipelab.commands.job import Job
from recipelab.commands.task import make_metrics
from recipelab.config.check import Given
from recipelab.core.generators import hash32, step_base
from recipelab.data.loader import EvalLoader, TrainLoader, place
from recipelab.data.rows import Rows
from recipelab.loop.device import Device, compile_in_place
from recipelab.loop.evaluate import evaluate
from recipelab.loop.hooks import Hooks
from recipelab.loop.load_run import initialise
from recipelab.loop.plan import Plan, make_plan
from recipelab.loop.signals import StopRequest
from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views
from recipelab.metrics.meters import Metrics
from recipelab.metrics.running import SCORES, StepLog
from recipelab.models.summary import Summary, summary
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
    hooks: Hooks = field(default_factory=Hooks)

    def measure(self, model: nn.Module, split: str, metrics: Metrics | None = None) -> dict[str, Any] | None:
        """Metrics of a model on a split (those of the recipe, or `metrics`); None when stopped on the way."""
        metrics = metrics or self.metrics()
        return evaluate(model, self.evaluation[split], metrics, self.device, lambda: bool(self.stop))


def assemble(job: Job, stop: StopRequest) -> Parts:
    """Build model, optimizer, schedule, loaders, averages. Raises UserError for what only building can tell."""
    recipe, trainer = job.recipe, job.recipe.trainer
    device = Device(job.execution)
    plan = make_plan(trainer, len(job.pools["train"]))
    factors = recipe.slots["scheduler"].build(plan.timeline)
    if trainer.debug in STEPS:
        plan = plan.shortened(STEPS[trainer.debug])
    model = build_model(job, device)
    bank = Bank(model, recipe.averaging.decays) if recipe.averaging else None
    epochs, evaluation = _loaders(job, device)
    names, score = SCORES[job.facts.task]
    step = TrainStep(
        model=model,
        loss=recipe.slots["loss"].build(),
        optimizer=recipe.slots["optimizer"].build(model.parameters()),
        factors=factors,
        device=device,
        log=StepLog(plan.steps_per_epoch, device.torch_device, names),
        base=step_base(job.seed),
        accumulate=trainer.accumulate,
        mix=recipe.slots["mix"].build() if "mix" in recipe.slots else None,
        clip=trainer.gradient_clip,
        bank=bank,
        climb=Sam(model, **asdict(recipe.sam)) if recipe.sam else None,
        score=score,
    )
    return Parts(
        device=device,
        plan=plan,
        step=step,
        views=Views(model, bank),
        epochs=epochs,
        evaluation=evaluation,
        summary=summary(model, job.facts.image_size, job.facts.input_channels),
        metrics=lambda: make_metrics(recipe, job.facts, device.torch_device),
        stop=stop,
    )


def build_model(job: Job, device: Device) -> nn.Module:
    """The model on its device, its initial weights drawn from (seed, "init") or read from trainer.init_from."""
    torch.manual_seed(hash32(job.seed, "init"))
    model: nn.Module = job.recipe.slots["model"].build()
    if isinstance(job.recipe.slots["model"].target, Given):
        model.train()  # an object of the user's, trained in place
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
    pin = device.torch_device.type == "cuda" if recipe.data.pin_memory == "auto" else recipe.data.pin_memory
    placed: dict[str, tuple[Tensor | Rows, Tensor]] = {
        name: (place(pool.images, device.torch_device), pool.targets.to(device.torch_device))
        for name, pool in job.pools.items()
    }
    epochs = TrainLoader(
        *placed["train"],
        augment=recipe.slots["augment"].build(),
        normalize=normalize,
        batch_size=recipe.trainer.batch_size,
        seed=job.seed,
        channels_last=channels_last,
        replacement=recipe.data.random_batches,
        pin=pin,
    )
    size = recipe.trainer.eval_batch_size
    evaluation = {
        name: EvalLoader(*tensors, normalize=normalize, batch_size=size, channels_last=channels_last, pin=pin)
        for name, tensors in placed.items()
    }
    return epochs, evaluation
