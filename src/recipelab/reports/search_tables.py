"""What a report says of a search: how it went, in a sentence, and its trials, a row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipelab.reports.drawn_searches import parameters, short
from recipelab.reports.material import SearchMaterial
from recipelab.reports.parts import Cell, Column, Table, Value
from recipelab.reports.searches import Goal, Search, Trial
from recipelab.reports.units import duration, numbers_in, unit


def lead_of_search(found: Search) -> str:
    """How the trials ended, the winner, and what the test split says of it, if it was opened."""
    words = [f"{n} {word}" for word, n in found.counts.items() if n]
    text = f"{len(found.trials)} trial{'s' * (len(found.trials) != 1)}: {', '.join(words)}."
    if not found.best:
        return text
    if len(found.metrics) > 1:
        return f"{text} {len(found.best)} of them are not beaten in all of {', '.join(g.name for g in found.metrics)}."
    best, goal = found.trial(found.best[0]), found.metrics[0]
    text += f" Best: trial {best.trial}, validation {goal.name} {_with_unit(goal, best.values[0])} ({found.view},"
    text += f" {found.at} evaluation), the best of {len(found.finished)}, and so too good an estimate."
    test = numbers_in(found.test)
    if goal.name in test:
        text += f" In test, opened for it alone: {goal.name} {_with_unit(goal, test[goal.name])}."
    return text


def trials_table(search: SearchMaterial, anchors: Mapping[str, str], warnings: Sequence[str]) -> Table:
    """A row a trial, the best first, those that did not finish last. anchors: of runs, by name."""
    found = search.found
    names = parameters(found)
    columns = [
        Column("trial"),
        Column("state"),
        *(Column(_heading(goal), True, (goal.name,)) for goal in found.metrics),
        *(
            []
            if any(goal.name == "seconds" for goal in found.metrics)
            else [Column("training time", True, ("seconds",))]
        ),
        *(Column(name, _numeric(found, name)) for name in names),
        Column("evaluations", True),
        Column("begun again", True),
        Column("note"),
    ]
    rows = [_row(one, search, names, anchors) for one in _ranked(found)]
    view = "" if found.metrics[0].column is None else f" {found.view} weights,"
    caption = (
        f"{', '.join(goal.name for goal in found.metrics)}: of{view} the {found.at} evaluation on validation data. The"
        " best is chosen, not proven: a study of it and the default over several seeds says what the gain is worth."
    )
    return Table("trials", "Trials", columns, rows, caption, warnings)


def _ranked(found: Search) -> list[Trial]:
    sign = -1 if found.metrics[0].rises else 1
    done = sorted(found.finished, key=lambda one: (sign * one.values[0], one.trial))
    return [*done, *(one for one in found.trials if not one.finished)]


def _row(one: Trial, search: SearchMaterial, names: Sequence[str], anchors: Mapping[str, str]) -> list[Cell]:
    found = search.found
    run = search.runs.get(one.record)
    link = anchors[run.name] if run else ""
    values: list[Cell] = []
    for index, goal in enumerate(found.metrics):
        value = one.values[index] if one.finished else None
        values.append(Cell("" if value is None else _text(goal, value), (value,), link if value is not None else ""))
    time = (
        [] if any(goal.name == "seconds" for goal in found.metrics) else [Cell(duration(one.seconds), (one.seconds,))]
    )
    single = len(found.metrics) == 1
    note = ("winner" if single else "Pareto front") if one.trial in found.best else _first_line(one.reason)
    return [
        Cell(str(one.trial), (one.trial,), link),
        Cell(one.state),
        *values,
        *time,
        *(_drawn(one, name) for name in names),
        Cell(str(one.evaluations), (one.evaluations,)),
        Cell(str(one.repeats) if one.repeats else "", (one.repeats,)),
        Cell(note),
    ]


def _counts_seconds(found: Search) -> bool:
    return any(goal.name == "seconds" for goal in found.metrics)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _drawn(one: Trial, name: str) -> Cell:
    if name not in one.params:
        return Cell("", (None,))
    value = one.params[name]
    sorted_by: Value = str(value) if isinstance(value, bool) else value
    return Cell(short(value), (sorted_by,))


def _numeric(found: Search, name: str) -> bool:
    drawn = [one.params[name] for one in found.trials if name in one.params]
    return not any(isinstance(value, bool | str) for value in drawn)


def _heading(goal: Goal) -> str:
    if goal.column is None:
        return "training time" if goal.name == "seconds" else goal.label or goal.name
    return unit(goal.name).heading(f"validation {goal.name}")


def _text(goal: Goal, value: float) -> str:
    if goal.column is None:
        return duration(value) if goal.name == "seconds" else short(value)
    return unit(goal.name).text(value)


def _with_unit(goal: Goal, value: float) -> str:
    return f"{_text(goal, value)} {unit(goal.name).sign if goal.column else ''}".strip()
