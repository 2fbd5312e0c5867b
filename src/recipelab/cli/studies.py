"""Commands that make many trainings: study, train --multirun, tune."""

from __future__ import annotations

import argparse
from typing import Any

STUDY = "run a study: the fewest trainings that answer its question, and what they prove"
TUNE = "search over recipes with Optuna: draw, train, prune, repeat; the best recipe, and what mattered"
ORDER: dict[str, Any] = {"dry_run": False, "jobs": 1, "launcher": "local", "retry": 0, "mixed": False, "option": []}


def add_commands(commands: Any) -> None:
    """Add them to the parser's."""
    _add_study(commands)
    _add_tune(commands)


def _add_study(commands: Any) -> None:
    sub = commands.add_parser("study", help=STUDY, description=STUDY, allow_abbrev=False)
    sub.add_argument("name", metavar="NAME|FILE", help="a study of the package or of --config-dir, or a yaml file")
    text = "for every arm; scale=tiny, seeds=[1,2] and study.KEY=VALUE change the study itself"
    sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=text)
    sub.add_argument("--output", metavar="DIR", default="outputs/studies", help="default: %(default)s")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.add_argument("--quiet", action="store_true", help="print nothing; the study's study.log has it all")
    add_order(sub)
    sub.set_defaults(command=_study)


def _study(options: argparse.Namespace) -> int:
    _warm_up(options)
    from recipelab.commands.study import study

    study(options.name, *options.overrides, dry_run=options.dry_run, output=options.output, **_order(options))
    return 0


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


def _tune(options: argparse.Namespace) -> int:
    _warm_up(options)
    from recipelab.commands.tune import tune

    names = ("jobs", "retry", "storage", "name", "output", "config_dir", "dry_run", "quiet")
    tune(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


def _warm_up(options: argparse.Namespace) -> None:
    """Let what trainings import be imported beside what is imported here."""
    if options.dry_run or vars(options).get("launcher", "local") != "local":
        return
    from recipelab.studies.local import warm_up

    warm_up()


def add_order(sub: argparse.ArgumentParser) -> None:
    """How a study is run, named or not."""
    sub.add_argument("--dry-run", action="store_true", help="of a study: print the plan and every command, run nothing")
    sub.add_argument("--jobs", type=int, default=1, metavar="N", help="of a study: trainings at once (default: 1)")
    sub.add_argument("--launcher", default="local", help="of a study: local, slurm or ray (default: local)")
    sub.add_argument("--retry", type=int, default=0, metavar="N", help="of a study: further tries of a failed training")
    text = "of a study: give verdicts even on runs that different machines or versions executed"
    sub.add_argument("--mixed", action="store_true", help=text)
    text = "of --launcher slurm: a keyword of submitit's executor, such as slurm_partition=gpu timeout_min=600"
    sub.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help=text)


def _order(options: argparse.Namespace) -> dict[str, Any]:
    import yaml

    names = ("jobs", "launcher", "retry", "mixed", "config_dir", "quiet")
    pairs = [word.partition("=") for word in options.option]
    chosen = {key: yaml.safe_load(value) for key, _, value in pairs}
    return {**{name: getattr(options, name) for name in names}, "options": chosen}


def refuse_order(options: argparse.Namespace) -> None:
    """Raise UserError for an option of studies that one training would pass over."""
    from recipelab.core.errors import UserError

    given = [name for name, default in ORDER.items() if getattr(options, name) != default]
    if given:
        raise UserError(f"--{given[0].replace('_', '-')} is of a study: give --multirun, or recipelab study NAME")


def multirun(options: argparse.Namespace) -> int:
    """`recipelab train --multirun`."""
    from recipelab.core.errors import UserError

    if options.config or options.cfg:
        name = "--config" if options.config else "--cfg"
        raise UserError(f"{name} is of one training, and --multirun makes a study of overrides")
    _warm_up(options)
    from recipelab.commands.multirun import multirun as run

    run(options.overrides, dry_run=options.dry_run, **_order(options))
    return 0
