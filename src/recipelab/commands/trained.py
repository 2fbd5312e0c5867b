"""A model with weights, to be asked: from a run's record, or from a recipe whose weights come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.assemble import build_model
from recipelab.commands.job import Job, prepare
from recipelab.commands.resume import recorded_execution
from recipelab.config.check import Recipe
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.loop.device import Device, Execution, resolve
from recipelab.loop.load_run import Run, chosen, load_run, rebuilt
from recipelab.records import crossval

EXECUTION = ("accelerator", "precision", "threads", "channels_last", "cudnn_benchmark", "deterministic")
KEYS = ("data_root", "trainer.eval_batch_size", *(f"trainer.{key}" for key in EXECUTION))
# The run's own: what its weights were trained with, and what makes its splits the parts that they are.
FIXED_DATA = (
    "task",
    "num_classes",
    "mean",
    "std",
    "val_split",
    "test_split",
    "split_seed",
    "folds",
    "fold",
    "protocol",
)


@dataclass(frozen=True)
class Trained:
    """A model with weights.

    name: for tables. recipe: with the facts that the model was built with. checkpoint: where the weights are from.
    views: name -> weights, on the CPU; steps: the step of each, where it is known. run: the record, or job: a recipe
    with its data; the other is None.
    """

    name: str
    recipe: Recipe
    facts: Facts
    execution: Execution
    checkpoint: str
    steps: Mapping[str, int]
    views: Mapping[str, Mapping[str, Tensor]]
    run: Run | None = None
    job: Job | None = None

    def chosen_views(self, view: str | None) -> list[str]:
        """The views that are meant: one by its name, "all", or, for None, the one of the run's headline."""
        if view == "all":
            return list(self.views)
        name = view or (self.recipe.run.select_view if self.recipe.run.select_view in self.views else "raw")
        chosen(self.views, name, self.name)
        return [name]

    def model(self, view: str, device: Device) -> nn.Module:
        """The model with the weights of a view, on the device, in eval mode."""
        where = f"{self.name}, checkpoint {self.checkpoint}"
        return device.place(rebuilt(self.recipe, chosen(self.views, view, self.name), where))

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name a class; its number where the data had no names."""
        return self.facts.class_names or tuple(str(label) for label in range(self.facts.num_classes))


def sort_words(words: Sequence[str | Path]) -> tuple[list[str], list[str]]:
    """(paths, overrides): an override has a sign or an `=`, and is no path that is there."""
    texts = [str(word) for word in words]
    overrides = [t for t in texts if (t[:1] in ("~", "+") or "=" in t) and not Path(t).exists()]
    return [t for t in texts if t not in overrides], overrides


def open_all(paths: Sequence[str], ask: Ask, checkpoint: str | None, say: Callable[[str], None]) -> list[Trained]:
    """The models that a command names: runs, the folds of a cross-validation, or, without a path, the recipe itself.

    Raises UserError.
    """
    if not paths:
        return [_from_recipe(ask, checkpoint, say)]
    if ask.config:
        raise UserError("a run has its recipe: --config goes without one")
    runs = [folder for path in paths for folder in crossval.members(Path(path))]
    return [_from_run(load_run(folder, config_dir=ask.config_dir), ask, checkpoint, say) for folder in runs]


def _from_run(run: Run, ask: Ask, checkpoint: str | None, say: Callable[[str], None]) -> Trained:
    _refuse_other_keys(ask)
    recipe = ask.recipe(base=run.path)
    facts = run.facts
    kept = run.record.checkpoints()
    name = checkpoint or (recipe.run.select if recipe.run.select in kept else "last")
    views, steps = run.weights(name)
    return Trained(
        name=run.path.resolve().name,
        recipe=recipe.with_facts(facts),
        facts=facts,
        execution=_execution(recipe, run, ask, facts, say),
        checkpoint=name,
        steps=steps,
        views=views,
        run=run,
    )


def _refuse_other_keys(ask: Ask) -> None:
    """What a run was trained with cannot be changed by asking it."""
    for override in ask.overrides:
        key = key_of(override)
        head, _, rest = key.partition(".")
        if key in KEYS or key.endswith("._target_") or (head == "data" and rest not in FIXED_DATA):
            continue
        raise UserError(
            f"{override}: a trained run is asked as it is; only the data (data=, data.root, ...) and how it is executed"
            f" may be others\n  keys: data.*, {', '.join(KEYS)}"
        )


def _execution(recipe: Recipe, run: Run, ask: Ask, facts: Facts, say: Callable[[str], None]) -> Execution:
    """As the run was executed, as far as this machine can and the command says nothing else."""
    recorded = {key: value for key, value in recorded_execution(run.record).items() if key in EXECUTION}
    if recorded.get("accelerator") == "cuda" and not torch.cuda.is_available():
        say(f"{run.path} was trained on cuda; there is none here, and it is evaluated on the cpu")
        recorded["accelerator"] = "cpu"
    kept = {key: value for key, value in recorded.items() if ask.value(f"trainer.{key}") is None}
    alone = replace(recipe.trainer, devices=1, sync_batchnorm=False, compile=False, **kept)
    return resolve(alone, input_dim=facts.input_dim, task=facts.task)


def _from_recipe(ask: Ask, checkpoint: str | None, say: Callable[[str], None]) -> Trained:
    """A recipe whose weights are not its own work: read from trainer.init_from, or those that its model comes with."""
    if checkpoint is not None:
        raise UserError(f"--checkpoint {checkpoint} names a checkpoint of a run, and no run is given")
    recipe = ask.recipe()
    if not (recipe.trainer.init_from or recipe.model.pretrained or recipe.model.weights):
        raise UserError(
            f"the weights of {recipe.slots['model'].name} would be random: name a run, outputs/NAME,"
            " or weights: trainer.init_from=PATH, model.weights=FILE or model.pretrained=true"
        )
    job = prepare(ask, say)
    model, report = build_model(job, Device(job.execution))
    if report and report.new and not job.recipe.trainer.init_from:
        raise UserError(
            f"{report.source}: these data need other outputs than the weights have, so {report.new[0]} would be random:"
            " train first, and name the run"
        )
    weights = model.state_dict()
    return Trained(
        name=job.recipe.slots["model"].name,
        recipe=job.recipe,
        facts=job.facts,
        execution=job.execution,
        checkpoint="initial",
        steps={},
        views={"raw": {key: value.cpu() for key, value in weights.items()}},
        job=job,
    )


def describe_execution(execution: Execution) -> dict[str, Any]:
    """What of an execution an evaluation depends on, for its file."""
    return {key: value for key, value in asdict(execution).items() if key != "compile"}


def require_folder(file: Path) -> None:
    """Refuse an --output that cannot be written, before any work."""
    if not file.parent.is_dir() or file.is_dir():
        what = "is a folder" if file.is_dir() else f"cannot be written: there is no folder {file.parent}"
        raise UserError(f"--output {file} {what}")
