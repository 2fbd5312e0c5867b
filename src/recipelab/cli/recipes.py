"""Commands over one recipe: train, check, lr-find, show."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from recipelab.cli.studies import add_order, multirun, refuse_order


def add_commands(commands: Any) -> None:
    """Add them to the parser's."""
    text = "train one recipe and leave a run record"
    sub = _add(commands, "train", text, _train)
    sub.add_argument("--quiet", action="store_true", help="print nothing; the record's train.log has it all")
    text = "a study without a name: model=resnet20,resnet56 seed=1,2,3 is every combination"
    sub.add_argument("--multirun", "-m", action="store_true", help=text)
    _add_cfg(sub)
    add_order(sub)
    _add_cfg(_add(commands, "check", "check a recipe without running it", _check))
    text = "find a learning rate: train while it rises, plot the loss, suggest one"
    sub = _add(commands, "lr-find", text, _lr_find)
    sub.add_argument("--start", type=float, default=1e-6, help="first learning rate (default: %(default)s)")
    sub.add_argument("--end", type=float, default=10.0, help="last learning rate (default: %(default)s)")
    sub.add_argument("--steps", type=int, default=100, help="optimizer steps (default: %(default)s)")
    _add_to(sub)
    text = "show a model, its parameter groups, a schedule or an augmentation: show [PART] [overrides]"
    _add_to(_add(commands, "show", text, _show))


def _add(commands: Any, name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    sub: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, formatter_class=shape, allow_abbrev=False
    )
    sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as model=resnet20 optimizer.lr=0.05")
    sub.add_argument("--config", metavar="FILE|RUN", help="start from a yaml file or a run record, not the defaults")
    sub.add_argument("--config-dir", metavar="DIR", help="your own yaml and modules; they win over the packaged ones")
    sub.set_defaults(command=run, over_a_recipe=True)
    return sub


def _add_cfg(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--cfg", choices=["job"], help="print the complete recipe and stop")


def _add_to(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--to", metavar="DIR", default=".", help="folder for the pictures (default: here)")


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
        return multirun(options)
    refuse_order(options)
    if options.cfg:
        return _print_recipe(options)
    from recipelab.commands.crossval import cross_validate, wants_every_fold
    from recipelab.commands.train import train

    run = cross_validate if wants_every_fold(_ask(options, options.overrides)) else train
    run(*options.overrides, config=options.config, config_dir=options.config_dir, quiet=options.quiet)
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
