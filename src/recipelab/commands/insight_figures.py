"""What is known of single samples, as figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipelab.commands.insight_kept import Classified, Estimate, Insight, Regressed, Sample, decoded
from recipelab.figures.chart import Figure, Tile, Tiles
from recipelab.figures.class_accuracy import class_accuracy
from recipelab.figures.confusion import confusion_charts
from recipelab.figures.heatmap import overlay
from recipelab.figures.parity import parity_chart, residual_histogram
from recipelab.figures.reliability import Curve, reliability_diagram
from recipelab.statistics.proportion import wilson

LONGEST = 18  # letters of a name below a tile
_BARS = "bars: 95 % intervals (Wilson)"


def figures(insight: Insight) -> list[Figure]:
    """Every figure that an insight has enough for. Raises UserError when a kept picture is damaged."""
    what = f"{insight.checkpoint} {insight.view} on {insight.split}"
    count = f"n = {insight.samples:,}"
    if insight.classified is not None:
        return _of_classes(insight.classified, insight, what, count)
    assert insight.regressed is not None
    return _of_values(insight.regressed, insight, what, count)


def matrix(found: Classified, classes: int) -> NDArray[np.int64]:
    """(K, K) samples, row the class, column the prediction."""
    counts = np.zeros((classes, classes), np.int64)
    for label, predicted, count in found.counts:
        counts[label, predicted] = count
    return counts


def _of_classes(found: Classified, insight: Insight, what: str, count: str) -> list[Figure]:
    names = insight.class_names
    counts = matrix(found, len(names))
    hits, totals = counts.diagonal(), counts.sum(1)
    drawn: list[Figure] = [
        _reliability(found, insight, what, count),
        *confusion_charts(counts, names, f"confusions: {what}", f"{count}; rows are classes, columns predictions"),
        class_accuracy(names, hits, totals, wilson(hits, totals), f"accuracy by class: {what}", f"{count}; {_BARS}"),
    ]
    worst = [_tile(one, f"{_pair(one, names)}\nloss {one.loss:.3g}, p {np.exp(-one.loss):.2g}") for one in found.losses]
    drawn += _tiles(
        "top_losses", f"largest losses: {what}", worst, f"{count}; p: probability of its own class", insight
    )
    examples = [
        _tile(pair.example, f"{_pair(pair.example, names)}\n{pair.count:,} of {totals[pair.label]:,}")
        for pair in found.pairs
    ]
    said = f"{count}; samples of a class that were taken for another, and that of the largest loss"
    drawn += _tiles("most_confused", f"most confused classes: {what}", examples, said, insight, columns=4)
    mapped = [tile for one in found.losses if one.maps for tile in _mapped(one, names)]
    said = f"{found.layer}; each map is over its own largest value; Selvaraju et al. 2017"
    drawn += _tiles("grad_cam", f"Grad-CAM of the largest losses: {what}", mapped, said, insight, columns=6)
    return drawn


def _reliability(found: Classified, insight: Insight, what: str, count: str) -> Figure:
    curves = []
    labels = [f"as trained: ECE {found.ece[0]:.2%}, NLL {found.nll[0]:.4f}"]
    if found.temperature is not None:
        labels.append(f"T = {found.temperature:.3f}: ECE {found.ece[1]:.2%}, NLL {found.nll[1]:.4f}")
    for label, sums in zip(labels, found.bins, strict=False):
        counts, hits, confidences = np.array(sums)
        low, high = wilson(hits, counts)
        curves.append(Curve(label, counts, hits, confidences, low, high))
    on = "the same samples" if insight.split == "val" else "the validation split"
    scaled = f"temperature fitted on {on}" if found.temperature else f"no temperature: {found.why_not}"
    caption = f"{count} in {len(found.bins[0][0])} bins of confidence; {_BARS}; {scaled}"
    return reliability_diagram(curves, f"reliability: {what}", caption)


def _of_values(found: Regressed, insight: Insight, what: str, count: str) -> list[Figure]:
    names, alone = insight.class_names, len(found.mae) == 1
    panels = [("" if alone else f"{name}: ") + f"MAE {mae:.4g}" for name, mae in zip(names, found.mae, strict=True)]
    truth, outputs = np.array(found.truth), np.array(found.outputs)
    some = count if truth.shape[1] == insight.samples else f"{truth.shape[1]:,} of {insight.samples:,} samples"
    edges, heights = [np.array(one) for one in found.edges], [np.array(one) for one in found.heights]
    drawn: list[Figure] = [
        parity_chart(list(truth), list(outputs), panels, f"predictions against the truth: {what}", some),
        residual_histogram(edges, heights, panels, f"residuals: {what}", count),
    ]
    tiles = [_tile(one, f"{_values(one.truth)} → {_values(one.output)}\nerror {one.error:.3g}") for one in found.errors]
    return drawn + _tiles("largest_errors", f"largest errors: {what}", tiles, f"{count}; truth → prediction", insight)


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values[:2]) + (", …" if len(values) > 2 else "")


def _tiles(
    name: str, title: str, tiles: Sequence[Tile | None], caption: str, insight: Insight, columns: int = 8
) -> list[Figure]:
    """The tiles as a figure; none where there are no pictures."""
    some = [tile for tile in tiles if tile is not None]
    return [Tiles(name, title, some, f"{caption}; {insight.pictures}", columns)] if some else []


def _tile(one: Sample | Estimate, words: str) -> Tile | None:
    place = f"#{one.index}" + (f" …{one.name[-LONGEST:]}" if len(one.name) > LONGEST else f" {one.name}"[: LONGEST + 1])
    return None if one.image is None else Tile(decoded(one.image), f"{words}\n{place.rstrip()}")


def _mapped(one: Sample, names: Sequence[str]) -> list[Tile | None]:
    """The image, and where it speaks for the predicted class and for its own."""
    assert one.maps is not None
    plain = _tile(one, _pair(one, names))
    if plain is None:
        return []
    both = zip(("for", "for its own class,"), (one.predicted, one.label), one.maps, strict=True)
    laid = [
        Tile(overlay(plain.image, np.array(heat, np.float32)), f"{why} {_short(names, label)}")
        for why, label, heat in both
    ]
    return [plain, *laid]


def _pair(one: Sample, names: Sequence[str]) -> str:
    return f"{_short(names, one.label)} → {_short(names, one.predicted)}"


def _short(names: Sequence[str], label: int) -> str:
    name = names[label]
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
