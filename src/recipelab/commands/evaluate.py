"""`recipelab evaluate`: trained models, or an ensemble of them, measured on a split or on other data."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from recipelab import __version__
from recipelab.commands.answers import Answer, answers
from recipelab.commands.ask import Ask, key_of
from recipelab.commands.calibrate import change, require_temperature
from recipelab.commands.measured import evaluation_table, measured, require_same_kind
from recipelab.commands.samples import Samples, recorded_digest, samples_for
from recipelab.commands.tempered import fitted_temperatures, require_classes, validation_of
from recipelab.commands.trained import Trained, describe_execution, open_all, require_folder, sort_words
from recipelab.core import atomic
from recipelab.core.errors import UserError, did_you_mean
from recipelab.data.pool import Pool
from recipelab.loop.ensemble import Kind
from recipelab.loop.tta import VIEWS
from recipelab.records import results
from recipelab.records.log import Log
from recipelab.records.record import Record

SCHEMA = 1
BATCH_KEY = "trainer.eval_batch_size"
Split = Literal["train", "val", "test", "all"]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    rows: one a model and view, an ensemble's after its members': name, checkpoint, step, view, metrics.
        With a temperature also calibration: it, and NLL and ECE before and after.
    data: name, split, samples (those that could be read), unreadable, sha256, own. files: where it was written.
    """

    rows: list[dict[str, Any]]
    data: dict[str, Any]
    ensemble: str | None = None
    files: list[Path] = field(default_factory=list)

    @property
    def metrics(self) -> dict[str, Any]:
        """Those of the last row: the ensemble's, or of the only model and view."""
        found: dict[str, Any] = self.rows[-1]["metrics"]
        return found


def evaluate(  # noqa: PLR0913 - each is an option of the command
    *words: str | Path,
    split: Split | None = None,
    view: str | None = None,
    checkpoint: str | None = None,
    ensemble: Kind | None = None,
    tta: str | None = None,
    batch_size: int | None = None,
    temperature: float | Literal["auto"] | None = None,
    output: str | Path | None = None,
    config: str | None = None,
    config_dir: str | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Measure trained models; the same as `recipelab evaluate`.

    words: run records (or one of a cross-validation: its folds), and overrides such as "data.root=photos". Without a
        record, overrides of a recipe whose model comes with weights (trainer.init_from).
    split: of the run's own data, default "val"; of other data a part, default all of it.
    view: a view's name or "all"; default: that of the run's headline. checkpoint: default: that of its headline.
    ensemble: measure the models together too, by the mean of their logits or probabilities.
    tta: test-time augmentation, the mean of the probabilities over views of each image: flip, flip_translate,
        five_crop, ten_crop, multi_scale (`recipelab.loop.tta`).
    batch_size: samples of one forward, default the recipe's trainer.eval_batch_size; halved where memory runs out.
        It changes no result beyond rounding.
    temperature: what logits are divided by; "auto" fits it for every row on the run's own validation split, never on
        what is measured, unless that is the validation split. A row then tells NLL and ECE before and after.
    output: a file to write instead of one in each record. quiet: print nothing.

    An evaluation on the run's own test split is counted in its record. Raises UserError.
    """
    paths, overrides = sort_words(words)
    ask = Ask((*overrides, *_batch_word(batch_size, overrides)), config, config_dir)
    log = Log(quiet=quiet)
    if tta is not None and tta not in VIEWS:
        raise UserError(f"--tta {tta}: there is no such{did_you_mean(tta, VIEWS)}\n  choices: {', '.join(VIEWS)}")
    require_temperature(temperature)
    if output is not None:
        require_folder(Path(output))
    members = open_all(paths, ask, checkpoint, log)
    if ensemble and len(members) < 2:
        raise UserError("--ensemble: an ensemble needs at least two runs: recipelab evaluate RUN1 RUN2 --ensemble")
    samples = samples_for(members[0], ask, split, log)
    require_agreement(members, samples)

    def asked(pools: Sequence[Pool]) -> Iterator[Answer]:
        return answers(members, pools, view, ensemble, tta, log)

    degrees: Iterable[float] | None = None
    if temperature is not None:
        require_classes(members)
        degrees = (
            itertools.repeat(temperature)
            if temperature != "auto"
            else fitted_temperatures(asked(validation_of(members, ask, samples, log, together=bool(ensemble))), log)
        )
    opening = [m.run.record for m in members if m.run and recorded_digest(m.run, "test") == samples.sha256]
    keeping = [m.run.record for m in members if m.run] if output is None else opening
    with locked(keeping):
        rows, read = measured(asked([samples.pool] * len(members)), degrees)
        how = {"ensemble": ensemble, "tta": tta, "temperature": temperature}
        content = _content(rows, samples, read, members, how)
        name = f"{datetime.now():%Y%m%d-%H%M%S}_{samples.data}_{samples.split}"
        files = [record.keep_evaluation(name, content, opened=record in opening) for record in keeping]
    if output is not None:
        atomic.write_json(Path(output), results.finite(content))
        files = [Path(output)]
    found = Evaluation(rows, content["data"], ensemble, files)
    _show(found, tta, log)
    return found


def _batch_word(batch_size: int | None, overrides: Sequence[str]) -> list[str]:
    """The override that `batch_size` is. Raises UserError where it is none, or said twice."""
    if batch_size is None:
        return []
    if batch_size < 1:
        raise UserError(f"--batch-size {batch_size}: samples of one forward, at least 1")
    if twice := [word for word in overrides if key_of(word) == BATCH_KEY]:
        raise UserError(f"--batch-size {batch_size} and {twice[0]} say the same key; leave one out")
    return [f"{BATCH_KEY}={batch_size}"]


def _show(found: Evaluation, tta: str | None, log: Log) -> None:
    """The table, what a temperature has changed, and where it is written."""
    read, unreadable = found.data["samples"], found.data["unreadable"]
    if unreadable:
        log(f"left out {unreadable:,} of {read + unreadable:,} samples, which cannot be read")
    title = f"{found.data['split']} of {found.data['name']}: {read:,} samples"
    how = (f", {found.ensemble} averaged" if found.ensemble else "") + (f", tta={tta}" if tta else "")
    log.table(evaluation_table(found.rows, title + how))
    for line in found.rows:
        if "calibration" in line:
            log(f"{line['name']}, {line['view']}: {change(line['calibration'])}")
    for file in found.files:
        log(f"written: {file}")


def require_agreement(members: Sequence[Trained], samples: Samples) -> None:
    """Every model tells the same classes from the same kind of images, and the split is the same for each."""
    require_same_kind(members)
    first = members[0]
    for member in members[1:]:
        if samples.own and member.run and recorded_digest(member.run, samples.split) != samples.sha256:
            folds = " (each fold validates on another part; the test split is the same for all: --split test)"
            raise UserError(
                f"{first.name} and {member.name} do not have the same {samples.split} split, by the hashes in their"
                f" records{folds if first.recipe.data.folds and samples.split != 'test' else ''}"
            )


def _content(
    rows: list[dict[str, Any]], samples: Samples, read: int, members: Sequence[Trained], how: Mapping[str, Any]
) -> dict[str, Any]:
    """The evaluation as its file says it. how: what was asked for."""
    return {
        "schema": SCHEMA,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "recipelab": __version__,
        "data": {
            "name": samples.data,
            "split": samples.split,
            "samples": read,
            "unreadable": len(samples.pool) - read,
            "sha256": samples.sha256,
            "own": samples.own,
        },
        **how,
        "execution": [describe_execution(member.execution) for member in members],
        "rows": rows,
    }


@contextlib.contextmanager
def locked(records: Sequence[Record]) -> Iterator[None]:
    """Own the records while they are written to. Raises UserError naming the way round."""
    with contextlib.ExitStack() as stack:
        for record in records:
            try:
                record.lock()
            except UserError as error:
                raise UserError(
                    f"{error}\n  to leave the record alone: --output FILE (not for its test split)"
                ) from error
            stack.callback(record.unlock)
        yield
