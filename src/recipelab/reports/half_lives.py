"""The half-lives of a run's moving averages, as its recipe gives them."""

from __future__ import annotations

from recipelab.averaging.ema import Ema, half_life_of
from recipelab.config.averages import named_averages
from recipelab.config.schema import Averaging
from recipelab.config.signature import fill, schema_of
from recipelab.core.durations import Timeline
from recipelab.core.errors import UserError
from recipelab.core.plain import at
from recipelab.reports.material import OneRun


def half_lives(run: OneRun) -> dict[str, float]:
    """View -> half-life in epochs, of every moving average. Empty for a recipe that is none, or that has none."""
    node, rows = run.config.get("averaging"), [row for row in run.rows if row["epoch"]]
    total = at(run.result, "progress", "total_steps")
    if not isinstance(node, dict) or not rows or not isinstance(total, int):
        return {}
    each = rows[-1]["step"] / rows[-1]["epoch"]
    timeline = Timeline(steps_per_epoch=max(1, round(each)), total_steps=total)
    found = {}
    try:
        section = Averaging(**fill("averaging", node, schema_of(Averaging)))
        for name, named in named_averages(section).items():
            average = named.build()
            if isinstance(average, Ema):
                found[name] = half_life_of(average.per_update(timeline)) * average.interval / each
    except UserError:
        return {}
    return found
