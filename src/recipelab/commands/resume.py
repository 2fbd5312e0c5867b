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
from recipelab.config.signature import Schema, fill, schema_of
from recipelab.core.errors import UserError
from recipelab.loop.best import Bests, checkpoint_of
from recipelab.loop.device import process_count
from recipelab.loop.plan import Plan
from recipelab.loop.state import State, from_checkpoint
from recipelab.loop.step import TrainStep
from recipelab.loop.views import Views
from recipelab.records.listing import list_records
from recipelab.records.record import Record


@dataclass
class Resumed:
    """A record to go on with.

    ask: the words that lead to it. recipe: its own, with what the command changed. trainer: with every `auto` as the
    record resolved it.
    changed: keys whose value differs from the record's; with any, the run is no longer bitwise the uninterrupted one.
    """

    ask: Ask
    record: Record
    recipe: Recipe
    trainer: Trainer
    changed: dict[str, tuple[Any, Any]]
    notes: list[str] = field(default_factory=list)

    def recorded_digests(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Content of the splits and initial weights it was begun with. Raises UserError when the data now differ."""
        recorded = self.record.split_digests()
        other = [name for name, sha in recorded.items() if digests.get(name) != sha]
        if other:
            raise UserError(
                f"the data have changed since {self.record.path} was begun (split {', '.join(other)}):"
                " a run cannot go on with other data\n  begin a new run, or put the data back"
            )
        initial = self.record.environment().get("initial_weights")
        return {**recorded, **({"init": initial} if initial else {})}

    def restore(self, train: TrainStep, views: Views, bests: Bests, plan: Plan, identity: Mapping[str, str]) -> State:
        """Put the training where the record's last checkpoint left it, the rows up to `row_step` count."""
        recorded = self.record.result().get("fingerprint")
        if recorded != identity["fingerprint"]:
            self.notes.append("executed differently (other machine, versions or devices)")
        if "last" not in self.record.checkpoints():
            return State()
        try:
            state = self._from_checkpoints(train, views, bests, identity)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.record.path}: the checkpoints are not of this recipe, or damaged ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]})\n  put them back, or begin a new run"
            ) from error
        if state.step > plan.total:
            raise UserError(f"{self.record.path} has taken {state.step} steps, more than the {plan.total} asked for")
        return state

    def _from_checkpoints(self, train: TrainStep, views: Views, bests: Bests, identity: Mapping[str, str]) -> State:
        """Put weights, optimizer and the best so far where they stood; anything may be raised by what is not ours."""
        state = from_checkpoint(self.record.load_checkpoint("last"), train, views)
        for view, best in bests.items():
            if checkpoint_of(view) not in self.record.checkpoints():
                continue
            kept = self.record.load_checkpoint(checkpoint_of(view))
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


def recorded_execution(record: Record) -> dict[str, Any]:
    """Every `auto` of the trainer section as the record resolved it. Raises UserError when it does not say so."""
    told = record.environment().get("resolved")
    if not isinstance(told, dict):
        raise UserError(f"{record.path}/environment.json tells nothing of how the run was executed: it is damaged")
    parameters = schema_of(Trainer).parameters
    known = Schema({key: parameters[key] for key in told if key in parameters})
    return fill(f"{record.path}/environment.json: resolved", told, known)


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
    recorded, resolved = record.config(), recorded_execution(record)
    if recorded.get("data", {}).get("storage") == "auto":  # streamed data are identified by other means than decoded
        storage = record.environment()["splits"]["train"]["storage"]
        ask = replace(ask, overrides=(f"data.storage={storage}", *ask.overrides))
    recipe = ask.recipe(base=record.path, without=["trainer.resume"])
    before = resolved.get("devices", 1)
    now = process_count(recipe.trainer.devices if recipe.trainer.devices != recorded["trainer"]["devices"] else "auto")
    allowed = RESUMABLE_KEYS
    if now not in (None, before):
        ask, allowed = _same_batch(ask, record, recipe, before, now), allowed | {"trainer.batch_size"}
        recipe = ask.recipe(base=record.path, without=["trainer.resume"])
        resolved = {k: v for k, v in resolved.items() if k not in ("devices", "threads", "sync_batchnorm")}
    recipe = replace(recipe, trainer=replace(recipe.trainer, resume=None))  # an older record may say auto
    changed = changed_keys(recorded, recipe.config)
    refused = {key: values for key, values in changed.items() if key not in allowed}
    if refused:
        lines = "".join(f"\n  {key}: recorded {old!r}, asked for {new!r}" for key, (old, new) in refused.items())
        raise UserError(
            f"{record.path} was begun with another recipe; a resumed run may change only"
            f" {', '.join(sorted(RESUMABLE_KEYS))}, logger and output:{lines}\n  for a new recipe begin a new run"
        )
    if record.status() == "finished" and not changed.keys() & {"trainer.epochs", "trainer.steps"}:
        raise UserError(f"{record.path} is finished: to train on, give a longer trainer.epochs or trainer.steps")
    kept = {k: v for k, v in resolved.items() if f"trainer.{k}" not in changed}
    return Resumed(ask, record, recipe, replace(recipe.trainer, **kept), changed)


def _same_batch(ask: Ask, record: Record, recipe: Recipe, before: int, now: int) -> Ask:
    """The words with the batch size that keeps the record's batch on another number of processes, and so its steps."""
    recorded = record.config()["trainer"]["batch_size"]
    whole, asked = recorded * before, recipe.trainer.batch_size
    if asked not in (recorded, whole / now):
        raise UserError(
            f"trainer.batch_size={asked}: a resumed run keeps its batch of {whole} samples"
            f"\n  leave trainer.batch_size out: it follows from trainer.devices={now}"
        )
    if whole % now:
        fitting = ", ".join(str(n) for n in range(1, min(whole, 64) + 1) if whole % n == 0)
        raise UserError(
            f"trainer.devices={now}: the batch of {whole} samples that {record.path} was begun with cannot be divided"
            f" among so many\n  possible: {fitting}"
        )
    return replace(ask, overrides=(*ask.overrides, f"trainer.batch_size={whole // now}"))
