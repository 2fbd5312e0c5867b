"""`recipelab export`: a view of a run as a file for elsewhere, written only if it gives what the network gives."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from recipelab.commands.ask import Ask
from recipelab.commands.assemble import evaluation_input
from recipelab.commands.calibrate import Calibrated, change, require_temperature
from recipelab.commands.export_facts import described
from recipelab.commands.export_formats import FORMATS, Format, require_onnx
from recipelab.commands.samples import Samples, samples_for
from recipelab.commands.tempered import calibrated, require_classes
from recipelab.commands.trained import Trained, open_all, require_folder, sort_words
from recipelab.core import atomic
from recipelab.core.errors import RunError, UserError, did_you_mean
from recipelab.loop.device import applied
from recipelab.loop.load_run import chosen, rebuilt
from recipelab.models.deployed import Deployed, Normalized
from recipelab.records.crossval import members
from recipelab.records.log import Log

CHECKED = 8  # validation images that the file is tried with


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    difference: the largest of an output to the network's own, over the largest output (at least 1), on `images`
    validation images. temperature: that the logits are divided by, 1 without. calibration: what it was fitted on.
    """

    path: Path
    format: str
    view: str
    checkpoint: str
    difference: float
    images: int
    temperature: float
    calibration: Calibrated | None
    metadata: dict[str, str]


def export(  # noqa: PLR0913 - each is an option of the command
    *words: str | Path,
    format: str,
    view: str | None = None,
    checkpoint: str | None = None,
    output: str | Path | None = None,
    temperature: float | Literal["auto"] | None = None,
    dynamic_batch: bool = False,
    with_preprocessing: bool = False,
    force: bool = False,
    config_dir: str | None = None,
    quiet: bool = False,
) -> Exported:
    """Write a view of a run as a file; the same as `recipelab export`.

    words: a run record, and overrides of where its data are. format: safetensors, onnx or torch-export.
    view, checkpoint: default: those of the run's headline. output: the file; default: RUN_CHECKPOINT_VIEW.SUFFIX here.
    temperature: what logits are divided by; "auto" fits it on the validation split (`statistics.temperature`).
    dynamic_batch: a graph for any number of images; without, for one. with_preprocessing: a graph that takes images
        as bytes, (B, H, W, C), and normalises them itself. force: replace a file that is there.

    The network is written in float32. The file is read again and run on validation images before it is put in its
    place. Raises UserError, with nothing written; RunError when what was written gives other outputs.
    """
    log = Log(quiet=quiet)
    chosen_format = _format(format, temperature, dynamic_batch or with_preprocessing)
    member, ask = _the_run(words, config_dir, checkpoint, log)
    if view == "all":
        raise UserError("--view all: a file holds one view; name it")
    view = member.chosen_views(view)[0]
    if temperature is not None:
        require_classes([member])
    path = Path(output or f"{member.name}_{member.checkpoint}_{view}{chosen_format.suffix}")
    require_folder(path)
    if path.exists() and not force:
        raise UserError(f"{path} is there already\n  to replace it: --force; another place: --output FILE")
    samples = samples_for(member, ask, "val", log)
    fitted = _fitted(member, view, samples, log) if temperature == "auto" else None
    degrees = fitted.temperature if fitted else temperature
    assert degrees is None or isinstance(degrees, float)
    network = _Network.of(member, view, degrees or 1.0, with_preprocessing and format != "safetensors")
    told = described(member, view, network.temperature, preprocessing=network.prepare is not None)
    with applied(replace(member.execution, accelerator="cpu")):
        difference = _written(chosen_format, network, _some(samples), path, told, dynamic_batch)
    log(
        f"checked: the largest difference to the network is {difference:.2g} of its largest output on"
        f" {min(CHECKED, len(samples.pool))} validation images (at most {chosen_format.tolerance:g})"
    )
    log(f"written: {path}")
    return Exported(
        path, format, view, member.checkpoint, difference, min(CHECKED, len(samples.pool)), network.temperature, fitted,
        told,
    )  # fmt: skip


def _format(name: str, temperature: float | Literal["auto"] | None, of_graphs: bool) -> Format:
    """The format, its packages there. Raises UserError for options that it has nothing to do with."""
    if name not in FORMATS:
        raise UserError(f"--format {name}: there is no such{did_you_mean(name, FORMATS)}\n  {', '.join(FORMATS)}")
    if name == "safetensors" and of_graphs:
        raise UserError(
            "--format safetensors holds weights, and no graph that --dynamic-batch or --with-preprocessing could be of"
            "\n  fix: --format onnx or torch-export"
        )
    require_temperature(temperature)
    if name == "onnx":
        require_onnx()
    return FORMATS[name]


def _the_run(
    words: Sequence[str | Path], config_dir: str | None, checkpoint: str | None, log: Log
) -> tuple[Trained, Ask]:
    paths, overrides = sort_words(words)
    runs = [folder for path in paths for folder in members(Path(path))]
    if len(runs) != 1:
        raise UserError(f"export takes one run, outputs/NAME, and {len(runs)} are named")
    ask = Ask(tuple(overrides), None, config_dir)
    return open_all([str(runs[0])], ask, checkpoint, log)[0], ask


def _fitted(member: Trained, view: str, samples: Samples, log: Log) -> Calibrated:
    found = calibrated(member, view, samples.pool)
    if found.temperature is None:
        raise UserError(f"--temperature auto: {found.why_not}\n  give a number: --temperature 1.5")
    log(f"fitted on {found.samples:,} validation samples: {change(found.numbers())}")
    return found


@dataclass(frozen=True)
class _Network:
    """What is written. model: in float32 on the CPU. seen: from stored images (B, C, *S) to what the model sees.

    prepare: the preprocessing that goes into the graph, None for none. unit, mean, std: of the normalisation.
    """

    model: nn.Module
    seen: Any
    temperature: float
    prepare: Normalized | None
    stored: Normalized

    @classmethod
    def of(cls, member: Trained, view: str, temperature: float, with_preprocessing: bool) -> _Network:
        weights = chosen(member.views, view, member.name)
        model = rebuilt(member.recipe, weights, f"{member.name}, checkpoint {member.checkpoint}").float()
        facts = member.facts
        assert facts.mean is not None
        assert facts.std is not None
        normalized = Normalized(facts.mean, facts.std, unit=255 if facts.image_dtype == "uint8" else 1)
        augment = member.recipe.slots["augment"].build()
        seen = evaluation_input(member.recipe, facts, augment, torch.device("cpu"))[1]
        return cls(model, seen, temperature, normalized if with_preprocessing else None, normalized)

    def inputs(self, seen: Tensor, dtype: torch.dtype) -> Tensor:
        """What the file is given for normalised images (B, C, *S): these, or with preprocessing the images they were,
        in the size that the network sees, (B, *S, C)."""
        if self.prepare is None:
            return seen
        pixels = (seen.movedim(1, -1) - self.stored.shift) / self.stored.scale
        return (pixels.round() if dtype == torch.uint8 else pixels).to(dtype).contiguous()


def _some(samples: Samples) -> Tensor:
    """Up to CHECKED images from all over a split, as stored: (B, *S, C)."""
    count = len(samples.pool)
    images = samples.pool.subset(torch.linspace(0, count - 1, min(CHECKED, count)).long()).in_memory().images
    assert isinstance(images, Tensor)
    if not len(images):
        raise UserError("no validation image can be read to check the file with")
    return images


@torch.no_grad()
def _written(how: Format, network: _Network, images: Tensor, path: Path, told: dict[str, str], dynamic: bool) -> float:
    """Write the file, read it, compare, and put it in its place; returns the largest relative difference."""
    seen = network.seen(images.movedim(-1, 1)).contiguous()
    inputs = network.inputs(seen, images.dtype)
    bare = how.suffix == ".safetensors"
    model = network.model if bare else Deployed(network.model, network.prepare, temperature=network.temperature).eval()
    blank = copy.deepcopy(model)
    for value in blank.state_dict().values():
        value.zero_()
    with tempfile.TemporaryDirectory(prefix="recipelab-export-") as folder:
        file = Path(folder) / f"network{how.suffix}"
        how.write(model, inputs if dynamic else inputs[:1], file, told, dynamic)
        if others := [one.name for one in Path(folder).iterdir() if one != file]:
            raise UserError(f"{path.name} would need further files ({', '.join(others)}): a graph holds up to 2 GB")
        run, metadata = how.read(file, blank)
        if not told.items() <= metadata.items():
            raise RunError(f"{path}: what is known of the network did not come back; nothing is written")
        divided = 1.0 if bare else network.temperature
        apart = [
            _difference(run(inputs[part]), network.model(seen[part]) / divided)
            for part in _portions(len(inputs), dynamic)
        ]
        difference = float(torch.tensor(apart).max())  # nan where any is
        if not difference <= how.tolerance:
            raise RunError(
                f"{path}: what was written gives outputs that differ by {difference:.2g} of the largest, more than"
                f" {how.tolerance:g}; nothing is written"
            )
        with open(file, "rb") as source:
            atomic.write(path, lambda target: shutil.copyfileobj(source, target))
    return difference


def _portions(count: int, dynamic: bool) -> Iterator[slice]:
    """One image after the other, and where any number can be given also several."""
    yield from (slice(row, row + 1) for row in range(count))
    if dynamic:
        yield slice(0, count)
        yield slice(0, max(1, count - 1))


def _difference(found: Tensor, wanted: Tensor) -> float:
    """The largest difference of two outputs over the largest output, or over 1; nan where one is not finite."""
    if found.shape != wanted.shape:
        return float("inf")
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1.0))
