"""Commands over the weights of trained runs: evaluate, predict, average, export."""

from __future__ import annotations

import argparse
from typing import Any

EVALUATE = "measure trained runs, alone or as an ensemble, on a split or on other data"
AVERAGE = "make an average of a finished run's weights, of any decay, from what its record keeps"
EXPORT = "write a view of a run as a safetensors, ONNX or torch.export file, checked against the network"
PREDICT = "what trained runs say of image files, as CSV"


def add_commands(commands: Any) -> None:
    """Add them to the parser's."""
    _add_evaluate(commands)
    _add_predict(commands)
    _add_average(commands)
    _add_export(commands)


def _add_evaluate(commands: Any) -> None:
    sub = commands.add_parser("evaluate", help=EVALUATE, description=EVALUATE, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="records; and data=..., data.root=..., ...")
    sub.add_argument("--split", choices=["train", "val", "test", "all"], help="default: val; of other data: all")
    _add_choice_of_weights(sub)
    tta = "average over views of each image: flip, flip_translate, five_crop, ten_crop, multi_scale"
    sub.add_argument("--tta", metavar="NAME", help=tta)
    sub.add_argument("--batch-size", type=int, metavar="N", help="samples of one forward (default: the recipe's)")
    text = "divide the logits by T; auto fits it on validation; NLL and ECE before and after"
    sub.add_argument("--temperature", metavar="T|auto", help=text)
    sub.add_argument("--output", metavar="FILE", help="write the result (JSON) there, not into the record")
    sub.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from recipelab.commands.evaluate import evaluate

    names = ("split", "view", "checkpoint", "ensemble", "tta", "batch_size", "output", "config", "config_dir")
    chosen = {name: getattr(options, name) for name in names}
    evaluate(*options.overrides, temperature=_temperature(options.temperature), **chosen)
    return 0


def _temperature(told: str | None) -> Any:
    from recipelab.core.errors import UserError

    try:
        return told if told in (None, "auto") else float(told)
    except ValueError:
        raise UserError(f"--temperature {told}: a number, or auto") from None


def _add_predict(commands: Any) -> None:
    sub = commands.add_parser("predict", help=PREDICT, description=PREDICT, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN FILE|DIR", help="a record, then image files and folders")
    sub.add_argument("--top", type=int, metavar="K", help="the K most probable classes, not a column for each")
    _add_choice_of_weights(sub)
    sub.add_argument("--output", metavar="FILE", help="write the CSV there (default: standard output)")
    sub.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    from recipelab.commands.predict import predict_command

    names = ("top", "view", "checkpoint", "ensemble", "output", "config", "config_dir")
    predict_command(*options.overrides, **{name: getattr(options, name) for name in names})
    return 0


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


def _add_export(commands: Any) -> None:
    sub = commands.add_parser("export", help=EXPORT, description=EXPORT, allow_abbrev=False)
    sub.add_argument("overrides", nargs="*", metavar="RUN|KEY=VALUE", help="a record; and data.root=... if data moved")
    sub.add_argument("--format", required=True, metavar="NAME", help="safetensors, onnx or torch-export")
    add_view_and_checkpoint(sub)
    sub.add_argument("--output", metavar="FILE", help="default: RUN_CHECKPOINT_VIEW with the format's suffix, here")
    sub.add_argument("--temperature", metavar="T|auto", help="divide the logits by T; auto fits it on validation")
    sub.add_argument("--dynamic-batch", action="store_true", help="any number of images at once, not one")
    sub.add_argument("--with-preprocessing", action="store_true", help="take stored images, uint8 (B, H, W, C)")
    sub.add_argument("--force", action="store_true", help="replace a file that is there")
    sub.add_argument("--config-dir", metavar="DIR", help="the folder of your own yaml and modules")
    sub.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from recipelab.commands.export import export

    names = ("format", "view", "checkpoint", "output", "dynamic_batch", "with_preprocessing", "force", "config_dir")
    export(
        *options.overrides,
        temperature=_temperature(options.temperature),
        **{name: getattr(options, name) for name in names},
    )
    return 0


def add_view_and_checkpoint(sub: argparse.ArgumentParser) -> None:
    """Which weights of a run."""
    sub.add_argument("--view", metavar="NAME", help="raw, or an average such as ema_0.999; default: the headline's")
    sub.add_argument("--checkpoint", metavar="NAME", help="best, last, step_N; default: the headline's")
