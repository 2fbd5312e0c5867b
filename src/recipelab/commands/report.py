"""`recipelab report`: what runs and studies have to say, as a page, and as Markdown, CSV and pictures beside it."""

from __future__ import annotations

from pathlib import Path

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.figures import pictures
from recipelab.figures.chart import Figure
from recipelab.reports.drawings import figures_of_run, figures_of_runs, figures_of_study, tables_of
from recipelab.reports.drawn_folds import folds
from recipelab.reports.folder import exactly
from recipelab.reports.gathering import gather
from recipelab.reports.markdown import markdown
from recipelab.reports.material import OneRun
from recipelab.reports.page import html
from recipelab.reports.parts import Report
from recipelab.reports.spreadsheet import write_csv
from recipelab.reports.story import Drawers, report_of

PAGE, MARKDOWN = "report.html", "report.md"


def report(
    *places: str,
    output: str | None = None,
    samples: bool = False,
    every_picture: bool = False,
    config_dir: str | None = None,
) -> Path:
    """Write the report of run records and studies; the same as `recipelab report`.

    places: records, folders of records, studies' folders. output: the report's folder, made if need be; default:
    report_<name of the first place>. samples: also what each run makes of single validation samples (`recipelab
    samples`), measured where its record does not keep it. every_picture: pictures of each run's figures too, where
    there are several. config_dir: your own yaml and modules, for samples.

    Writes report.html, report.md, tables/*.csv, figures/*.png and *.svg, each file whole, and files.txt, which lists
    them: what an earlier report wrote there, and this one did not, is removed. Returns the page's path.
    Raises UserError before anything is written.
    """
    if not places:
        raise UserError("report needs a run or a study: recipelab report outputs/NAME")
    if config_dir is not None and not samples:
        raise UserError("--config-dir is for --samples: the rest of a report is read, and builds nothing")

    def of_run(run: OneRun) -> list[Figure]:
        return [*figures_of_run(run), *(_of_samples(run, config_dir) if samples else ())]

    material = gather([Path(place) for place in places])
    told = report_of(material, Drawers(figures_of_study, tables_of, figures_of_runs, of_run, folds))
    folder = Path(output or f"report_{Path(places[0]).resolve().name}")
    drawn = _write(told, folder, cards=every_picture or len(told.cards) == 1)
    page = folder / PAGE
    for warning in told.warnings:
        print(f"note: {warning}")
    print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB), report.md, {len(told.tables)} tables, {drawn} figures")
    return page


def _write(told: Report, folder: Path, *, cards: bool) -> int:
    """Everything, below `folder`. cards: pictures of single runs' figures too. Returns how many figures have one."""
    for path in (folder, folder / "tables", folder / "figures"):
        _make(path)
    drawings = [*told.drawings, *(d for card in told.cards for d in card.drawings if cards)]
    figures = {f"figures/{one.name}.{kind}": one.figure for one in drawings for kind in ("png", "svg")}
    tables = {f"tables/{table.name}.csv": table for table in told.tables}
    with exactly(folder, [PAGE, MARKDOWN, *tables, *figures]):
        for name, figure in figures.items():
            pictures.write(figure, folder / name)
        for name, table in tables.items():
            write_csv(table, folder / name)
        atomic.write_text(folder / MARKDOWN, markdown(told, [one.name for one in drawings]))
        atomic.write_text(folder / PAGE, html(told))
    return len(drawings)


def _of_samples(run: OneRun, config_dir: str | None) -> list[Figure]:
    """What the run makes of single samples; why not, where its weights or data are not there, is said beside it."""
    from recipelab.commands.insight import insights  # and with it torch
    from recipelab.loop.load_run import load_run

    try:
        return insights(load_run(run.path, config_dir=config_dir), say=print)
    except UserError as error:
        reason = f"Nothing on single samples: {str(error).splitlines()[0]}"
        run.problems.append(reason)
        print(f"{run.name}: {reason}")
        return []


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {folder} cannot be written: {error.strerror}") from error
