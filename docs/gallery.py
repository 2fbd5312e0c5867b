"""Write docs/gallery: every figure and table of the published studies, drawn from small runs of the package's studies.

    python docs/gallery.py [--runs outputs/gallery] [--jobs 2] [STUDY ...]

Runs `recipelab study NAME scale=tiny` for what is missing; a second call goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

from recipelab.commands.ledger import ledger
from recipelab.commands.study import study
from recipelab.figures.chart import Figure
from recipelab.figures.pictures import write
from recipelab.reports.drawings import figures_of_study, tables_of
from recipelab.reports.gathering import gather
from recipelab.reports.markdown import table_lines
from recipelab.reports.material import StudyMaterial

FOLDER = Path(__file__).parent / "gallery"
LARGEST = 60_000  # bytes of a picture
STUDIES = {
    "ema_schedules": "Averages under five schedules: validation curves, learning rates, table",
    "ema_learning_rates": "Constant learning rates, raw and averaged",
    "ema_resnet50": "A ResNet-50 under three schedules",
    "ema_stability": "Stability, misclassification, barcodes with their images, distances",
    "best_runs": "Best runs of twelve models, with their recipes",
    "optimizers": "Optimizer, learning rate and schedule",
    "augmentation": "Augmentation by model, with and without SAM",
    "training_time": "Accuracy against time",
    "techniques": "One technique at a time",
    "cifar100_sweep": "A sweep of eight",
    "precision_and_batch": "Mixed precision and growing batches: memory, runtime, power",
    "pretraining": "From scratch and fine-tuned",
}
HEAD = """# Gallery

Every figure and table of the studies that come with the package, drawn by `recipelab study NAME` from runs of their
smallest size: narrow networks, handwritten digits of 8x8 pixels, a few epochs, one or two seeds. They show what is
drawn, and nothing of what the methods are worth: intervals of two seeds are as wide as they look.
`make gallery` runs what is missing and draws everything again; `scale=paper` is the study as published.
"""


def main() -> None:
    """Run what is missing, draw everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", default=list(STUDIES), metavar="STUDY")
    parser.add_argument("--runs", default="outputs/gallery")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    text = [HEAD]
    for name in asked.studies:
        study(name, "scale=tiny", output=asked.runs, jobs=asked.jobs, quiet=True)
        (found,) = gather([Path(asked.runs) / f"{name}_tiny"]).studies
        text.append(section(name, found))
        print(f"{name}: drawn", flush=True)
    if set(asked.studies) == set(STUDIES):
        (FOLDER / "README.md").write_text("\n".join(text), encoding="utf-8")


def section(name: str, found: StudyMaterial) -> str:
    """The Markdown of a study; its pictures are written on the way."""
    lines = [f"## {STUDIES[name]}", "", f"`recipelab study {name}`: {found.title}", ""]
    for figure in figures_of_study(found):
        path = FOLDER / f"{name}_{figure.name}.png"
        picture(figure, path)
        lines += [f"![{figure.title}]({path.name})", "", *([f"{figure.caption}", ""] if figure.caption else [])]
    if name == "ema_stability":
        lines += images(found, name)
    for table in tables_of(found):
        lines += [f"### {table.title}", "", *table_lines(table), ""]
    return "\n".join(lines)


def picture(figure: Figure, path: Path) -> None:
    """Write a PNG, with fewer colours where it would be larger than a page should load."""
    write(figure, path, caption=False)
    shrink(path)


def shrink(path: Path) -> None:
    """Halve the colours of a PNG until it is small enough."""
    colours = 64
    while path.stat().st_size > LARGEST and colours >= 8:
        with Image.open(path) as image:
            small = image.convert("RGB").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        colours //= 2


def images(found: StudyMaterial, name: str) -> list[str]:
    """The samples of the barcodes, which `recipelab ledger` finds again in the data."""
    target = FOLDER / f"{name}_images.png"
    with tempfile.TemporaryDirectory() as folder:
        ledger(str(found.readings[0].run.path), to=folder)
        target.write_bytes((Path(folder) / "images.png").read_bytes())
    shrink(target)
    return [f"![the samples of the barcodes]({target.name})", ""]


if __name__ == "__main__":
    main()
