"""Batch-norm statistics of averages, three ways, on the records of this study: averaged, the model's own, recomputed.

    python docs/studies/averages/buffers.py STUDY_FOLDER [KEY=VALUE ...] > docs/studies/averages/buffers.csv

Validation accuracy and NLL of every view at the end of each training.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from recipelab.commands.ask import Ask
from recipelab.commands.lab import Bench, open_lab
from recipelab.records.listing import find


def main(folder: str, *words: str) -> None:
    out = csv.writer(sys.stdout)
    out.writerow(
        ["scheduler", "seed", "view", "average", "copy", "recompute", "nll average", "nll copy", "nll recompute"]
    )
    for path in find(Path(folder) / "runs"):
        lab = open_lab(str(path), Ask(tuple(words)), "val", lambda line: None)
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
