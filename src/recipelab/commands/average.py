"""`recipelab average`: an average of a finished run's weights that was not tracked, made of what its record keeps."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipelab import __version__
from recipelab.averaging.profiles import Block
from recipelab.averaging.synthesis import AMPLIFICATION, RESIDUAL, Combination
from recipelab.commands.ask import Ask
from recipelab.commands.evaluate import locked
from recipelab.commands.lab import Bench, Lab, open_lab
from recipelab.commands.measured import evaluation_table, row
from recipelab.commands.trained import sort_words
from recipelab.commands.wanted import Wanted, refusal, solved
from recipelab.core.errors import UserError
from recipelab.loop.device import applied
from recipelab.records.log import Log

_NAME = re.compile(r"[A-Za-z][\w.\-]*")


@dataclass(frozen=True)
class Averaged:
    """An average that was made after the run.

    name: of the view. step: at whose end it stands. residual: L1 distance of its profile to the wanted one, of 2.
    amplification: sum of |coefficients|. metrics: on the split. path: of its weights.
    """

    name: str
    step: int
    residual: float
    amplification: float
    metrics: dict[str, Any]
    path: Path


def average(  # noqa: PLR0913 - each is an option of the command
    *words: str | Path,
    decay: float | None = None,
    half_life: str | None = None,
    window: str | None = None,
    last: str | None = None,
    split: str = "val",
    name: str | None = None,
    config_dir: str | None = None,
    quiet: bool = False,
) -> Averaged:
    """Make one average of a finished run's weights; the same as `recipelab average`.

    words: a run record, and overrides of where its data are and how it is executed.
    decay, half_life, window: a moving average, as the keys of the same names track it; last: the even mean of the
        weights over this duration at the end of the run (2ep, 500st, 10%). Just one of them.
    split: val or train. name: of the view, by which evaluate, predict and load_run find it.

    The weights are the least-squares combination of the stored ones (`recipelab.averaging.synthesis`), their batch
    statistics are recomputed. Raises UserError, with nothing written, when the record does not keep enough for it.
    """
    log = Log(quiet=quiet)
    path, ask = the_run(words, config_dir)
    options = {"decay": decay, "half_life": half_life, "window": window, "last": last}
    given = [(key, value) for key, value in options.items() if value is not None]
    if len(given) != 1:
        raise UserError(f"average: give one of --decay, --half-life, --window, --last or --sweep, not {len(given)}")
    if decay is not None and not 0 <= decay < 1:
        raise UserError(f"--decay {decay}: a decay is at least 0 and less than 1")
    _require_name(name)
    lab = open_lab(path, ask, split, log)
    wanted = lab.wishes.of(*given[0])
    name = name or wanted.name
    if name in lab.trained.views and name not in lab.run.record.averages.views():
        raise UserError(f"--name {name}: the run has tracked a view of this name; choose another")
    profiles = [entry.profile for entry in lab.entries]
    (found,) = solved(profiles, [wanted])
    if not found.admissible:
        raise UserError(f"{lab.where}: {refusal(profiles, wanted, found, lab.wishes)}")
    for line in opening(lab):
        log(line)
    log(f"average: {wanted.words}")
    log(f"residual {found.residual:.2g} (at most {RESIDUAL}), noise amplification {found.amplification:.3g}"
        f" (at most {AMPLIFICATION:g})")  # fmt: skip
    with contextlib.closing(lab.job), locked([lab.run.record]), applied(lab.job.execution):
        bench = Bench(lab)
        weights = bench.load(bench.weights([found.coefficients])[0])
        metrics = bench.measure()
        told = _told(lab, wanted, found, metrics, bench)
        file = lab.run.record.averages.save_view(name, {"model": weights, "step": lab.steps}, told)
    log.table(
        evaluation_table([row(lab.trained.name, "last", lab.steps, name, metrics)], f"{split}, {count(lab)} samples")
    )
    log(f"written: {file}")
    log(f"use it: recipelab evaluate {shlex.quote(lab.where)} --view {name}")
    return Averaged(name, lab.steps, found.residual, found.amplification, metrics, file)


def the_run(words: tuple[str | Path, ...], config_dir: str | None) -> tuple[str, Ask]:
    """The one record that is named, and the overrides. Raises UserError."""
    paths, overrides = sort_words(words)
    if len(paths) != 1:
        raise UserError(f"average takes one run, outputs/NAME, and {len(paths)} are named")
    return paths[0], Ask(tuple(overrides), None, config_dir)


def _require_name(name: str | None) -> None:
    if name is not None and (not _NAME.fullmatch(name) or name in ("raw", "all")):
        raise UserError(f"--name {name!r} cannot name a view: letters, digits, _ - and . are expected, not raw or all")


def opening(lab: Lab) -> list[str]:
    """What averages are made of, in words."""
    means = [e for e in lab.entries if isinstance(e.profile, Block) and e.profile.start < e.profile.stop]
    others = [entry.name for entry in lab.entries if entry not in means]
    return [f"run: {lab.trained.name}, {lab.steps:,} steps", f"made of: {len(means)} stored means, {', '.join(others)}"]


def count(lab: Lab) -> str:
    """Samples that are measured."""
    return f"{len(lab.job.pools[lab.split]):,}"


def _told(lab: Lab, wanted: Wanted, found: Combination, metrics: dict[str, Any], bench: Bench) -> dict[str, Any]:
    """What the file beside the weights says."""
    coefficients = zip(lab.entries, found.coefficients.tolist(), strict=True)
    return {
        "recipelab": __version__,
        "wanted": {wanted.option: wanted.value},
        "average": wanted.words,
        "step": lab.steps,
        "residual": found.residual,
        "amplification": found.amplification,
        "bounds": {"residual": RESIDUAL, "amplification": AMPLIFICATION},
        "coefficients": {entry.name: value for entry, value in coefficients if value},
        "statistics_batches": bench.batches,
        lab.split: metrics,
    }
