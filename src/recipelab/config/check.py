"""The check: a composed recipe becomes a complete, typed one, or one clear error before any work.

Unknown key, wrong type, value out of range, technique that does not apply, contradiction of the data: all are found
here, against the typed sections and the signatures of the targets. Nothing is built.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import Any

from recipelab.config.averages import check_averaging, view_names
from recipelab.config.compose import Composed
from recipelab.config.objects import Objects, hollow, refuse_hollow
from recipelab.config.overrides import PRESETS, TOP_KEYS
from recipelab.config.schema import (
    OPTIONAL_SECTIONS,
    SECTIONS,
    Averaging,
    BatchSchedule,
    Data,
    EarlyStopping,
    Model,
    ParamGroups,
    Resizing,
    Run,
    Sam,
    Trainer,
)
from recipelab.config.signature import Schema, fill, plain, schema_of
from recipelab.config.slots import INSIDE, SLOTS, described, kind_of, locate
from recipelab.config.starting import SHARED_MODEL, shared_model, with_preprocessing
from recipelab.config.takers import taken_by
from recipelab.core.durations import parse
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.facts import Facts

SHARED_DATA = schema_of(Data)
SHARED = {"data": SHARED_DATA, "model": SHARED_MODEL}
FACTS = frozenset({f.name for f in fields(Facts)} | {"input_dim"})


@dataclass(frozen=True)
class Bound:
    """A slot's target with its checked keywords.

    slot: its name. kwargs: every keyword but those that facts of the data fill; `with_facts` adds them.
    inside: keywords whose value has a `_target_` of its own, bound as well; `kwargs` holds their node.
    """

    slot: str
    target: Callable[..., Any]
    schema: Schema
    kwargs: dict[str, Any]
    inside: dict[str, Bound] = field(default_factory=dict)

    @property
    def expected(self) -> tuple[type[Exception], ...]:
        """What the target raises for keys that cannot be; a dataset also says so when its files are not there."""
        return (TypeError, ValueError, OSError, RuntimeError) if "." in self.slot else (TypeError, ValueError)

    @property
    def name(self) -> str:
        """The target's own name, for messages."""
        return getattr(self.target, "__name__", str(self.target))

    def build(self, *supplied: Any) -> Any:
        """Call the target with what the loop supplies and the recipe's keywords.

        Raises UserError for what the target itself refuses, such as two keys that cannot go together, and when it
        makes something that cannot fill the slot.
        """
        built = {key: bound.build() for key, bound in self.inside.items()}
        try:
            made = self.target(*supplied, **{**self.kwargs, **built})
        except self.expected as error:
            raise UserError(f"{self.slot}: {self.name} cannot be built so: {described(error)}") from error
        missing = [name for name in kind_of(self.slot).members if not hasattr(made, name)]
        if missing:
            raise UserError(
                f"{self.slot}: what {self.name} makes has no {', '.join(missing)}: it cannot fill this slot"
            )
        return made


@dataclass(frozen=True)
class Recipe:
    """A complete, checked recipe.

    config: plain containers with every default filled in, less the facts of the data; what config.yaml holds.
    slots: slot name -> Bound; an empty optional slot is absent. metrics: name -> Bound of each metric of the user's.
    """

    config: dict[str, Any]
    run: Run
    trainer: Trainer
    data: Data
    model: Model
    averaging: Averaging | None
    sam: Sam | None
    param_groups: ParamGroups | None
    early_stopping: EarlyStopping | None
    batch_schedule: BatchSchedule | None
    resizing: Resizing | None
    slots: dict[str, Bound]
    composed: Composed
    metrics: dict[str, Bound] = field(default_factory=dict)

    def with_facts(self, facts: Facts) -> Recipe:
        """The recipe with facts injected into every slot that names them; refuses a key that contradicts them."""
        known = facts.injectable()
        stored = known | {"image_size": facts.stored_size or facts.image_size}  # augmentation comes before resizing
        slots = {
            name: bound
            if name == "data"
            else replace(
                bound,
                kwargs=fill(
                    name, bound.kwargs, bound.schema, facts=stored if name == "augment" else known, what=bound.name
                ),
            )
            for name, bound in self.slots.items()
        }
        told = {key: value for key, value in known.items() if key != "task"}  # torchmetrics has a `task` of its own
        metrics = {
            name: replace(b, kwargs=fill("metrics", b.kwargs, b.schema, facts=told, what=b.name))
            for name, b in self.metrics.items()
        }
        return replace(self, slots=slots, metrics=metrics)

    def with_seed(self) -> Recipe:
        """The recipe with a seed: its own, or one drawn now when it has none."""
        if self.run.seed is not None:
            return self
        seed = secrets.randbelow(2**32)
        return replace(self, run=replace(self.run, seed=seed), config={**self.config, "seed": seed})


def check(composed: Composed, objects: Objects | None = None) -> Recipe:
    """Check a composed recipe. Raises UserError naming the key, the nearest valid name and the fix.

    objects: what stands in a slot, or in a key of one, that was given as a Python object.
    """
    objects = objects or {}
    given = {key: value for key, value in composed.config.items() if key not in PRESETS}
    known = (*TOP_KEYS, *SLOTS, *SECTIONS)
    for key in given:
        if key not in known:
            raise UserError(f"{key} is not a key of a recipe{did_you_mean(key, known)}")
    run = Run(**fill("", {key: given[key] for key in TOP_KEYS if key in given}, schema_of(Run)))
    sections = {name: _section(name, given.get(name)) for name in SECTIONS}
    first = _slot("model", given.get("model"), composed, objects)
    assert first is not None
    model = shared_model(first.target, first.schema.parameters, {} if "model" in objects else given["model"])
    if model.pretrained:
        given["data"] = with_preprocessing(given["data"], first.target.published.preprocessing(first.kwargs), composed)  # type: ignore[attr-defined]
    slots = {name: bound for name in SLOTS if (bound := _slot(name, given.get(name), composed, objects)) is not None}
    data = _shared_data(given["data"])
    _check_resizing(sections["resizing"])
    trainer = _cross_check(run, sections["trainer"], sections["averaging"], data, model)
    sections |= {"data": data, "model": model}
    config: dict[str, Any] = asdict(run)
    for name, bound in slots.items():
        shared = asdict(sections[name]) if name in SHARED else {}
        config[name] = (
            hollow(objects[name])
            if name in objects
            else plain({"_target_": given[name]["_target_"], **shared, **bound.kwargs})
        )
    config["trainer"] = asdict(trainer)
    config.update({name: asdict(sections[name]) for name in OPTIONAL_SECTIONS if sections[name] is not None})
    optional = {name: sections[name] for name in OPTIONAL_SECTIONS}
    metrics = _own_metrics(run.metrics, composed)
    return Recipe(
        config=config,
        run=run,
        trainer=trainer,
        data=data,
        model=model,
        **optional,
        slots=slots,
        composed=composed,
        metrics=metrics,
    )


def _check_resizing(resizing: Resizing | None) -> None:
    if resizing and resizing.delay + resizing.finetune > 1:
        raise UserError(
            f"resizing.delay={resizing.delay} and resizing.finetune={resizing.finetune} are shares of one training:"
            " together at most 1"
        )


def _section(name: str, node: Any) -> Any:
    if name in OPTIONAL_SECTIONS and not node:
        return None
    if node is not None and not isinstance(node, Mapping):
        raise UserError(f"{name}={node!r}: a section with keys is expected, such as {name}.KEY=VALUE")
    kind = SECTIONS[name]
    return kind(**fill(name, node or {}, schema_of(kind)))


def _shared_data(node: Mapping[str, Any]) -> Data:
    return Data(**fill("data", {k: v for k, v in node.items() if k in SHARED_DATA.parameters}, SHARED_DATA))


def _slot(name: str, node: Any, composed: Composed, objects: Objects) -> Bound | None:
    slot = SLOTS[name]
    if name in objects:
        return _given(name, objects[name])
    if node is not None and not isinstance(node, Mapping):
        raise UserError(f"{name}={node!r}: a slot with a _target_ is expected")
    if not node:
        if slot.optional:
            return None
        raise UserError(f"the recipe has no {name}: give {name}=CHOICE, or {name}._target_=my_module.MyClass")
    refuse_hollow(name, node)
    if "_target_" not in node:
        empty = ", which is set to none" if slot.optional else ""
        raise UserError(f"{name}.{next(iter(node))} has nothing to apply to{empty}: choose one, {name}=CHOICE")
    trusted = composed.trusted or node["_target_"] in composed.named
    target = locate(name, node["_target_"], trusted=trusted, own=composed.own)
    schema = schema_of(target, slot.supplied)
    bound = Bound(name, target, schema, {})
    own = {key: value for key, value in node.items() if key != "_target_"}
    own |= {key.partition(".")[2]: hollow(value) for key, value in objects.items() if key.startswith(f"{name}.")}
    shared = SHARED[name].parameters if name in SHARED else {}
    everything = Schema(
        schema.parameters | {k: v for k, v in shared.items() if k not in schema.parameters}, schema.open
    )
    later = () if name == "data" else FACTS
    filled = fill(name, own, everything, later=later, what=bound.name, others=partial(taken_by, name))
    # keys that every choice of the slot shares are checked beside the slot's own, and kept apart
    keep = {k: v for k, v in filled.items() if k in schema.parameters or k not in shared}
    bound = replace(bound, kwargs=keep)
    return _with_inside(bound, composed, objects) if name in INSIDE else bound


def _own_metrics(items: Sequence[str | Mapping[str, Any]], composed: Composed) -> dict[str, Bound]:
    """The targets in the list of metrics, by the name of their column: `name`, or that of their class."""
    found: dict[str, Bound] = {}
    for item in items:
        if isinstance(item, str):
            continue
        path = item.get("_target_")
        target = locate("metrics", path, trusted=composed.trusted or path in composed.named, own=composed.own)
        name = str(item.get("name") or target.__name__.replace("_", "").lower())
        if not re.fullmatch("[a-z][a-z0-9]*", name) or name in found or name in items:  # a column's parts end at _
            raise UserError(f"metrics: {name!r} cannot name {path}: give it another, of letters and digits, name=...")
        schema = schema_of(target)
        own = {key: value for key, value in item.items() if key not in ("_target_", "name")}
        found[name] = Bound("metrics", target, schema, fill("metrics", own, schema, later=FACTS - {"task"}, what=name))
    return found


def _given(name: str, value: Any) -> Bound:
    """A Python object in the place of a target; building it gives the object itself.

    What the loop supplies arguments to (an optimizer's parameters, a schedule's timeline) is called with them instead.
    """
    return Bound(name, value if "." not in name and SLOTS[name].supplied else Given(value), Schema({}), {})


class Given:
    """A callable that makes nothing: it returns what it was given."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.__name__ = type(value).__name__

    def __call__(self) -> Any:
        """The object."""
        return self.value


def _with_inside(bound: Bound, composed: Composed, objects: Objects) -> Bound:
    """`bound` with what its keys hold: nodes with a `_target_`, and Python objects."""
    kwargs, inside = dict(bound.kwargs), {}
    for key, node in bound.kwargs.items():
        name = f"{bound.slot}.{key}"
        if name in objects:
            inside[key], kwargs[key] = _given(name, objects[name]), hollow(objects[name])
        elif isinstance(node, Mapping) and (bound.slot == "data" or bound.schema.open or "_target_" in node):
            refuse_hollow(name, node)
            inside[key] = _inside(name, node, composed, [k for k in bound.kwargs if k != key])
            kwargs[key] = {"_target_": node.get("_target_"), **inside[key].kwargs}
    return replace(bound, kwargs=kwargs, inside=inside)


def _inside(name: str, node: Mapping[str, Any], composed: Composed, others: Sequence[str]) -> Bound:
    """others: the keys beside it, one of which may have been meant."""
    if "_target_" not in node:
        slot, _, key = name.partition(".")
        mine = {"data": "MyDataset", "logger": "MyLogger"}[slot]
        raise UserError(
            f"{name}={dict(node)}: a class or function is expected: {name}._target_=my_module.{mine}"
            f"{did_you_mean(key, others, f'{slot}.')}"
        )
    trusted = composed.trusted or node["_target_"] in composed.named
    target = locate(name, node["_target_"], trusted=trusted, own=composed.own)
    own = {key: value for key, value in node.items() if key != "_target_"}
    for key, value in own.items():
        if isinstance(value, Mapping) and "_target_" in value:
            raise UserError(f"{name}.{key}._target_: nothing is built this deep; let {name}._target_ build it")
    schema = schema_of(target)
    bound = Bound(name, target, schema, {})
    return replace(bound, kwargs=fill(name, own, schema, what=bound.name))


def _cross_check(run: Run, trainer: Trainer, averaging: Averaging | None, data: Data, model: Model) -> Trainer:
    """What no single key can tell. Returns the trainer section with `steps` standing in for `epochs`."""
    for key in ("evaluate_every", "checkpoint_every"):
        if parse(getattr(trainer, key), f"trainer.{key}")[0] <= 0:
            raise UserError(f"trainer.{key}={getattr(trainer, key)}: a period must be longer than nothing")
    for moment in trainer.checkpoint_at:
        if not isinstance(moment, int):
            parse(moment, "trainer.checkpoint_at")
    if trainer.epochs is None and trainer.steps is None:
        raise UserError("a training needs a length: give trainer.epochs=N or trainer.steps=N")
    _check_folds(data)
    if trainer.init_from and (model.weights or model.pretrained):
        raise UserError("trainer.init_from and the model's own weights both say what to start from: give one of them")
    check_averaging(averaging)
    views = view_names(averaging)
    if run.select_view not in views:
        hint = did_you_mean(run.select_view, views)
        raise UserError(f"select_view={run.select_view}: the views of this recipe are {', '.join(views)}{hint}")
    return replace(trainer, epochs=None) if trainer.steps is not None else trainer


def _check_folds(data: Data) -> None:
    if data.folds is None and data.fold != 0:
        raise UserError(f"data.fold={data.fold} has nothing to apply to: give data.folds, such as data.folds=5")
    if data.folds is not None and isinstance(data.fold, int) and data.fold >= data.folds:
        raise UserError(f"data.fold={data.fold}: with data.folds={data.folds} the folds are 0 to {data.folds - 1}")
    if data.folds is not None and data.protocol == "test_as_val":
        raise UserError("data.protocol=test_as_val validates on the test part: it cannot go with data.folds")
