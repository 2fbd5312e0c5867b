"""`recipelab samples`: what a run makes of single samples, measured once and kept in its record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from rich.table import Table

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.insight_figures import figures
from recipelab.commands.insight_kept import Insight, plain, read
from recipelab.commands.insight_measure import measure
from recipelab.commands.samples import recorded_digest, samples_for
from recipelab.commands.trained import Trained, open_all, sort_words
from recipelab.config.identity import PLACE_KEYS
from recipelab.core.cells import printable
from recipelab.core.errors import UserError
from recipelab.figures.chart import Figure
from recipelab.loop.load_run import Run, load_run
from recipelab.records.crossval import members
from recipelab.records.log import Log

TOP, MOST = 16, 256
"""Samples of the largest loss that are kept: by default, and at most."""
Split = Literal["train", "val", "test"]


def insights(
    run: Run,
    view: str | None = None,
    checkpoint: str | None = None,
    split: Split = "val",
    *,
    top: int = TOP,
    overrides: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda line: None,
) -> list[Figure]:
    """Figures of what a view of a run makes of single samples: reliability, confusions, accuracy by class, top losses,
    Grad-CAM; of a regression parity, residuals, largest errors. They are figures of `recipelab.figures.chart`.

    view, checkpoint: default: those of the run's headline. split: validation; the test split is counted in the record.
    top: samples of the largest loss. overrides: where the data are, if they have moved (data.root=...).

    What was measured is kept in the record (insights/) and used again while checkpoint, data and `top` are the same;
    a record that cannot be written to is left as it is. Raises UserError when the run's weights or data are not there.
    """
    return figures(insight(run, view, checkpoint, split, top=top, overrides=overrides, say=say))


def insight(
    run: Run,
    view: str | None = None,
    checkpoint: str | None = None,
    split: Split = "val",
    *,
    top: int = TOP,
    overrides: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Insight:
    """What `insights` draws, as numbers."""
    if not 1 <= top <= MOST:
        raise UserError(f"--top {top}: 1 to {MOST} samples can be kept")
    if split not in ("train", "val", "test"):
        raise UserError(f"--split {split}: a run has the splits train, val, test")
    if other := [one for one in overrides if key_of(one).split(".")[0] == "data" and key_of(one) not in PLACE_KEYS]:
        places = ", ".join(sorted(PLACE_KEYS))
        raise UserError(f"{other[0]}: samples are the run's own data; what can be told is where they are: {places}")
    ask = Ask(overrides, None, run.config_dir)
    member = open_all([str(run.path)], ask, checkpoint, say)[0]
    view = _one_view(member, view)
    path = run.record.insight_path(f"{split}_{member.checkpoint}_{view}")
    if (kept := _kept(path, say)) and _is_of(kept, member, view, recorded_digest(run, split), top):
        say(f"as it was measured before: {path}")
        return kept
    samples = samples_for(member, ask, split, say)
    if not samples.own:
        raise UserError(f"{' '.join(overrides)}: these are not the data that {run.path} was trained on")
    validation = samples_for(member, ask, "val", say).pool if split != "val" else None
    opened = samples.sha256 == recorded_digest(run, "test")
    with _owned(run, say, needed=opened) as owned:
        if opened:
            run.record.count_opening()
        found = measure(member, view, samples, validation, top)
        if owned:
            run.record.keep_insight(path.stem, plain(found))
            say(f"kept: {path}")
    return found


def samples(
    *words: str | Path,
    split: Split = "val",
    view: str | None = None,
    checkpoint: str | None = None,
    top: int = TOP,
    to: str | Path | None = None,
    config_dir: str | None = None,
    quiet: bool = False,
) -> Path:
    """Draw `insights` as PNG files; the same as `recipelab samples`. Returns their folder.

    words: a run record, and where its data are if they have moved. to: default: samples_RUN here. Raises UserError.
    """
    from recipelab.figures.pictures import write  # here: matplotlib takes a second

    log = Log(quiet=quiet)
    paths, overrides = sort_words(words)
    runs = [folder for path in paths for folder in members(Path(path))]
    if len(runs) != 1:
        raise UserError(f"samples takes one run, outputs/NAME, and {len(runs)} are named")
    run = load_run(runs[0], config_dir=config_dir)
    found = insight(run, view, checkpoint, split, top=top, overrides=tuple(overrides), say=log)
    folder = _folder(Path(to or f"samples_{found.run}"))
    for line in _lines(found):
        log(line)
    log.table(_table(found))
    for figure in figures(found):
        write(figure, folder / f"{figure.name}.png")
    log(f"wrote {folder}")
    return folder


def _one_view(member: Trained, view: str | None) -> str:
    if view == "all":
        raise UserError("--view all: single samples are those of one view; name it")
    return member.chosen_views(view)[0]


def _kept(path: Path, say: Callable[[str], None]) -> Insight | None:
    try:
        return read(path)
    except UserError as error:
        say(f"{error}; it is measured again")
        return None


def _is_of(kept: Insight, member: Trained, view: str, sha256: str | None, top: int) -> bool:
    """Whether what is kept is of these weights and samples."""
    mine = (member.name, member.checkpoint, view, member.steps.get(view), sha256, top, list(member.class_names))
    return mine == (kept.run, kept.checkpoint, kept.view, kept.step, kept.sha256, kept.top, kept.class_names)


@contextlib.contextmanager
def _owned(run: Run, say: Callable[[str], None], *, needed: bool) -> Iterator[bool]:
    """Own the record while it is written to. Where that cannot be: UserError if `needed`, else False, said why."""
    try:
        run.record.lock()
    except (UserError, OSError) as error:
        if needed:
            raise UserError(f"{error}\n  the test split is counted in the record, and is not opened without") from error
        say(f"not kept in the record: {error}")
        yield False
        return
    with run.record:
        yield True


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--to {path} cannot be written: {error.strerror}") from error
    return path


def _lines(found: Insight) -> Iterator[str]:
    """What a split comes to, in words."""
    yield f"{found.checkpoint} {found.view} on {found.split}: {found.samples:,} samples"
    if (one := found.classified) is not None:
        yield f"ECE {one.ece[0]:.2%}, NLL {one.nll[0]:.4f}" + (
            f"; with temperature {one.temperature:.4f}: ECE {one.ece[1]:.2%}, NLL {one.nll[1]:.4f}"
            if one.temperature
            else f"; no temperature: {one.why_not}"
        )
        for pair in one.pairs[:3]:
            names = (printable(found.class_names[label]) for label in (pair.label, pair.predicted))
            yield f"confused: {' for '.join(names)}, {pair.count:,} samples"
        yield f"Grad-CAM: {one.layer}"
    yield f"pictures: {found.pictures}"


def _table(found: Insight) -> Table:
    """The samples that are furthest from right."""
    table = Table(title="the largest losses" if found.classified else "the largest errors", title_justify="left")
    for name in ("sample", "file", "truth", "predicted"):
        table.add_column(name, overflow="fold")
    table.add_column("loss" if found.classified else "error", justify="right")
    for one in found.classified.losses if found.classified else ():
        names = (printable(found.class_names[label]) for label in (one.label, one.predicted))
        table.add_row(str(one.index), printable(one.name), *names, f"{one.loss:.4g}")
    for guess in found.regressed.errors if found.regressed else ():
        values = (", ".join(f"{value:.4g}" for value in row) for row in (guess.truth, guess.output))
        table.add_row(str(guess.index), printable(guess.name), *values, f"{guess.error:.4g}")
    return table
