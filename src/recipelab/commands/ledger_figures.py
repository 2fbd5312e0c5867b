"""The pictures of a ledger: stability, misclassification, barcodes with their images, distances, agreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipelab.commands.ledger_images import Samples
from recipelab.commands.ledger_read import Read
from recipelab.figures.agreement import agreement_chart
from recipelab.figures.barcodes import barcodes_chart
from recipelab.figures.chart import Figure
from recipelab.figures.distances import Course as Distance
from recipelab.figures.distances import distances_chart
from recipelab.figures.pictures import write
from recipelab.figures.shares import shares_chart
from recipelab.figures.stability import Course, stability_chart
from recipelab.figures.tiles import tiles_figure
from recipelab.statistics.agreement import agreement_matrix, mismatch
from recipelab.statistics.learning import flips, misclassification_ratio, most_flipping, stability

MOST = 10  # samples that are drawn as barcodes
LONGEST = 28  # letters of a name


def draw_run(one: Read, samples: Samples | None, folder: Path) -> None:
    """Every picture of one run that its ledger has enough for."""
    for figure in _figures(one, samples):
        write(figure, folder / f"{figure.name}.png")


def _figures(one: Read, samples: Samples | None) -> Iterator[Figure]:
    count = f"n = {one.ledger.head.samples:,}"
    courses = {view: _course(one, view) for view in one.views if len(one.ledger.steps(view)) > 1}
    if courses:
        yield stability_chart(courses, f"stability of {one.name}, {count}")
        late = {view: misclassification_ratio(one.late(view)) for view in courses}
        steps = min(len(one.late(view)) for view in courses)
        begin = float(one.epochs_of(np.array([one.since]))[0])
        what = f"share of the {steps} evaluations from epoch {begin:.4g} on in which a sample is wrong"
        title = f"misclassified samples, {one.name}, {count}"
        yield shares_chart(late, steps, title=title, what=what, name="misclassification")
        yield from _barcodes(one, samples)
    apart = {view: mismatch(one.ledger.correct("raw"), one.ledger.correct(view)) for view in _averages(one)}
    if apart:
        steps = len(one.ledger.steps("raw"))
        what = f"share of the {steps} evaluations in which average and raw disagree (1 − mean agreement)"
        title = f"averages against raw, {one.name}, {count}"
        yield shares_chart(apart, steps, title=title, what=what, name="mismatch")
    if lines := dict(_distances(one, "")):
        yield distances_chart(lines, f"averages and raw weights, {one.name}")


def draw_comparison(found: Sequence[Read], folder: Path) -> None:
    """Who agrees with whom at the last evaluation; of several runs, their averages' distances on one axis, too."""
    several = len(found) > 1
    last = {
        f"{number} {view}" if several else view: one.ledger.correct(view)[-1]
        for number, one in enumerate(found, start=1)
        for view in one.views
    }
    title = f"agreement at the last evaluation, n = {found[0].ledger.head.samples:,}"
    told = "\n".join(f"{number}: {one.name}" for number, one in enumerate(found, start=1)) if several else ""
    matrix = agreement_matrix(list(last.values()))
    write(agreement_chart(matrix, list(last), title, told), folder / "agreement.png")
    lines = [pair for one in found for pair in _distances(one, f"{one.name} ")]
    if several and lines:
        write(distances_chart(dict(lines), "averages and raw weights"), folder / "distances.png")


def _course(one: Read, view: str) -> Course:
    correct = one.ledger.correct(view)
    return Course(one.epochs_of(one.ledger.steps(view)), stability(correct), correct.mean(1))


def _averages(one: Read) -> list[str]:
    return [view for view in one.views if view != "raw" and one.same_steps("raw", view)]


def _barcodes(one: Read, samples: Samples | None) -> Iterator[Figure]:
    """The samples that flip most by the first view, in all views that were evaluated when it was; and their images."""
    first = one.views[0]
    correct = one.ledger.correct(first)
    chosen = most_flipping(correct, MOST)
    strips = {view: one.ledger.correct(view)[:, chosen] for view in one.views if one.same_steps(first, view)}
    names = [_name(samples, int(index)) for index in chosen]
    title = f"the {len(chosen)} samples that flip most in {first}, {one.name}"
    yield barcodes_chart(strips, one.epochs_of(one.ledger.steps(first)), names, title)
    images = samples.images(chosen) if samples is not None else None
    if images is not None and samples is not None:
        times = flips(correct)[chosen]
        words = [
            f"{_name(samples, int(i))}\n{samples.label(int(i))[:LONGEST]}, {n} flips"
            for i, n in zip(chosen, times, strict=True)
        ]
        yield tiles_figure(images, words, title)


def _name(samples: Samples | None, index: int) -> str:
    """How a sample is called: by the end of its file's path, or by its number in the split."""
    file = samples.file(index) if samples is not None else ""
    return f"#{index}" + (f" …{file[-LONGEST:]}" if len(file) > LONGEST else f" {file}" if file else "")


def _distances(one: Read, before: str) -> Iterator[tuple[str, Distance]]:
    """Relative distance of every average to the raw weights, from the rows of metrics."""
    rows = one.run.metrics
    for view in one.views:
        key = f"{view}_distance"
        told = [row for row in rows if row.get(key) is not None and row.get("weight_norm")]
        if told:
            epochs: NDArray[np.float64] = np.array([row["epoch"] for row in told], dtype=float)
            ratio = np.array([row[key] / row["weight_norm"] for row in told], dtype=float)
            yield f"{before}{view}", (epochs, ratio)
