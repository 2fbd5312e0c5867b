"""`recipelab train data.folds=5 data.fold=all`: a run for each fold, then what they come to together."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from recipelab.commands.answers import answers
from recipelab.commands.ask import Ask, key_of
from recipelab.commands.evaluate import require_agreement
from recipelab.commands.measured import Row, evaluation_table, measured, row
from recipelab.commands.samples import samples_for
from recipelab.commands.train import train
from recipelab.commands.trained import open_all
from recipelab.config.check import Recipe
from recipelab.config.identity import recipe_hash
from recipelab.core.errors import Interrupted, UserError
from recipelab.loop.cluster import detect
from recipelab.loop.load_run import Run, load_run
from recipelab.records import crossval, listing, places
from recipelab.records.log import Log
from recipelab.records.record import Record

ALL = "all"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class CrossValidation:
    """A cross-validation. path: its folder. runs: one a fold, in order. summary: what cross_validation.json holds."""

    path: Path
    runs: list[Run]
    summary: dict[str, Any]


def wants_every_fold(ask: Ask) -> bool:
    """Whether a command asks for a cross-validation: by data.fold=all, in its words or in the file it starts from."""
    said = ask.value("data.fold")
    if said is None and ask.config and ask.value("trainer.resume") is None:
        return ask.recipe().data.fold == ALL
    return said is not None and said.strip("'\"") == ALL


def cross_validate(
    *overrides: str, config: str | None = None, config_dir: str | None = None, quiet: bool = False
) -> CrossValidation:
    """Train every fold and summarise; the same as `recipelab train data.folds=K data.fold=all`.

    overrides, config, config_dir, quiet: as for `train`; data.folds is needed, data.fold need not be given. The newest
    unfinished cross-validation of the same recipe goes on: its finished folds are not trained again, and one that was
    interrupted is resumed from its checkpoint.

    Raises what `train` raises.
    """
    ask = Ask((*(o for o in overrides if key_of(o) != "data.fold"), f"data.fold={ALL}"), config, config_dir)
    log = Log(quiet=quiet)
    recipe = ask.recipe()
    if recipe.trainer.resume:
        raise UserError("a cross-validation goes on by itself when its command is repeated: leave trainer.resume out")
    root = Path(recipe.run.output)
    rooted = root.exists()
    if place := detect():
        raise UserError(
            f"{place.launcher} starts the processes of one run: train the folds one by one, data.fold=0, ..."
        )
    folder = _folder(recipe, root, log)
    folds = recipe.data.folds or 0
    try:
        runs = [_fold(folder, fold, ask, log, quiet=quiet) for fold in range(folds)]
    except Interrupted:
        log(f"the cross-validation goes on when its command is repeated (folder {folder})")
        raise
    except UserError:
        if not any(listing.find(folder)):  # refused before the first record: nothing is left behind
            shutil.rmtree(folder)
            if not rooted:
                root.rmdir()
        raise
    summary = _summary(folder, runs, ask, log)
    crossval.write(folder, summary)
    log.table(evaluation_table(_rows(summary), f"{folds} folds, the headline of each"))
    log(f"cross-validation: {folder}")
    log(f"its report: {shlex.join(['recipelab', 'report', str(folder)])}")
    return CrossValidation(folder, runs, summary)


def _folder(recipe: Recipe, root: Path, log: Log) -> Path:
    """The folder of the unfinished cross-validation of this recipe, or a new one."""
    place = recipe.config["data"].get("root")  # the recipe's hash leaves it out, for what is in it to be hashed instead
    identity = recipe_hash(recipe.config, {"root": str(place)})
    if found := crossval.find(root, identity, recipe.run.seed):
        log(f"going on with the cross-validation {found}")
        return found
    seed = recipe.with_seed().run.seed
    slots, now = recipe.slots, datetime.now().astimezone()
    name = f"{now:%Y%m%d-%H%M%S}_{slots['data'].name}_{slots['model'].name}_s{seed}_cv{recipe.data.folds}"
    folder = places.new_folder(root, name.lower())
    created = now.isoformat(timespec="seconds")
    crossval.write(folder, {"status": "running", "created": created, "recipe": identity, "seed": seed, "folds": []})
    return folder


def _fold(folder: Path, fold: int, ask: Ask, log: Log, *, quiet: bool) -> Run:
    """The finished run of a fold: the one that is there, its continuation, or a new one."""
    record = _record_of(folder, fold)
    if record is None:
        log(f"fold {fold}")
        seed = crossval.read(folder)["seed"]
        kept = [o for o in ask.overrides if key_of(o) not in ("data.fold", "seed", "output")]
        place = str(folder).replace("'", "\\'")
        words = [*kept, f"data.fold={fold}", f"seed={seed}", f"output='{place}'"]
        return train(*words, config=ask.config, config_dir=ask.config_dir, quiet=quiet)
    if record.status() == "finished":
        log(f"fold {fold}: finished, {record.path}")
        return load_run(record.path, config_dir=ask.config_dir)
    log(f"fold {fold}: going on")
    return train(f"trainer.resume={record.path}", *ask.trusted(), config_dir=ask.config_dir, quiet=quiet)


def _record_of(folder: Path, fold: int) -> Record | None:
    """The record of a fold, if one was begun."""
    for path in listing.find(folder):
        record = Record.open(path)
        try:
            said = record.config()
        except UserError:  # killed before its recipe was written: there is nothing to go on with
            continue
        if (said.get("data") or {}).get("fold") == fold:
            return record
    return None


def _summary(folder: Path, runs: Sequence[Run], ask: Ask, log: Log) -> dict[str, Any]:
    """Every fold's headline measurements, their mean and deviation, and the folds as one ensemble on the test split."""
    began = crossval.read(folder)
    folds = []
    for fold, run in enumerate(runs):
        head = run.result["headline"]
        found = {s: run.result[s][head["checkpoint"]][head["view"]] for s in SPLITS if s in run.result}
        name = str(run.path.relative_to(folder))
        folds.append({"fold": fold, "record": name, "checkpoint": head["checkpoint"], "view": head["view"], **found})
    splits = [split for split in SPLITS if all(split in fold for fold in folds)]
    content = {
        **began,
        "status": "finished",
        "folds": folds,
        "mean": {split: _spread(folds, split, np.mean) for split in splits},
        "std": {split: _spread(folds, split, lambda values: np.std(values, ddof=1)) for split in splits},
    }
    if "test" in splits:
        members = open_all([str(run.path) for run in runs], Ask(tuple(ask.trusted()), None, ask.config_dir), None, log)
        samples = samples_for(members[0], Ask(), "test", lambda line: None)
        require_agreement(members, samples)
        together = measured(answers(members, [samples.pool] * len(members), None, "logits"))[0][-1]
        content["ensemble"] = {"kind": "logits", "test": together["metrics"]}
    return content


def _spread(folds: Sequence[dict[str, Any]], split: str, of: Any) -> dict[str, float]:
    """One statistic over the folds of every metric that is one number."""
    names = [key for key, value in folds[0][split].items() if isinstance(value, int | float)]
    return {name: float(of([fold[split][name] for fold in folds])) for name in names}


def _rows(summary: dict[str, Any]) -> list[Row]:
    """Lines of the table: the folds, their mean and deviation, the ensemble; on validation and test."""
    lines: list[Row] = []
    for split in (s for s in ("val", "test") if s in summary["mean"]):
        for fold in summary["folds"]:
            numbers = {key: fold[split][key] for key in summary["mean"][split]}
            lines.append(row(f"{split}, fold {fold['fold']}", fold["checkpoint"], None, fold["view"], numbers))
        lines += [row(f"{split}, {what}", "", None, "", summary[what][split]) for what in ("mean", "std")]
    if "ensemble" in summary:
        numbers = {key: summary["ensemble"]["test"][key] for key in summary["mean"]["test"]}
        lines.append(row("test, ensemble (logits)", "", None, "", numbers))
    return lines
