"""`recipelab ledger`: what a run's ledger tells, as pictures and tables; of several runs, how they compare."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.ledger_figures import draw_comparison, draw_run
from recipelab.commands.ledger_images import samples_of
from recipelab.commands.ledger_read import Read, read
from recipelab.commands.ledger_tables import write_evaluations, write_samples
from recipelab.commands.runs import PIPED_WIDTH
from recipelab.commands.trained import sort_words
from recipelab.config.identity import PLACE_KEYS
from recipelab.core.errors import UserError
from recipelab.loop.load_run import load_run
from recipelab.records.crossval import members
from recipelab.statistics.agreement import McNemar, mcnemar

SINCE = "50%"
PLACES = {*PLACE_KEYS, "data_root"}


def ledger(
    *words: str,
    views: Sequence[str] = (),
    since: str = SINCE,
    to: str | None = None,
    config_dir: str | None = None,
) -> Path:
    """Draw ledgers, and print what several have in common; the same as `recipelab ledger`.

    words: run records, and where the data are if they have moved (data.root=...). views: default: all.
    since: duration from the start, from which on misclassifications are counted. to: folder for pictures and tables,
    made if need be; default: ledger_<name of the first run>.

    Returns the folder. Raises UserError before anything is written.
    """
    paths, overrides = sort_words(words)
    if not paths:
        raise UserError("ledger needs a run: recipelab ledger outputs/NAME")
    runs = [load_run(folder, config_dir=config_dir) for path in paths for folder in members(Path(path))]
    found = [read(run, views, since) for run in runs]
    found = [replace(one, name=name) for one, name in zip(found, _told_apart([one.name for one in found]), strict=True)]
    for other in found[1:]:
        found[0].ledger.require_same_samples(other.ledger)
    ask = Ask(tuple(overrides), None, config_dir)
    for override in overrides:
        if key_of(override) not in PLACES:
            raise UserError(
                f"{override}: a ledger is read as it is; what can be told is where its data are:"
                f" {', '.join(sorted(PLACES))}"
            )
    samples = samples_of(found[0].run, found[0].ledger.head, ask, print)
    folder = Path(to or f"ledger_{found[0].name}")
    for one in found:
        place = _folder(folder / one.name if len(found) > 1 else folder)
        write_evaluations(one, place / "evaluations.csv")
        write_samples(one, samples, place / "samples.csv")
        draw_run(one, samples, place)
    if pairs := _pairs(found):
        draw_comparison(found, folder)
        _print_comparison(pairs, found[0].ledger.head.samples)
    print(f"wrote {folder}")
    return folder


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names of records, numbered where records below several roots have the same."""
    return [f"{name}-{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)]


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--to {path} cannot be written: {error.strerror}") from error
    return path


def _pairs(found: Sequence[Read]) -> list[tuple[str, str, McNemar]]:
    """Every two of the runs' views at their last evaluations: views of one run, and a view in two runs."""
    last = [(one, view, one.ledger.correct(view)[-1]) for one in found for view in one.views]
    return [
        (label(a, first, found), label(b, second, found), mcnemar(mine, theirs))
        for (a, first, mine), (b, second, theirs) in itertools.combinations(last, 2)
        if a is b or first == second
    ]


def label(one: Read, view: str, found: Sequence[Read]) -> str:
    """The name of a run's view among `found`."""
    return view if len(found) == 1 else f"{one.name} {view}"


def _print_comparison(pairs: Sequence[tuple[str, str, McNemar]], samples: int) -> None:
    """The table of every pair. McNemar's p is of these weights on these samples, and of one comparison."""
    console = Console()
    console = console if console.is_terminal else Console(width=PIPED_WIDTH)
    title = f"at the last evaluation, {samples:,} validation samples"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD if console.is_terminal else None)
    for name in ("first", "second"):
        table.add_column(name, overflow="fold")
    for name in ("agree", "only first right", "only second right", "McNemar exact p"):
        table.add_column(name, justify="right")
    for first, second, found in pairs:
        agree = f"{(found.both + found.neither) / samples:.2%}"
        table.add_row(first, second, agree, str(found.only_first), str(found.only_second), f"{found.p:.3g}")
    console.print(table)
    print(f"p: of one pair of weights on these samples, not of other seeds; {len(pairs)} comparisons, uncorrected")
