"""`recipelab predict`: what trained models say of image files, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import torch
from torch import Tensor, nn

from recipelab.commands.answers import seen_by
from recipelab.commands.ask import Ask
from recipelab.commands.measured import require_same_kind
from recipelab.commands.trained import Trained, open_all, require_folder, sort_words
from recipelab.core import atomic
from recipelab.core.cells import csv_cell, printable
from recipelab.core.errors import RunError, UserError
from recipelab.data.decode import Fit, decode_files
from recipelab.data.listing import image_files
from recipelab.loop.device import Device, applied
from recipelab.loop.ensemble import Kind, combine
from recipelab.loop.evaluate import outputs
from recipelab.records.crossval import is_run

CHUNK_BYTES = 2**27  # of decoded images at once: the memory of a million files is that of a few


@dataclass
class Predictions:
    """What was said of the files that could be read, in the order in which they were named.

    paths: N files. probabilities: (N, K) float32; of a regression the values of the K targets. class_names: K.
    failures: path -> why that file could not be read.
    """

    class_names: tuple[str, ...]
    task: str = "classification"
    paths: list[str] = field(default_factory=list)
    probabilities: Tensor = field(default_factory=lambda: torch.empty(0))
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The most probable class of each file. Raises ValueError for a regression."""
        if self.task == "regression":
            raise ValueError("a regression tells values, and no classes")
        return [self.class_names[label] for label in self.probabilities.argmax(1).tolist()] if self.paths else []


def predict(
    *words: str | Path,
    view: str | None = None,
    checkpoint: str | None = None,
    ensemble: Kind | None = None,
    config: str | None = None,
    config_dir: str | None = None,
) -> Predictions:
    """Predict image files; the same as `recipelab predict`.

    words: a run record (with `ensemble` several, or a cross-validation's folder), then image files and folders of
        them, and overrides of how it is executed, such as "trainer.accelerator=cpu". Without a record, overrides of a
        recipe whose model comes with weights. view, checkpoint: default: those of the run's headline.

    Files are decoded, turned and sized as in training. One that cannot be read is in `failures`. Raises UserError.
    """
    members, files = _asked(words, Ask((), config, config_dir), checkpoint, ensemble, view)
    result = Predictions(members[0].member.class_names, members[0].member.facts.task)
    parts = []
    for paths, probabilities, failures in _predicted(members, files, ensemble or "logits"):
        result.paths += paths
        result.failures |= failures
        parts.append(probabilities)
    result.probabilities = torch.cat(parts)
    return result


def predict_command(
    *words: str,
    top: int | None = None,
    output: str | None = None,
    view: str | None = None,
    checkpoint: str | None = None,
    ensemble: Kind | None = None,
    config: str | None = None,
    config_dir: str | None = None,
) -> None:
    """`predict` as CSV: path, class, and a probability a class, or with `top` the K most probable classes; of a
    regression path and the targets' values.

    output: the file, replaced whole; None: standard output, row by row. What cannot be read is named on standard error.
    Raises UserError before any row; RunError, after all of them, when there were such files.
    """
    members, files = _asked(words, Ask((), config, config_dir), checkpoint, ensemble, view)
    names = members[0].member.class_names
    if output is not None:
        require_folder(Path(output))
    facts = members[0].member.facts
    if facts.task == "regression" and top is not None:
        raise UserError(f"--top {top}: {members[0].member.name} tells values, and no classes")
    if top is not None and not 1 <= top <= len(names):
        raise UserError(f"--top {top}: {members[0].member.name} tells {len(names)} classes; choose 1 to {len(names)}")
    chunks = _predicted(members, files, ensemble or "logits")
    failed: dict[str, str] = {}
    if output is None:
        _write(sys.stdout, chunks, _Table(facts.task, names, top), failed)
    else:
        atomic.write_lines(Path(output), lambda file: _write(file, chunks, _Table(facts.task, names, top), failed))
    for path, reason in failed.items():
        print(f"{printable(path)} cannot be read: {printable(reason)}", file=sys.stderr)
    if failed:
        raise RunError(f"{len(failed):,} of {len(files):,} files could not be read; the others are done")


def _asked(
    words: Sequence[str | Path], ask: Ask, checkpoint: str | None, ensemble: str | None, view: str | None
) -> tuple[list[_Ready], list[str]]:
    """The models, built, and the files that a command names. Raises UserError for all that is wrong but the files."""
    paths, overrides = sort_words(words)
    ask = Ask(tuple(overrides), ask.config, ask.config_dir)
    runs = [path for path in paths if is_run(Path(path))]
    named = [path for path in paths if path not in runs]
    without = any(override.partition("=")[0] == "model" for override in overrides) or ask.config
    if not runs and named and not without:
        open_all(named[:1], ask, checkpoint, _aside)  # says why the first word is no run
    if not named:
        raise UserError("predict needs image files or folders of them: recipelab predict RUN FILE ...")
    files = [file for name in named for file in image_files(name)]
    members = open_all(runs, ask, checkpoint, _aside)
    if len(members) > 1 and not ensemble:
        raise UserError(f"{len(members)} runs are named: give --ensemble to predict with all of them together")
    if ensemble and len(members) < 2:
        raise UserError(
            "--ensemble: an ensemble needs at least two runs: recipelab predict RUN1 RUN2 FILE ... --ensemble"
        )
    require_same_kind(members)
    if view == "all":
        raise UserError("--view all: a prediction is one view's; name it")
    facts = members[0].facts
    if facts.input_dim != 2 or facts.image_dtype != "uint8" or facts.input_channels not in (1, 3):
        size = "x".join(str(edge) for edge in facts.image_size)
        raise UserError(
            f"predict reads image files, and {members[0].name} takes arrays: {size}, {facts.input_channels} channels,"
            f" {facts.image_dtype}"
        )
    if ensemble == "probabilities" and facts.task == "regression":
        raise UserError("--ensemble probabilities: a regression has none; --ensemble takes the mean of the values")
    if other := [member for member in members if fit_of(member) != fit_of(members[0])]:
        raise UserError(
            f"{members[0].name} and {other[0].name} cannot be taken together: their data.resize_size or"
            " data.interpolation differ, so each would be shown other images"
        )
    return [_Ready(member, member.chosen_views(view)[0]) for member in members], files


def _predicted(
    members: Sequence[_Ready], files: Sequence[str], kind: Kind
) -> Iterator[tuple[list[str], Tensor, dict[str, str]]]:
    """(paths, their probabilities (n, K), failures) of a portion of the files at a time, in order."""
    facts, how = members[0].member.facts.of_stored(), fit_of(members[0].member)
    height, width = facts.image_size
    size = max(1, CHUNK_BYTES // (height * width * facts.input_channels))
    for start in range(0, len(files), size):
        some = files[start : start + size]
        decoded = decode_files(some, how, facts.input_channels, patient=True)
        good = [row for row in range(len(some)) if row not in decoded.failures]
        failures = {some[row]: reason for row, reason in sorted(decoded.failures.items())}
        if good:
            images = torch.from_numpy(decoded.images[good])
            together = combine([one.outputs(images) for one in members], kind)
            values = together if facts.task == "regression" else together.softmax(1)
            yield [some[row] for row in good], values, failures
        else:
            yield [], torch.empty(0, facts.num_classes), failures


def fit_of(member: Trained) -> Fit:
    """How files are brought to the size of the images that a model was evaluated on."""
    height, width = member.facts.of_stored().image_size
    options = member.recipe.slots["data"].kwargs
    return Fit((height, width), options.get("resize_size"), options.get("interpolation", "bilinear"))


class _Ready:
    """A view of a model on its device, waiting for images."""

    def __init__(self, member: Trained, view: str) -> None:
        self.member = member
        with applied(member.execution):
            self.device = Device(member.execution)
            self.model: nn.Module = member.model(view, self.device)
        self.seen = seen_by(member, self.device)

    def outputs(self, images: Tensor) -> Tensor:
        """(N, K) float32 on the CPU of images (N, H, W, C) uint8."""
        with applied(self.member.execution):
            batches = images.split(self.member.recipe.trainer.eval_batch_size)
            return outputs(self.model, (self._input(batch) for batch in batches), self.device).cpu()

    def _input(self, batch: Tensor) -> Tensor:
        values = self.seen(batch.to(self.device.torch_device).movedim(-1, 1))
        return values if self.member.execution.channels_last else values.contiguous()


@dataclass(frozen=True)
class _Table:
    """The columns of the CSV: of classes one probability each, or only the `top` most probable; of targets their
    values."""

    task: str
    names: Sequence[str]
    top: int | None

    def header(self) -> list[str]:
        if self.task == "regression":
            return ["path", *(csv_cell(name) for name in self.names)]
        if self.top is None:
            return ["path", "class", *(csv_cell(f"p_{name}") for name in self.names)]
        return ["path", *(f"{what}_{rank}" for rank in range(1, self.top + 1) for what in ("class", "p"))]

    def cells(self, path: str, row: Tensor) -> list[str]:
        numbers = [f"{value:.6g}" for value in row.tolist()]
        if self.task == "regression":
            return [csv_cell(path), *numbers]
        if self.top is None:
            return [csv_cell(path), csv_cell(self.names[int(row.argmax())]), *numbers]
        best = row.topk(self.top).indices.tolist()
        return [csv_cell(path), *(cell for label in best for cell in (csv_cell(self.names[label]), numbers[label]))]


def _write(
    file: IO[str], chunks: Iterator[tuple[list[str], Tensor, dict[str, str]]], table: _Table, failed: dict[str, str]
) -> None:
    """The header and a row a file; failures are collected in `failed`."""
    show = printable if file.isatty() else str
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([show(cell) for cell in table.header()])
    for paths, values, failures in chunks:
        failed |= failures
        for path, row in zip(paths, values, strict=True):
            writer.writerow([show(cell) for cell in table.cells(path, row)])
        file.flush()


def _aside(line: str) -> None:
    """Lines for the reader go where the rows do not."""
    print(line, file=sys.stderr)
