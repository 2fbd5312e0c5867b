"""Going on with a record: what may change, what is taken from it, and where the training stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recipelab.commands.ask import Ask, key_of
from recipelab.config.check import Recipe
from recipelab.config.identity import RESUMABLE_KEYS, changed_keys
from recipelab.config.overrides import PRESETS
from recipelab.config.schema import Trainer
from recipelab.core.errors import UserError
from recipelab.loop.fit import Best
from recipelab.loop.plan import Plan
from recipelab.loop.state import State, from_checkpoint
from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views
from recipelab.records.listing import list_records
from recipelab.records.record import Record


@dataclass
class Resumed:
    """A record to go on with.

    recipe: its own, with what the command changed. trainer: with every `auto` as the record resolved it.
    changed: keys whose value differs from the record's; with any, the run is no longer bitwise the uninterrupted one.
    """

    record: Record
    recipe: Recipe
    trainer: Trainer
    changed: dict[str, tuple[Any, Any]]
    notes: list[str] = field(default_factory=list)

    def recorded_digests(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Content of the splits and initial weights it was begun with. Raises UserError when the data now differ."""
        environment = self.record.environment()
        recorded: dict[str, str] = {name: part["sha256"] for name, part in environment["splits"].items()}
        other = [name for name, sha in recorded.items() if digests.get(name) != sha]
        if other:
            raise UserError(
                f"the data have changed since {self.record.path} was begun (split {', '.join(other)}):"
                " a run cannot go on with other data\n  begin a new run, or put the data back"
            )
        initial = environment["initial_weights"]
        return {**recorded, **({"init": initial} if initial else {})}

    def restore(self, train: TrainStep, views: Views, best: Best, plan: Plan, identity: Mapping[str, str]) -> State:
        """Put the training where the record's last checkpoint left it, and cut its metrics back to there."""
        recorded = self.record.result().get("fingerprint")
        if recorded != identity["fingerprint"]:
            self.notes.append("executed differently (other machine, versions or devices)")
        if "last" not in self.record.checkpoints():
            self.record.metrics.truncate(0)
            return State()
        checkpoint = self.record.load_checkpoint("last")
        state = from_checkpoint(checkpoint, train, views)
        if state.step > plan.total:
            raise UserError(f"{self.record.path} has taken {state.step} steps, more than the {plan.total} asked for")
        self.record.metrics.truncate(state.row_step)
        if "best" in self.record.checkpoints():
            kept = self.record.load_checkpoint("best")
            found, same = kept["best"], all(kept[key] == identity[key] for key in identity)
            if found["step"] <= state.step or same:  # else it is of a course that is not taken again: forget it
                best.step, best.value, best.tie = found["step"], found["value"], found["tie"]
        return state

    def headings(self, state: State) -> dict[str, Any]:
        """What changes in result.json at once: this resume in its history; measurements of an earlier end are void."""
        result = self.record.result()
        void: dict[str, Any] = {key: None for key in ("headline", "train", "val", "test") if key in result}
        return {"resumed": self._history(result, state), **void}

    def _history(self, result: Mapping[str, Any], state: State) -> list[dict[str, Any]]:
        entry = {
            "step": state.step,
            "bitwise": not self.changed and not self.notes,
            "changed": {key: list(values) for key, values in self.changed.items()},
            "notes": self.notes,
        }
        return [*result.get("resumed", []), entry]


def open_resumed(ask: Ask) -> Resumed | None:
    """The record that `trainer.resume=PATH` names, with the command's overrides on its recipe; None without a path."""
    path = ask.value("trainer.resume")
    if path in (None, "auto", "null"):
        return None
    if ask.config:
        raise UserError("--config and trainer.resume both name a recipe to start from: give one of them")
    return _resumed(ask, Record.open(Path(path.strip("'\""))))


def find_unfinished(ask: Ask, recipe: Recipe, wanted: str, say: Callable[[str], None]) -> Resumed | None:
    """The newest unfinished record under `output` of the same recipe, data and, when one is asked for, seed."""
    seed = recipe.run.seed
    fitting = [
        row
        for row in list_records(Path(recipe.run.output))
        if row.get("recipe_hash") == wanted
        and row["status"] in ("interrupted", "failed")
        and seed in (None, row["seed"])
    ]
    if not fitting:
        say(f"resume=auto: no unfinished record of this recipe under {recipe.run.output}; beginning a new one")
        return None
    newest = max(fitting, key=lambda row: str(row["created"]))
    say(f"resume=auto: going on with {newest['path']}")
    settled = {*PRESETS, *(["seed"] if seed is None else [])}  # the recipe is the same: presets are in it
    words = tuple(o for o in ask.overrides if key_of(o) not in settled)
    return _resumed(replace(ask, overrides=words, config=None), Record.open(Path(newest["path"])))


def _resumed(ask: Ask, record: Record) -> Resumed:
    recorded = record.config()
    if recorded.get("data", {}).get("storage") == "auto":  # streamed data are identified by other means than decoded
        storage = record.environment()["splits"]["train"]["storage"]
        ask = replace(ask, overrides=(f"data.storage={storage}", *ask.overrides))
    recipe = ask.recipe(base=record.path, without=["trainer.resume"])
    recipe = replace(recipe, trainer=replace(recipe.trainer, resume=None))  # an older record may say auto
    changed = changed_keys(recorded, recipe.config)
    refused = {key: values for key, values in changed.items() if key not in RESUMABLE_KEYS}
    if refused:
        lines = "".join(f"\n  {key}: recorded {old!r}, asked for {new!r}" for key, (old, new) in refused.items())
        raise UserError(
            f"{record.path} was begun with another recipe; a resumed run may change only"
            f" {', '.join(sorted(RESUMABLE_KEYS))}, logger and output:{lines}\n  for a new recipe begin a new run"
        )
    if record.status() == "finished" and not changed.keys() & {"trainer.epochs", "trainer.steps"}:
        raise UserError(f"{record.path} is finished: to train on, give a longer trainer.epochs or trainer.steps")
    resolved = record.environment()["resolved"]
    kept = {k: v for k, v in resolved.items() if f"trainer.{k}" not in changed}
    return Resumed(record, recipe, replace(recipe.trainer, **kept), changed)
