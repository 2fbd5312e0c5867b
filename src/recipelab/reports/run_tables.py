"""Tables of runs: all of them, what differs in their recipes, and arms made of equal recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipelab.core.plain import at
from recipelab.reports.doubts import mixed
from recipelab.reports.material import OneRun, Reading
from recipelab.reports.metric_tables import metrics_of, metrics_table
from recipelab.reports.parts import Cell, Column, Table, table_anchor
from recipelab.reports.recipes import arms, differing
from recipelab.reports.units import duration, number, unit


def headline(run: OneRun) -> tuple[str, str, str]:
    """Checkpoint, view and metric of the run's one number; of one that says none: last, raw, accuracy."""
    said = [at(run.result, "headline", key) for key in ("checkpoint", "view", "metric")]
    checkpoint, view, metric = (
        one if isinstance(one, str) else other for one, other in zip(said, ("last", "raw", "accuracy"), strict=True)
    )
    return checkpoint, view, metric


def score(run: OneRun, split: str) -> float | None:
    """The headline's metric on a split."""
    checkpoint, view, metric = headline(run)
    return metrics_of(run, split, checkpoint, view).get(metric)


def runs_table(
    runs: Sequence[OneRun],
    anchors: Mapping[str, str],
    arms_of: Mapping[str, Sequence[str]],
    warnings: Sequence[str],
) -> Table:
    """A row a run, with the keys that differ. arms_of: name of a run -> the arms of studies that are read from it."""
    other = {} if arms_of else differing(runs)
    keys = {name.removesuffix("._target_"): values for name, values in other.items()}
    metrics = sorted({headline(run)[2] for run in runs})
    head = metrics[0] if len(metrics) == 1 else ""
    show = unit(head) if head else unit("")
    columns = [
        Column("run"),
        *([Column("arms")] if arms_of else []),
        Column("status"),
        *(Column(key) for key in keys),
        Column("seed", True),
        *(Column(show.heading(f"{split} {head}".strip()), True, (split,)) for split in ("val", "test")),
        Column("of"),
        Column("training time", True, ("seconds",)),
        Column("images/s", True),
        Column("test opened", True),
        Column("recipe"),
        Column("fingerprint"),
    ]
    rows = []
    for index, run in enumerate(runs):
        link = anchors[run.name]
        differs = [
            _plain(values[index].rpartition(".")[2] if k + "._target_" in other else values[index])
            for k, values in keys.items()
        ]
        named = [Cell(", ".join(arms_of.get(run.name, ())))] if arms_of else []
        rows.append(
            [Cell(run.name, (), link), *named, Cell(run.status, badge=run.status), *differs, *_numbers(run, link)]
        )
    caption = 'val, test: of the checkpoint and weights in the column "of". test opened: how often the test split was.'
    return Table("runs", "Every run", columns, rows, caption, warnings)


def _plain(text: str) -> Cell:
    try:
        return Cell(text, (float(text),))
    except ValueError:
        return Cell(text, (text,))


def _numbers(run: OneRun, link: str) -> list[Cell]:
    result = run.result
    checkpoint, view, metric = headline(run)
    show = unit(metric)
    rate, opened = number(result.get("images_per_second")), number(at(result, "lockbox", "opened"))
    hashes = [str(result.get(key) or "") for key in ("recipe_hash", "fingerprint")]
    scores = [score(run, split) for split in ("val", "test")]
    return [
        Cell(str(result.get("seed", "")), (number(result.get("seed")),)),
        *(Cell(show.text(value), (value,), link if value is not None else "") for value in scores),
        Cell(f"{checkpoint}, {view}, {metric}"),
        Cell(duration(result.get("seconds")), (number(result.get("seconds")),), link),
        Cell("" if rate is None else f"{rate:,.0f}", (rate,), link),
        Cell("" if opened is None else f"{opened:.0f}", (opened,)),
        *(Cell(one[:10], (one,)) for one in hashes),
    ]


def arms_of_runs(runs: Sequence[OneRun], warnings: Sequence[str]) -> Table | None:
    """Arms of equal recipes but for the seed, with n, every metric an arm; None where there is one run alone.

    Each is compared with the oldest; nothing is called best where executions are mixed.
    """
    done = [run for run in runs if run.status == "finished" and score(run, "val") is not None or score(run, "test")]
    groups = arms(done)
    if len(done) < 2:
        return None
    readings = []
    for arm, members in groups.items():
        for run in members:
            checkpoint, view, _ = headline(run)
            seed = run.result.get("seed")
            readings.append(Reading(arm, seed if isinstance(seed, int) else 0, 0.0, run, checkpoint, view))
    first = next(iter(groups))
    links = dict.fromkeys(groups, table_anchor("runs"))
    withheld = mixed(done)
    found = metrics_table(readings, dict.fromkeys(groups, first), 0.95, links, warnings, withheld=withheld)
    if found is None:
        return None
    count = Column("n", True)
    rows = [[row[0], Cell(str(len(groups[row[0].text]))), *row[1:]] for row in found.rows]
    said = "Withheld, as executions are mixed: what is best." if withheld else f"Compared with the first arm, {first}."
    caption = f"Runs of equal recipes but for the seed are one arm; n: its runs. {found.caption} {said}"
    return Table("arms", "Arms", [found.columns[0], count, *found.columns[1:]], rows, caption, warnings)
