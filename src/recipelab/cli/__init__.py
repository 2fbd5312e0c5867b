"""The command line: commands to functions, nothing else. What a command needs is imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from recipelab import __version__


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
    from recipelab.cli import recipes, records, studies, weights

    parser = argparse.ArgumentParser(
        prog="recipelab",
        description="Train image models by recipe, and find out which ingredient of the recipe matters.",
        epilog=_choices(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"recipelab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_CommandParser)
    for room in (recipes, studies, weights, records):
        room.add_commands(commands)
    return parser


def _choices() -> str:
    from recipelab.config.tree import groups

    lines = ["groups and choices (GROUP=CHOICE):"]
    lines += [f"  {name:<10} {' '.join(choices)}" for name, choices in groups().items()]
    lines += ["", "recipelab train --help lists the keys of the sections; example:"]
    lines += ["  recipelab train model=resnet20 data=cifar10 scheduler=cosine trainer.epochs=200"]
    return "\n".join(lines)


class _CommandParser(argparse.ArgumentParser):
    """A command; the help of one over a recipe goes on with every group, choice and key."""

    def format_help(self) -> str:
        text = super().format_help()
        if not self.get_default("over_a_recipe"):
            return text
        from recipelab.config.describe import keys

        return f"{text}\n{_choices()}\n\n{keys()}\n"
