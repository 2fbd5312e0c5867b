"""How a search ends: the lockbox opened once, for the winner; tables, figures, and the recipe to train again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from recipelab.commands.ask import Ask
from recipelab.commands.evaluate import evaluate
from recipelab.commands.tune_plan import Composer
from recipelab.commands.tune_table import counts, shown_value, trials_table, write_tables
from recipelab.core import atomic
from recipelab.core.errors import RunError
from recipelab.core.plain import at, read_json
from recipelab.records.log import Log
from recipelab.records.record import Record
from recipelab.reports.drawn_searches import figures_of_search
from recipelab.reports.searches import read_search
from recipelab.tuning.book import Book
from recipelab.tuning.objective import Objective
from recipelab.tuning.outcome import Outcome, Row, outcome, plain
from recipelab.tuning.storage import alone


def end(book: Book, composer: Composer, objective: Objective, config_dir: str | None, log: Log) -> Outcome:
    """Open the lockbox for the winner, write everything, say what there is to do with it."""
    found = outcome(book, objective, composer.asked.search.importance)
    log(counts(found))
    if not found.best:
        reasons = "".join(f"\n  {r.splitlines()[0]}" for r in dict.fromkeys(row.reason for row in found.rows) if r)
        _write(book.folder, found, composer, objective, [], {})
        raise RunError(f"no trial has finished{reasons}")
    log.table(trials_table(found, objective))
    notes: list[str] = []
    test: dict[str, Any] = {}
    if len(objective.goals) == 1 and book.over():
        test, note = _winner(book, found.row(found.best[0]), config_dir)
        notes.append(note)
    elif len(objective.goals) > 1:
        notes.append(
            "several metrics have no one winner: the test split stays closed; recipelab evaluate RECORD opens it"
        )
    else:
        begun = book.begun()
        notes.append(
            "not all trials are over, so the test split stays closed; the same command goes on"
            + (f", and trials={begun} ends the search with those that began" if begun < book.limit else "")
        )
    if found.importances:
        log("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in found.importances.items()))
    best = found.row(found.best[0])
    words = composer.plain(best.params)
    _write_best(book.folder, words, config_dir)
    notes.append(f"trial {best.number}: {shlex.join(['recipelab', 'train', *words])}")
    for note in notes:
        log(note)
    _write(book.folder, found, composer, objective, notes, test)
    _draw(book.folder)
    log(f"its report: {shlex.join(['recipelab', 'report', str(book.folder)])}")
    log(f"search: {book.folder}; its best recipe: recipelab train --config {book.folder / 'best.yaml'}")
    return found


def _winner(book: Book, best: Row, config_dir: str | None) -> tuple[dict[str, Any], str]:
    """The winner's test result: measured now, counted in its record, unless that was done before."""
    path = book.folder / best.record
    if not (path / "result.json").is_file():
        return {}, f"the winner's record is not on this machine: trial {best.number}, {best.record}"
    with alone(book.folder, "lockbox", seconds=3600.0):
        record = Record.open(path)
        opened = int((record.result().get("lockbox") or {}).get("opened") or 0)
        row = _kept_row(path)
        if not opened or row is None:
            made = evaluate(str(path), split="test", config_dir=config_dir, quiet=True)
            row, opened = made.rows[-1], opened + 1
    metrics: Mapping[str, Any] = row["metrics"]
    said = ", ".join(f"{k} {shown_value(k, v)}" for k, v in metrics.items() if k in ("accuracy", "nll", "mae", "rmse"))
    test = {"trial": best.number, "checkpoint": row["checkpoint"], "view": row["view"], **metrics}
    return {"test": test, "opened": opened}, f"test split, opened for the winner alone: {said}"


def _kept_row(record: Path) -> dict[str, Any] | None:
    """The row of the first evaluation of a record's own test split, as it is: without temperature or augmentation."""
    for path in sorted((record / "evaluations").glob("*_test*.json")):
        content = read_json(path)
        if at(content, "data", "own") and not at(content, "tta") and not at(content, "temperature"):
            row: dict[str, Any] = content["rows"][-1]
            return row
    return None


def _write_best(folder: Path, words: Sequence[str], config_dir: str | None) -> None:
    """best.yaml: the winner's recipe, complete, to be trained by --config."""
    config = Ask(tuple(words), None, config_dir).recipe().config
    head = f"# The best recipe of a search: {shlex.join(['recipelab', 'train', *words])}\n"
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    atomic.write_text(folder / "best.yaml", head.replace("\r", " ") + text)


def _write(
    folder: Path,
    found: Outcome,
    composer: Composer,
    objective: Objective,
    notes: list[str],
    test: Mapping[str, Any],
) -> None:
    summary = {"schema": 1, "kind": "search", **plain(found, objective, composer.asked.params), **test}
    atomic.write_json(folder / "summary.json", summary)
    write_tables(found, objective, folder, notes)


def _draw(folder: Path) -> None:
    """figures/: the course, the importances, slices, parallel coordinates."""
    from recipelab.figures.pictures import write

    for chart in figures_of_search(read_search(folder)):
        (folder / "figures").mkdir(exist_ok=True)
        write(chart, folder / "figures" / f"{chart.name}.png")
