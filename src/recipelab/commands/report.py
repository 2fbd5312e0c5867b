"""`recipelab report`: what runs and studies have to say, as a page, and as Markdown, CSV and pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recipelab.core import atomic
from recipelab.core.errors import UserError
from recipelab.figures import pictures
from recipelab.reports.drawings import figures_of_run, figures_of_runs, figures_of_study, tables_of
from recipelab.reports.markdown import markdown
from recipelab.reports.material import gather
from recipelab.reports.page import html
from recipelab.reports.parts import Report
from recipelab.reports.spreadsheet import write_csv
from recipelab.reports.story import Drawers, report_of


def report(*places: str, output: str | None = None, every_picture: bool = False) -> Path:
    """Write the report of run records and studies; the same as `recipelab report`.

    places: records, folders of records, studies' folders. output: the report's folder, made if need be; default:
    report_<name of the first place>. every_picture: pictures of each run's figures too, where there are several.

    Writes report.html, report.md, tables/*.csv, figures/*.png and *.svg, each file whole. Returns the page's path.
    Raises UserError before anything is written.
    """
    if not places:
        raise UserError("report needs a run or a study: recipelab report outputs/NAME")
    material = gather([Path(place) for place in places])
    told = report_of(material, Drawers(figures_of_study, tables_of, figures_of_runs, figures_of_run))
    folder = Path(output or f"report_{Path(places[0]).resolve().name}")
    for path in (folder, folder / "tables", folder / "figures"):
        _make(path)
    drawn = _draw(told, folder / "figures", cards=every_picture or len(told.cards) == 1)
    for table in told.tables:
        write_csv(table, folder / "tables" / f"{table.name}.csv")
    atomic.write_text(folder / "report.md", markdown(told, drawn))
    page = folder / "report.html"
    atomic.write_text(page, html(told))
    for warning in told.warnings:
        print(f"note: {warning}")
    print(
        f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB), report.md, {len(told.tables)} tables, {len(drawn)} figures"
    )
    return page


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {folder} cannot be written: {error.strerror}") from error


def _draw(told: Report, folder: Path, *, cards: bool) -> Sequence[str]:
    """Pictures of the sections' figures, and of the single runs' if asked; returns their names."""
    drawings = [*told.drawings, *(d for card in told.cards for d in card.drawings if cards)]
    for one in drawings:
        for kind in ("png", "svg"):
            pictures.write(one.figure, folder / f"{one.name}.{kind}")
    return [one.name for one in drawings]
