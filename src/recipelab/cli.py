"""The command line: commands to functions, nothing else. What a command needs is imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from recipelab import __version__

RECIPE_COMMANDS = {
    "train": "train one recipe and leave a run record",
    "check": "check a recipe without running it",
    "lr-find": "find a learning rate: train while it rises, plot the loss, suggest one",
    "show": "show a model, its parameter groups, a schedule or an augmentation: show [PART] [overrides]",
}
RUNS = "list run records as a table"
EVALUATE = "measure trained runs, alone or as an ensemble, on a split or on other data"
STUDY = "run a study: the fewest trainings that answer its question, and what they prove"
TUNE = "search over recipes with Optuna: draw, train, prune, repeat; the best recipe, and what mattered"
AVERAGE = "make an average of a finished run's weights, of any decay, from what its record keeps"
EXPORT = "write a view of a run as a safetensors, ONNX or torch.export file, checked against the network"
SAMPLES = "what a run makes of single samples: calibration, confusions, top losses, Grad-CAM"
PREDICT = "what trained runs say of image files, as CSV"
REPORT = "what runs and studies show, as one page, and as Markdown, CSV and pictures beside it"
LEDGER = "draw what became of every validation sample in a run; compare runs sample by sample"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Exit codes: 0 done, 1 the run failed, 2 the request was wrong, 128 + n stopped by signal n."""
    from recipelab.core.errors import Interrupted, RunError, UserError

    options = _parse(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        print(end="", flush=True)  # here, where a closed pipe is caught, and not when the interpreter ends
        return code
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Interrupted as error:
        return 128 + error.signal_number
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options, and the overrides from wherever between them they stand (argparse takes only one stretch of them)."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    unknown = [word for word in rest if word.startswith("-") or not hasattr(options, "overrides")]
    if unknown:
        parser.error(f"there is no option {unknown[0]}; `recipelab COMMAND --help` lists them")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="recipelab",
        description="Train image models by recipe, and find out which ingredient of the recipe matters.",
        epilog=_choices(),
        formatter_class=shape,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"recipelab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_RecipeParser)
    handlers = {"train": _train, "check": _check, "lr-find": _lr_find, "show": _show}
    for name, text in RECIPE_COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, formatter_class=shape, allow_abbrev=False)
        sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as model=resnet20 optimizer.lr=0.05")
        sub.add_argument(
            "--config", metavar="FILE|RUN", help="start from a yaml file or a run record, not the defaults"
        )
        sub.add_argument(
            "--config-dir", metavar="DIR", help="your own yaml and modules; they win over the packaged ones"
        )
        sub.set_defaults(command=handlers[name])
        if name in ("show", "lr-find"):
            sub.add_argument("--to", metavar="DIR", default=".", help="folder for the pictures (default: here)")
        if name == "lr-find":
            sub.add_argument("--start", type=float, default=1e-6, help="first learning rate (default: %(default)s)")
            sub.add_argument("--end", type=float, default=10.0, help="last learning rate (default: %(default)s)")
            sub.add_argument("--steps", type=int, default=100, help="optimizer steps (default: %(default)s)")
        if name in ("train", "check"):
            sub.add_argument("--cfg", choices=["job"], help="print the complete recipe and stop")
        if name == "train":
            sub.add_argument("--quiet", action="store_true", help="print nothing; the record's train.log has it all")
            text = "a study without a name: model=resnet20,resnet56 seed=1,2,3 is every combination"
            sub.add_argument("--multirun", "-m", action="store_true", help=text)
            _add_order(sub)
    _add_study(commands)
    _add_tune(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_ledger(commands)
    _add_average(commands)
    _add_report(commands)
    _add_samples(commands)
    _add_export(commands)
    runs = commands.add_parser("runs", help=RUNS, description=RUNS)
    runs.add_argument("folder", nargs="?", default="outputs", help="root of the records (default: outputs)")
    runs.set_defaults(command=_runs)
    return parser


def _add_study(commands: Any) -> None:
    sub = commands.add_parser("study", help=STUDY, description=STUDY, allow_abbrev=False)
    sub.add_argument("name", metavar="NAME|FILE", help="a study of the package or of --config-dir, or a yaml file")
    text = "for every arm; scale=tiny, seeds=[1,2] and study.KEY=VALUE change the study itself"
    sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=text)
    sub.add_argument("--output", metavar="DIR", default="outputs/studies", help="default: %(default)s")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.add_argument("--quiet", action="store_true", help="print nothing; the study's study.log has it all")
    _add_order(sub)
    sub.set_defaults(command=_study)


def _add_tune(commands: Any) -> None:
    sub = commands.add_parser("tune", help=TUNE, description=TUNE, allow_abbrev=False)
    text = (
        "first perhaps a search of the package, of --config-dir, or a yaml file; then what is drawn, 'optimizer.lr="
        "log(0.01,1)' model=cnn,mlp, what all trials share, data=cifar10, and search.KEY, trials=30, sampler=tpe"
    )
    sub.add_argument("overrides", nargs="*", metavar="NAME|KEY=VALUE", help=text)
    sub.add_argument("--jobs", type=int, default=1, metavar="N", help="trials at once (default: 1)")
    sub.add_argument("--retry", type=int, default=1, metavar="N", help="further tries of a crashed trial (default: 1)")
    text = "an SQL storage of Optuna's, which several machines can share (default: search.db in the search's folder)"
    sub.add_argument("--storage", metavar="URL", help=text)
    sub.add_argument("--name", metavar="NAME", help="of the search in its storage, and of its folder")
    sub.add_argument("--output", metavar="DIR", default="outputs/searches", help="default: %(default)s")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.add_argument("--dry-run", action="store_true", help="check the search, print what it is, run nothing")
    sub.add_argument("--quiet", action="store_true", help="print nothing; the search's search.log has it all")
    sub.set_defaults(command=_tune)


def _add_order(sub: argparse.ArgumentParser) -> None:
    """How a study is run, named or not."""
    sub.add_argument("--dry-run", action="store_true", help="of a study: print the plan and every command, run nothing")
    sub.add_argument("--jobs", type=int, default=1, metavar="N", help="of a study: trainings at once (default: 1)")
    sub.add_argument("--launcher", default="local", help="of a study: local, slurm or ray (default: local)")
    sub.add_argument("--retry", type=int, default=0, metavar="N", help="of a study: further tries of a failed training")
    text = "of a study: give verdicts even on runs that different machines or versions executed"
    sub.add_argument("--mixed", action="store_true", help=text)
    text = "of --launcher slurm: a keyword of submitit's executor, such as slurm_partition=gpu timeout_min=600"
    sub.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help=text)


def _add_evaluate(commands: Any) -> None:
    sub = commands.add_parser("evaluate", help=EVALUATE, description=EVALUATE, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="records; and data=..., data.root=..., ...")
    sub.add_argument("--split", choices=["train", "val", "test", "all"], help="default: val; of other data: all")
    _add_choice_of_weights(sub)
    tta = "average over views of each image: flip, flip_translate, five_crop, ten_crop, multi_scale"
    sub.add_argument("--tta", metavar="NAME", help=tta)
    sub.add_argument("--output", metavar="FILE", help="write the result (JSON) there, not into the record")
    sub.set_defaults(command=_evaluate)


def _add_predict(commands: Any) -> None:
    sub = commands.add_parser("predict", help=PREDICT, description=PREDICT, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN FILE|DIR", help="a record, then image files and folders")
    sub.add_argument("--top", type=int, metavar="K", help="the K most probable classes, not a column for each")
    _add_choice_of_weights(sub)
    sub.add_argument("--output", metavar="FILE", help="write the CSV there (default: standard output)")
    sub.set_defaults(command=_predict)


def _add_ledger(commands: Any) -> None:
    sub = commands.add_parser("ledger", help=LEDGER, description=LEDGER, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="records; and data.root=... if data moved")
    sub.add_argument("--view", metavar="NAME", action="append", help="raw, ema_0.999, ...; several times; default: all")
    since = "when misclassifications begin to be counted, as a duration: 90ep, 50%% (default)"
    sub.add_argument("--since", metavar="DURATION", default="50%", help=since)
    sub.add_argument("--to", metavar="DIR", help="folder for pictures and tables (default: ledger_RUN)")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_ledger)


def _add_average(commands: Any) -> None:
    sub = commands.add_parser("average", help=AVERAGE, description=AVERAGE, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="a record; and data.root=..., ...")
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument("--decay", type=float, metavar="D", help="moving average of this decay a step, such as 0.9995")
    which.add_argument("--half-life", metavar="DURATION", help="moving average of this half-life: 2ep, 500st, 3%%")
    which.add_argument("--window", metavar="DURATION", help="moving average of this window, 1 / (1 - decay) steps")
    which.add_argument("--last", metavar="DURATION", help="even mean of the weights over the end of the run: 10ep")
    which.add_argument("--sweep", action="store_true", help="a curve over decays: PNG and CSV")
    sub.add_argument("--split", choices=["val", "train"], default="val", help="what is measured (default: val)")
    sub.add_argument("--name", metavar="NAME", help="of the view; default: posthoc_ema_0.9995, ...")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_average)


def _add_report(commands: Any) -> None:
    sub = commands.add_parser("report", help=REPORT, description=REPORT, allow_abbrev=False)
    sub.add_argument("places", nargs="+", metavar="DIR", help="run records, folders of records, studies' folders")
    sub.add_argument("--output", metavar="DIR", help="the report's folder (default: report_NAME here)")
    sub.add_argument("--every-picture", action="store_true", help="write the figures of each of several runs too")
    text = "also what each run makes of single samples: calibration, confusions, top losses, Grad-CAM"
    sub.add_argument("--samples", action="store_true", help=text)
    sub.add_argument("--config-dir", metavar="DIR", help="of --samples: the folder of your own yaml and modules")
    sub.set_defaults(command=_report)


def _add_samples(commands: Any) -> None:
    sub = commands.add_parser("samples", help=SAMPLES, description=SAMPLES, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="a record; and data.root=... if data moved")
    sub.add_argument("--split", choices=["train", "val", "test"], default="val", help="default: val; test is counted")
    _add_view_and_checkpoint(sub)
    sub.add_argument("--top", type=int, default=16, metavar="K", help="samples of the largest loss (default: 16)")
    sub.add_argument("--to", metavar="DIR", help="folder for the pictures (default: samples_RUN, here)")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_samples)


def _add_export(commands: Any) -> None:
    sub = commands.add_parser("export", help=EXPORT, description=EXPORT, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="a record; and data.root=... if data moved")
    sub.add_argument("--format", required=True, metavar="NAME", help="safetensors, onnx or torch-export")
    _add_view_and_checkpoint(sub)
    sub.add_argument("--output", metavar="FILE", help="default: RUN_CHECKPOINT_VIEW with the format's suffix, here")
    sub.add_argument("--temperature", metavar="T|auto", help="divide the logits by T; auto fits it on validation")
    sub.add_argument("--dynamic-batch", action="store_true", help="any number of images at once, not one")
    sub.add_argument("--with-preprocessing", action="store_true", help="take stored images, uint8 (B, H, W, C)")
    sub.add_argument("--force", action="store_true", help="replace a file that is there")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_export)


def _add_view_and_checkpoint(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--view", metavar="NAME", help="raw, or an average such as ema_0.999; default: the headline's")
    sub.add_argument("--checkpoint", metavar="NAME", help="best, last, step_N; default: the headline's")


def _add_choice_of_weights(sub: argparse.ArgumentParser) -> None:
    """What evaluate and predict have in common."""
    sub.add_argument(
        "--view", metavar="NAME", help="raw, an average such as ema_0.999, or all; default: the headline's"
    )
    sub.add_argument("--checkpoint", metavar="NAME", help="best, last, step_N; default: the headline's")
    sub.add_argument(
        "--ensemble",
        nargs="?",
        const="logits",
        choices=["logits", "probabilities"],
        help="take several runs, or the folds of a cross-validation, together, by the mean of their logits (default)",
    )
    sub.add_argument("--config", metavar="FILE", help="without a run: a recipe whose model comes with weights")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")


def _choices() -> str:
    from recipelab.config.tree import groups

    lines = ["groups and choices (GROUP=CHOICE):"]
    lines += [f"  {name:<10} {' '.join(choices)}" for name, choices in groups().items()]
    lines += ["", "recipelab train --help lists the keys of the sections; example:"]
    lines += ["  recipelab train model=resnet20 data=cifar10 scheduler=cosine trainer.epochs=200"]
    return "\n".join(lines)


class _RecipeParser(argparse.ArgumentParser):
    """A command; the help of one over a recipe goes on with every group, choice and key."""

    def format_help(self) -> str:
        if self.get_default("command") in PLAIN:
            return super().format_help()
        from recipelab.config.describe import keys

        return f"{super().format_help()}\n{_choices()}\n\n{keys()}\n"


def _ask(options: argparse.Namespace, overrides: Sequence[str]):  # type: ignore[no-untyped-def]
    from recipelab.commands.ask import Ask

    return Ask(tuple(overrides), options.config, options.config_dir)


def _print_recipe(options: argparse.Namespace) -> int:
    import yaml

    recipe = _ask(options, options.overrides).recipe()
    print(yaml.safe_dump(recipe.config, sort_keys=False, allow_unicode=True, width=120), end="")
    return 0


def _train(options: argparse.Namespace) -> int:
    if options.multirun:
        return _multirun(options)
    _refuse_order(options)
    if options.cfg:
        return _print_recipe(options)
    from recipelab.commands.crossval import cross_validate, wants_every_fold
    from recipelab.commands.train import train

    run = cross_validate if wants_every_fold(_ask(options, options.overrides)) else train
    run(*options.overrides, config=options.config, config_dir=options.config_dir, quiet=options.quiet)
    return 0


def _order(options: argparse.Namespace) -> dict[str, Any]:
    import yaml

    names = ("jobs", "launcher", "retry", "mixed", "config_dir", "quiet")
    pairs = [word.partition("=") for word in options.option]
    chosen = {key: yaml.safe_load(value) for key, _, value in pairs}
    return {**{name: getattr(options, name) for name in names}, "options": chosen}


def _study(options: argparse.Namespace) -> int:
    _warm_up(options)
    from recipelab.commands.study import study

    study(options.name, *options.overrides, dry_run=options.dry_run, output=options.output, **_order(options))
    return 0


def _warm_up(options: argparse.Namespace) -> None:
    """Let what trainings import be imported beside what is imported here."""
    if options.dry_run or vars(options).get("launcher", "local") != "local":
        return
    from recipelab.studies.local import warm_up

    warm_up()


def _tune(options: argparse.Namespace) -> int:
    _warm_up(options)
    from recipelab.commands.tune import tune

    names = ("jobs", "retry", "storage", "name", "output", "config_dir", "dry_run", "quiet")
    tune(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


ORDER: dict[str, Any] = {"dry_run": False, "jobs": 1, "launcher": "local", "retry": 0, "mixed": False, "option": []}


def _refuse_order(options: argparse.Namespace) -> None:
    """Raise UserError for an option of studies that one training would pass over."""
    from recipelab.core.errors import UserError

    given = [name for name, default in ORDER.items() if getattr(options, name) != default]
    if given:
        raise UserError(f"--{given[0].replace('_', '-')} is of a study: give --multirun, or recipelab study NAME")


def _multirun(options: argparse.Namespace) -> int:
    from recipelab.core.errors import UserError

    if options.config or options.cfg:
        name = "--config" if options.config else "--cfg"
        raise UserError(f"{name} is of one training, and --multirun makes a study of overrides")
    _warm_up(options)
    from recipelab.commands.multirun import multirun

    multirun(options.overrides, dry_run=options.dry_run, **_order(options))
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.cfg:
        return _print_recipe(options)
    from recipelab.commands.check import check_command

    check_command(_ask(options, options.overrides))
    return 0


def _lr_find(options: argparse.Namespace) -> int:
    from recipelab.commands.lr_find import lr_find

    asked = _ask(options, options.overrides)
    lr_find(asked, start=options.start, end=options.end, steps=options.steps, to=options.to)
    return 0


def _show(options: argparse.Namespace) -> int:
    from recipelab.commands.show import show

    parts = [word for word in options.overrides if "=" not in word and not word.startswith("~")]
    show(_ask(options, [word for word in options.overrides if word not in parts]), parts, options.to)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from recipelab.commands.evaluate import evaluate

    names = ("split", "view", "checkpoint", "ensemble", "tta", "output", "config", "config_dir")
    evaluate(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _predict(options: argparse.Namespace) -> int:
    from recipelab.commands.predict import predict_command

    names = ("top", "view", "checkpoint", "ensemble", "output", "config", "config_dir")
    predict_command(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _ledger(options: argparse.Namespace) -> int:
    from recipelab.commands.ledger import ledger

    where = {"since": options.since, "to": options.to, "config_dir": options.config_dir}
    ledger(*options.overrides, views=options.view or (), **where)
    return 0


def _average(options: argparse.Namespace) -> int:
    from recipelab.commands.average import average
    from recipelab.commands.sweep_decays import sweep_decays
    from recipelab.core.errors import UserError

    if options.sweep:
        if options.name is not None:
            raise UserError("--name names the view of one average, and --sweep leaves none")
        sweep_decays(*options.overrides, split=options.split, config_dir=options.config_dir)
        return 0
    names = ("decay", "half_life", "window", "last", "split", "name", "config_dir")
    average(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _report(options: argparse.Namespace) -> int:
    from recipelab.commands.report import report

    names = ("output", "samples", "every_picture", "config_dir")
    report(*options.places, **{name: getattr(options, name) for name in names})
    return 0


def _samples(options: argparse.Namespace) -> int:
    from recipelab.commands.insight import samples

    names = ("split", "view", "checkpoint", "top", "to", "config_dir")
    samples(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _export(options: argparse.Namespace) -> int:
    from recipelab.commands.export import export
    from recipelab.core.errors import UserError

    told = options.temperature
    try:
        temperature = told if told in (None, "auto") else float(told)
    except ValueError as error:
        raise UserError(f"--temperature {told}: a number, or auto") from error
    names = ("format", "view", "checkpoint", "output", "dynamic_batch", "with_preprocessing", "force", "config_dir")
    export(*options.overrides, temperature=temperature, **{name: getattr(options, name) for name in names})
    return 0


def _runs(options: argparse.Namespace) -> int:
    from recipelab.commands.runs import runs

    runs(options.folder)
    return 0


PLAIN = (_runs, _evaluate, _predict, _ledger, _study, _tune, _average, _report, _samples, _export)
"""Commands over records, whose help has no groups and keys of recipes."""
