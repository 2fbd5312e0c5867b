"""What a search says while it runs: what is drawn, and a line for every start and end of a trial."""

from __future__ import annotations

from typing import Any

from optuna.trial import Trial

from recipelab.commands.tune_table import drawn, shown_value
from recipelab.records.log import Log
from recipelab.tuning.book import Book
from recipelab.tuning.definition import Asked, pruner_name
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Row
from recipelab.tuning.samplers import Sampling


def say_opening(asked: Asked, objective: Objective, sampling: Sampling, limit: int, log: Log) -> None:
    """The question, the space, and what is optimised how."""
    search = asked.search
    if search.question:
        log(search.question)
    for param in asked.params:
        ways = " | ".join(map(str, param.levels)) if param.levels is not None else _range(param.distribution)
        log(f"  {param.name}: {ways}{f'  (with {param.when})' if param.when else ''}")
    goals = ", ".join(
        f"{g.direction} {f'{search.view} validation ' if g.column else ''}{g.name}" for g in objective.goals
    )
    size = f" (all there are of {search.trials})" if limit < search.trials else ""
    log(f"{limit} trials{size}, {goals}, {search.at} evaluation; sampler {sampling.name}, pruner {pruner_name(search)}")


def _range(distribution: Any) -> str:
    step = f", step {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{step}{', logarithmic' if distribution.log else ''}"


class Teller:
    """Says a line for every start and end of a trial."""

    def __init__(self, book: Book, objective: Objective, log: Log) -> None:
        self.book, self.objective, self.log = book, objective, log

    def __call__(self, event: str, trial: Trial, text: str) -> None:
        number = self.book.origin_of(trial)
        if event in ("start", "again"):
            how = "begins" if event == "start" else "goes on"
            self.log(f"trial {number} {how}: {drawn(Row(number, '', (), trial.params, 0, 0))}")
        elif event == "finished":
            values = self.book.study.get_trials(deepcopy=False)[trial.number].values
            said = ", ".join(
                f"{g.name} {shown_value(g.name, v)}" for g, v in zip(self.objective.goals, values, strict=True)
            )
            self.log(f"trial {number}: {said}")
        else:
            because = text.splitlines()[0] if text else ""
            word = {"crashed": "its process died, to be gone on with", "refused": "cannot be"}.get(event, event)
            self.log(f"trial {number} {because if event == 'pruned' else f'{word}: {because}'}")
