"""Batch-norm statistics of averages, three ways, on the records of this study: averaged, the model's own, recomputed.

    python docs/studies/averages/buffers.py STUDY_FOLDER [KEY=VALUE ...] > docs/studies/averages/buffers.csv

Validation accuracy and NLL of every view at the end of each training.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from recipelab.commands.ask import Ask
from recipelab.commands.assemble import whole_plan
from recipelab.commands.averages import clock_of
from recipelab.commands.job import Job, split_data
from recipelab.commands.lab import Bench, Lab
from recipelab.commands.trained import open_all
from recipelab.commands.wanted import Wishes
from recipelab.config.schema import Averaging
from recipelab.records.listing import find


def opened(path: Path, words: tuple[str, ...]) -> Lab:
    """A run with its validation split; nothing that it stored is asked for."""
    (trained,) = open_all([str(path)], Ask(words), "last", lambda line: None)
    assert trained.run is not None
    recipe = trained.recipe
    pools = split_data(recipe, trained.facts, recipe.slots["data"].build(), lambda line: None)
    plan = whole_plan(recipe, len(pools["train"]), 1)
    wishes = Wishes(clock_of(plan), plan.total, recipe.averaging or Averaging())
    job = Job(recipe, trained.facts, pools, {}, trained.execution)
    return Lab(trained, trained.run, plan.total, job, "val", plan, [], wishes)


def main(folder: str, *words: str) -> None:
    out = csv.writer(sys.stdout)
    out.writerow(
        ["scheduler", "seed", "view", "average", "copy", "recompute", "nll average", "nll copy", "nll recompute"]
    )
    for path in find(Path(folder) / "runs"):
        lab = opened(path, words)
        bench = Bench(lab)
        recipe = lab.job.recipe
        for view, averaged in lab.trained.views.items():
            statistics = {key: value for key, value in bench.own.items() if "running_" in key}
            found = []
            for weights, renew in ((averaged, False), ({**averaged, **statistics}, False), (averaged, True)):
                bench.load(weights, renew=renew)
                found.append(bench.measure())
            values = [f"{m[name]:.4f}" for name in ("accuracy", "nll") for m in found]
            out.writerow([recipe.slots["scheduler"].name, recipe.run.seed, view, *values])
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
