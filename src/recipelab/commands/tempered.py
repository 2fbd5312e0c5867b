"""Temperatures of trained models and ensembles, fitted on validation samples, and never on test ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from recipelab.commands.answers import Answer, outputs_of
from recipelab.commands.ask import Ask, key_of
from recipelab.commands.calibrate import Calibrated, calibration, change, fitted
from recipelab.commands.samples import Samples, samples_for
from recipelab.commands.trained import Trained, open_all
from recipelab.core.errors import UserError
from recipelab.data.pool import Pool

Say = Callable[[str], None]
NUMBER = "\n  give a number: --temperature 1.5"


def calibrated(member: Trained, view: str, pool: Pool) -> Calibrated:
    """A view's temperature, fitted on samples with the model's labels, in float32 as it is exported."""
    exact = replace(member, execution=replace(member.execution, precision="32"))
    outputs, read = outputs_of(exact, view, pool)
    logits, labels = outputs.numpy(), pool.targets[read].numpy()
    return calibration(logits, labels, *fitted(logits, labels))


def require_classes(members: Sequence[Trained]) -> None:
    """Raises UserError for a regression."""
    if members[0].facts.task == "regression":
        raise UserError("--temperature: a regression has no probabilities to make more or less sure")


def fitted_temperatures(found: Iterable[Answer], say: Say) -> list[float]:
    """The temperature of each answer, fitted on its samples, which are validation ones. Raises UserError for none."""
    temperatures = []
    for answer in found:
        logits, labels = answer.outputs.numpy(), answer.targets.numpy()
        degrees, why_not = fitted(logits, labels)
        if degrees is None:
            raise UserError(f"--temperature auto: {answer.name}, view {answer.view}: {why_not}{NUMBER}")
        say(
            f"{answer.name}, {answer.view}, fitted on {len(labels):,} validation samples:"
            f" {change(calibration(logits, labels, degrees).numbers())}"
        )
        temperatures.append(degrees)
    return temperatures


def validation_of(
    members: Sequence[Trained], ask: Ask, measured_on: Samples, say: Say, *, together: bool
) -> list[Pool]:
    """The validation samples of each model, its own, whatever it is measured on.

    together: they are an ensemble, which needs the same for all. Raises UserError where they differ then, and where
    validation samples are test ones.
    """
    found: dict[str, Pool] = {}
    shas = []
    for member in members:
        if member.recipe.data.protocol == "test_as_val":
            raise UserError(
                f"--temperature auto: {member.name} validates on its test part (data.protocol=test_as_val), and a"
                f" temperature is never fitted there{NUMBER}"
            )
        own, words = (member, ask) if measured_on.own or member.job else _with_own_data(member, ask)
        samples = samples_for(own, words, "val", say)
        found.setdefault(samples.sha256, samples.pool)  # of models that have the same: one, in memory once
        shas.append(samples.sha256)
    if together and len(found) > 1:
        raise UserError(
            "--temperature auto: the runs validate on different samples, some of which others were trained on, so there"
            f" are none to fit the ensemble's temperature on{NUMBER}"
        )
    return [found[sha] for sha in shas]


def _with_own_data(member: Trained, ask: Ask) -> tuple[Trained, Ask]:
    """The model with the data that it was trained on, where the command names others."""
    assert member.run is not None
    kept = [word for word in ask.overrides if key_of(word) != "data_root" and key_of(word).split(".")[0] != "data"]
    words = Ask(tuple(kept), None, ask.config_dir)
    return open_all([str(member.run.path)], words, member.checkpoint, lambda text: None)[0], words
