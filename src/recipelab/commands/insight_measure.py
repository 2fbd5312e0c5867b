"""One pass over a split, and what it tells of single samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from recipelab import __version__
from recipelab.commands.answers import outputs_of
from recipelab.commands.assemble import evaluation_input
from recipelab.commands.calibrate import calibration, fitted
from recipelab.commands.insight_kept import SCHEMA, Classified, Estimate, Insight, Map, Pair, Regressed, Sample, encoded
from recipelab.commands.samples import Samples
from recipelab.commands.trained import Trained
from recipelab.core.errors import RunError, UserError
from recipelab.data.pool import Pool
from recipelab.figures.parity import residual_bins
from recipelab.loop.grad_cam import grad_cam, last_spatial_layer
from recipelab.loop.load_run import chosen, rebuilt
from recipelab.models.deployed import Normalized

PAIRS = 8  # most confused pairs of classes
MAPPED = 8  # samples that are drawn with Grad-CAM
POINTS = 5000  # of a parity plot


def measure(member: Trained, view: str, samples: Samples, validation: Pool | None, top: int) -> Insight:
    """Ask a view for every sample of a split. top: samples that are kept with their images.

    validation: what the temperature is fitted on, where that is not the split itself. Memory: outputs (N, K) in
    float32, and the images of one batch.
    Raises UserError when the model gives outputs that are not finite.
    """
    outputs, read = outputs_of(member, view, samples.pool)
    targets = samples.pool.targets[read]
    if not torch.isfinite(outputs).all():
        raise UserError(f"{member.name}: view {view} gives outputs that are not finite: there is nothing to look at")
    pictures = _Pictures(member, samples.pool, view)
    classified = regressed = None
    if member.facts.task == "regression":
        regressed = _regressed(outputs, targets, read, pictures, top)
    else:
        degrees = _temperature(member, view, validation) if validation else fitted(outputs.numpy(), targets.numpy())
        classified = _classified(outputs, targets, read, pictures, top, degrees)
    return Insight(
        schema=SCHEMA,
        recipelab=__version__,
        run=member.name,
        split=samples.split,
        sha256=samples.sha256,
        checkpoint=member.checkpoint,
        view=view,
        step=member.steps.get(view),
        top=top,
        samples=len(read),
        class_names=list(member.class_names),
        pictures=pictures.what,
        classified=classified,
        regressed=regressed,
    )


def _temperature(member: Trained, view: str, validation: Pool) -> tuple[float | None, str]:
    outputs, read = outputs_of(member, view, validation)
    return fitted(outputs.numpy(), validation.targets[read].numpy())


def _classified(
    outputs: Tensor, labels: Tensor, read: Tensor, pictures: _Pictures, top: int, degrees: tuple[float | None, str]
) -> Classified:
    guesses, losses = outputs.argmax(1), F.cross_entropy(outputs, labels, reduction="none")
    confidence = outputs.max(1).values.sub_(outputs.logsumexp(1)).exp_()
    worst = losses.argsort(descending=True, stable=True)
    found = _confused(labels.numpy(), guesses.numpy(), outputs.shape[1])
    examples = [int(worst[((labels == a) & (guesses == b))[worst].nonzero()[0, 0]]) for a, b, _ in _most(found)]
    shown = [*worst[:top].tolist(), *examples]
    images = pictures.of(read[shown])
    rows = [
        Sample(
            index=int(read[row]),
            name=pictures.name(int(read[row])),
            label=int(labels[row]),
            predicted=int(guesses[row]),
            loss=float(losses[row]),
            confidence=float(confidence[row]),
            image=image,
        )
        for row, image in zip(shown, images, strict=True)
    ]
    losses_, rest = rows[: len(rows) - len(examples)], rows[len(rows) - len(examples) :]
    losses_, layer = _with_maps(losses_, pictures)
    calm = calibration(outputs.numpy(), labels.numpy(), *degrees)
    return Classified(
        counts=found,
        losses=losses_,
        pairs=[Pair(a, b, count, one) for (a, b, count), one in zip(_most(found), rest, strict=True)],
        temperature=calm.temperature,
        why_not=calm.why_not,
        nll=calm.nll,
        ece=calm.ece,
        bins=(calm.bins[0].tolist(), calm.bins[1].tolist()),
        layer=layer,
    )


def _confused(labels: NDArray[np.int64], guesses: NDArray[np.int64], classes: int) -> list[tuple[int, int, int]]:
    pairs, counts = np.unique(labels * classes + guesses, return_counts=True)
    return [(int(p // classes), int(p % classes), int(n)) for p, n in zip(pairs, counts, strict=True)]


def _most(counts: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return sorted((pair for pair in counts if pair[0] != pair[1]), key=lambda pair: -pair[2])[:PAIRS]


def _with_maps(samples: Sequence[Sample], pictures: _Pictures) -> tuple[list[Sample], str]:
    """The first samples with Grad-CAM for both classes, and the layer; or all as they were, and why."""
    some = samples[:MAPPED]
    if not pictures.drawn:
        return list(samples), pictures.what
    seen = pictures.seen(torch.tensor([one.index for one in some]))
    layer = last_spatial_layer(pictures.model, seen)
    if layer is None:
        return list(samples), "no Grad-CAM: the network has no two convolutions whose outputs have places"
    both = [
        grad_cam(pictures.model, layer, seen, torch.tensor([getattr(one, key) for one in some]))
        for key in ("predicted", "label")
    ]
    maps = [(_rounded(mine), _rounded(theirs)) for mine, theirs in zip(*both, strict=True)]
    found = [dataclasses.replace(one, maps=pair) for one, pair in zip(some, maps, strict=True)]
    size = "x".join(map(str, layer.shape))
    return [*found, *samples[MAPPED:]], f"output of {layer.name}, {size}"


def _rounded(values: Tensor) -> Map:
    return [[round(value, 4) for value in row] for row in values.tolist()]


def _regressed(outputs: Tensor, targets: Tensor, read: Tensor, pictures: _Pictures, top: int) -> Regressed:
    residuals = (outputs - targets).double()
    errors = residuals.abs().mean(1)
    worst = errors.argsort(descending=True, stable=True)[:top].tolist()
    some = torch.linspace(0, len(read) - 1, min(POINTS, len(read))).long()
    histograms = [residual_bins(column) for column in residuals.numpy().T]
    rows = [
        Estimate(
            index=int(read[row]),
            name=pictures.name(int(read[row])),
            truth=targets[row].tolist(),
            output=outputs[row].tolist(),
            error=float(errors[row]),
            image=image,
        )
        for row, image in zip(worst, pictures.of(read[worst]), strict=True)
    ]
    return Regressed(
        truth=targets[some].T.tolist(),
        outputs=outputs[some].T.tolist(),
        mae=residuals.abs().mean(0).tolist(),
        edges=[edges.tolist() for _, edges in histograms],
        heights=[counts.tolist() for counts, _ in histograms],
        errors=rows,
    )


class _Pictures:
    """Samples of a split as the network sees them, and as they are looked at. what: in words."""

    def __init__(self, member: Trained, pool: Pool, view: str) -> None:
        facts = member.facts
        assert facts.mean is not None
        assert facts.std is not None
        self.pool, self.bytes = pool, facts.image_dtype == "uint8"
        self.model = rebuilt(member.recipe, chosen(member.views, view, member.name), member.name).float()
        augment = member.recipe.slots["augment"].build()
        self._see = evaluation_input(member.recipe, facts, augment, torch.device("cpu"))[1]
        self._stored = Normalized(facts.mean, facts.std, unit=255 if self.bytes else 1)
        self.drawn = facts.input_dim == 2
        size = "x".join(map(str, facts.image_size))
        self.what = f"no pictures: the inputs are of {facts.input_dim} dimension(s), {size}"
        if self.drawn:
            grey = "" if facts.input_channels in (1, 3) else f", the mean of {facts.input_channels} channels in grey"
            self.what = f"as the network sees them, {size}{grey}" + (
                "" if self.bytes else ", from lowest to highest value"
            )

    def name(self, index: int) -> str:
        return self.pool.names[index] if self.pool.names else ""

    def seen(self, indices: Tensor) -> Tensor:
        """Normalised (B, C, *S). Raises RunError when one can no longer be read."""
        stored = self.pool.subset(indices).in_memory().images
        assert isinstance(stored, Tensor)
        if len(stored) != len(indices):
            raise RunError("samples that were read a moment ago cannot be read again: the files have changed meanwhile")
        seen: Tensor = self._see(stored.movedim(-1, 1))
        return seen.contiguous()

    def of(self, indices: Tensor) -> list[str | None]:
        """Each as a kept picture; none where they are no pictures."""
        if not self.drawn or not len(indices):
            return [None] * len(indices)
        values = (self.seen(indices).movedim(1, -1) - self._stored.shift) / self._stored.scale
        if values.shape[-1] not in (1, 3):
            values = values.mean(-1, keepdim=True)
        if not self.bytes:
            low, high = (f(values, dim=(1, 2, 3), keepdim=True) for f in (torch.amin, torch.amax))
            values = 255 * (values - low) / (high - low).clamp(min=torch.finfo(values.dtype).tiny)
        return [encoded(image) for image in values.round().clamp(0, 255).to(torch.uint8).numpy()]
