"""Commands over records: runs, report, samples, ledger."""

from __future__ import annotations

import argparse
from typing import Any

from recipelab.cli.weights import add_view_and_checkpoint

RUNS = "list run records as a table"
SAMPLES = "what a run makes of single samples: calibration, confusions, top losses, Grad-CAM"
REPORT = "what runs and studies show, as one page, and as Markdown, CSV and pictures beside it"
LEDGER = "draw what became of every validation sample in a run; compare runs sample by sample"


def add_commands(commands: Any) -> None:
    """Add them to the parser's."""
    _add_runs(commands)
    _add_report(commands)
    _add_samples(commands)
    _add_ledger(commands)


def _add_runs(commands: Any) -> None:
    sub = commands.add_parser("runs", help=RUNS, description=RUNS)
    sub.add_argument("folder", nargs="?", default="outputs", help="root of the records (default: outputs)")
    sub.set_defaults(command=_runs)


def _add_report(commands: Any) -> None:
    sub = commands.add_parser("report", help=REPORT, description=REPORT, allow_abbrev=False)
    sub.add_argument("places", nargs="+", metavar="DIR", help="run records, folders of records, studies' folders")
    sub.add_argument("--output", metavar="DIR", help="the report's folder (default: report_NAME here)")
    sub.add_argument("--every-picture", action="store_true", help="write the figures of each of several runs too")
    text = "also what each run makes of single samples: calibration, confusions, top losses, Grad-CAM"
    sub.add_argument("--samples", action="store_true", help=text)
    sub.add_argument("--config-dir", metavar="DIR", help="of --samples: the folder of your own yaml and modules")
    sub.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from recipelab.commands.report import report

    names = ("output", "samples", "every_picture", "config_dir")
    report(*options.places, **{name: getattr(options, name) for name in names})
    return 0


def _add_samples(commands: Any) -> None:
    sub = commands.add_parser("samples", help=SAMPLES, description=SAMPLES, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="a record; and data.root=... if data moved")
    sub.add_argument("--split", choices=["train", "val", "test"], default="val", help="default: val; test is counted")
    add_view_and_checkpoint(sub)
    sub.add_argument("--top", type=int, default=16, metavar="K", help="samples of the largest loss (default: 16)")
    sub.add_argument("--to", metavar="DIR", help="folder for the pictures (default: samples_RUN, here)")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_samples)


def _samples(options: argparse.Namespace) -> int:
    from recipelab.commands.insight import samples

    names = ("split", "view", "checkpoint", "top", "to", "config_dir")
    samples(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _add_ledger(commands: Any) -> None:
    sub = commands.add_parser("ledger", help=LEDGER, description=LEDGER, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="records; and data.root=... if data moved")
    sub.add_argument("--view", metavar="NAME", action="append", help="raw, ema_0.999, ...; several times; default: all")
    since = "when misclassifications begin to be counted, as a duration: 90ep, 50%% (default)"
    sub.add_argument("--since", metavar="DURATION", default="50%", help=since)
    sub.add_argument("--to", metavar="DIR", help="folder for pictures and tables (default: ledger_RUN)")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_ledger)


def _ledger(options: argparse.Namespace) -> int:
    from recipelab.commands.ledger import ledger

    where = {"since": options.since, "to": options.to, "config_dir": options.config_dir}
    ledger(*options.overrides, views=options.view or (), **where)
    return 0


def _runs(options: argparse.Namespace) -> int:
    from recipelab.commands.runs import runs

    runs(options.folder)
    return 0
