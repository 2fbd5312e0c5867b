"""What the ledgers of runs tell, sample by sample."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recipelab.figures import catalogue
from recipelab.figures.barcodes import barcodes_chart
from recipelab.figures.chart import Chart
from recipelab.figures.distances import Course, distances_chart
from recipelab.figures.shares import shares_chart
from recipelab.figures.stability import stability_chart
from recipelab.records.ledger import Ledger
from recipelab.reports.material import OneRun
from recipelab.reports.numbers import Numbers
from recipelab.reports.run_courses import distance, epochs_of, ledger, stability_course
from recipelab.statistics.learning import misclassification_ratio, most_flipping

MOST = 10  # samples that are drawn as barcodes


def of_study(found: Numbers, wanted: catalogue.Ledger) -> Chart | None:
    """One of the pictures, of the first seed of an arm."""
    arm = next((one for one in found.arms if one.name == wanted.arm), found.arms[0])
    run = arm.readings[0].run
    made = of_run(run, wanted.shows, wanted.views, wanted.since, f"{arm.name}, seed {arm.readings[0].seed}")
    if made is None or wanted.arm is None:
        return made
    suffix = re.sub(r"[^a-z0-9]+", "_", wanted.arm.lower()).strip("_")
    return Chart(f"{made.name}_{suffix}", made.title, made.panels, made.caption, made.columns)


def of_run(run: OneRun, shows: str, views: Sequence[str], since: float, what: str) -> Chart | None:
    """One of the pictures of a run: stability, misclassification or barcodes. None without a ledger of two rows."""
    kept = ledger(run)
    if kept is None:
        return None
    shown = [view for view in kept.views if (not views or view in views) and len(kept.steps(view)) > 1]
    if not shown:
        return None
    count = f"n = {kept.head.samples:,}"
    if shows == "stability":
        courses = {view: stability_course(run, kept, view) for view in shown}
        return stability_chart(courses, f"Stability of predictions: {what}, {count} validation samples")
    if shows == "misclassification":
        return _misclassification(run, kept, shown, since, f"{what}, {count}")
    return _barcodes(run, kept, shown, what)


def _misclassification(run: OneRun, kept: Ledger, views: Sequence[str], since: float, what: str) -> Chart:
    late = {view: kept.steps(view) >= since * kept.steps(view)[-1] for view in views}
    shares = {view: misclassification_ratio(kept.correct(view)[late[view]]) for view in views}
    steps = min(int(rows.sum()) for rows in late.values())
    begin = float(epochs_of(run, kept.steps(views[0])[late[views[0]]])[0])
    axis = f"share of the {steps} evaluations from epoch {begin:.4g} on in which a sample is wrong"
    return shares_chart(shares, steps, title=f"Misclassified samples: {what}", what=axis, name="misclassification")


def _barcodes(run: OneRun, kept: Ledger, views: Sequence[str], what: str) -> Chart:
    first = views[0]
    chosen = most_flipping(kept.correct(first), MOST)
    same = [view for view in views if np.array_equal(kept.steps(view), kept.steps(first))]
    strips = {view: kept.correct(view)[:, chosen] for view in same}
    names = [f"#{index}" for index in chosen]
    title = f"The {len(chosen)} samples that flip most in {first}: {what}"
    return barcodes_chart(strips, epochs_of(run, kept.steps(first)), names, title)


def distances(found: Numbers) -> Chart | None:
    """Relative distance of averages to the raw weights, a line an arm that is measured by an average."""
    lines: dict[str, Course] = {}
    for arm in found.arms:
        one = arm.readings[0]
        x, y = distance(one.run, one.view)
        if one.view != "raw" and len(x):
            lines[arm.name] = (x, y)
    return distances_chart(lines, "Averages and raw weights: how far apart") if lines else None
