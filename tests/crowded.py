"""Charts that are hard to lay out: long names, many arms, small panels."""

from __future__ import annotations

import numpy as np

from recipelab.figures.arms import ArmRow, arms_chart
from recipelab.figures.barcodes import barcodes_chart
from recipelab.figures.chart import Axis, Chart, Dimension, Figure, Line, Panel, Parallel, Points, Tile, Tiles
from recipelab.figures.confusion import confusion_charts
from recipelab.figures.curves import Series, curves_panel
from recipelab.figures.dots import Dot, dots
from recipelab.figures.techniques import Change, boxes_panel, effects_panel

MODELS = ["PyramidNet-110", "WideResNet-28-10", "PreActResNet-18", "ResNet-152", "VGG-16"]
TECHNIQUES = [
    "final-layer dropout",
    "label smoothing",
    "squeeze-and-excitation with a reduction of 16 and hard sigmoids",
    "mixup",
]
ARMS = [f"{t}, {m}, {o}" for t in TECHNIQUES for m in MODELS for o in ("SGD", "SGD-SAM at a radius of 0.05")]
PERCENT = "accuracy on the test split at the end (percentage points)"


def boxes() -> Chart:
    rng = np.random.default_rng(0)
    groups = {m: {t: Change(list(rng.random(5)), 0.1, -0.2, 0.3, t) for t in TECHNIQUES} for m in MODELS}
    baselines = dict.fromkeys(MODELS, 0.5)
    panels = [
        boxes_panel(TECHNIQUES, groups, baselines, Axis(PERCENT, percent=True)),
        effects_panel(TECHNIQUES, groups, Axis(f"difference in {PERCENT}", percent=True)),
    ]
    return Chart("boxes", "accuracy by technique", panels, "n = 5", columns=2)


def arms() -> Chart:
    rows = [ArmRow(name, [0.1 * i, 0.1 * i + 0.05], 0.0, 9.0, i) for i, name in enumerate(ARMS)]
    return arms_chart(rows, Axis(PERCENT), title="Which? " * 30, baseline=0.3, caption="Dots: runs. " * 20)


def resources() -> Chart:
    y = Axis("", categories=ARMS[:9], reverse=True)
    marks = [Points([1.0 + i], [float(i)], along="x") for i in range(9)]
    names = ("runtime (s)", "seconds an epoch", "peak of the device's memory, in units of 2^20 bytes (MiB)")
    return Chart("resources", "What each takes", [Panel(Axis(n), y, marks) for n in names], columns=2, legend=False)


def curves() -> Chart:
    x = np.arange(1, 5)
    series = [Series(name, [(x, x * (i + 1) / 50)], i) for i, name in enumerate(ARMS[:14])]
    title = "training accuracy as trained on, augmented and mixed, over all samples since the last row"
    panels = [curves_panel(series, Axis("epoch"), Axis(f"validation {PERCENT}"), title) for _ in range(5)]
    return Chart("curves", "Training", panels, "Bands", columns=3)


def slanted() -> Chart:
    names = ["baseline", "baseline + cutout", "AutoAugment", "RandAugment", "TrivialAugment, wide", *ARMS[:4]]
    found = [Dot(float(i), i / 9, m, "SGD") for i in range(9) for m in MODELS]
    panels = [Panel(Axis("augment", categories=names), Axis("test accuracy (%)", percent=True), dots(found))] * 2
    return Chart("slanted", "accuracy by augment", panels, columns=2)


def logarithmic() -> Chart:
    wide, narrow = np.geomspace(1e-7, 10, 30), np.linspace(3.1, 4.9, 10)
    ticks = [(float(x), f"{1 - x / 20:.7f}") for x in np.geomspace(1e-7, 10, 60)]
    panels = [Panel(Axis("learning rate", log=True), Axis("loss", log=True), [Line(x, x)]) for x in (wide, narrow)]
    above = Panel(Axis("x", log=True), Axis("y"), [Line(wide, wide)], "with a second scale", ("decay", ticks))
    return Chart("logarithmic", "t", [*panels, above], columns=3)


def labelled() -> Chart:
    x = np.tile([1.0, 1.01, 2.0, 3.0, 3.5], 8)
    marks = [Points(x, np.arange(40.0) // 5, labels=ARMS[:40])]
    return Chart("labelled", "t", [Panel(Axis("minutes"), Axis("accuracy"), marks)])


def matrices() -> list[Chart]:
    few, many = np.arange(100).reshape(10, 10), np.eye(60, dtype=int)
    _, shares = confusion_charts(
        few, [f"a class of a long name, number {i}" for i in range(10)], "confusions " * 9, "n"
    )
    counts, _ = confusion_charts(many, [f"class {i}" for i in range(60)], "confusions", "n")
    return [shares, counts]


def everything() -> list[Figure]:
    strips = barcodes_chart(
        {"raw": np.eye(180, 10) > 0, "ema_0.9995": np.eye(180, 10) > 0},
        np.arange(180.0),
        [f"#{i}" for i in range(10)],
        "t",
    )
    key = "model.blocks.stochastic_depth.final_probability"
    dimensions = [Dimension(Axis(f"{key}{i}", categories=ARMS), np.arange(40.0)) for i in range(6)]
    value = Dimension(Axis(PERCENT), np.arange(40.0))
    tiles = [
        Tile(np.zeros((8, 8, 1), np.uint8), f"{t} → {m}\n#12345 …images/of/cats")
        for t in TECHNIQUES
        for m in MODELS[:2]
    ]
    return [
        boxes(), arms(), resources(), curves(), slanted(), logarithmic(), labelled(), *matrices(), strips,
        Parallel("parallel", "t", dimensions, value, "n"), Tiles("tiles", "t", tiles, "n"),
    ]  # fmt: skip
