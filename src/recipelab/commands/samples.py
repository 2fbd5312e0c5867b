"""What a trained model is evaluated on: a split of its own data, or other data brought to what it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from recipelab.commands.ask import Ask, key_of
from recipelab.commands.job import split_data
from recipelab.commands.trained import Trained
from recipelab.config.identity import PLACE_KEYS
from recipelab.core.errors import UserError, did_you_mean
from recipelab.core.facts import Facts
from recipelab.data.pool import Pool, require_facts
from recipelab.data.rows import Rows
from recipelab.data.stream import Stream
from recipelab.loop.load_run import Run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Samples:
    """Samples to evaluate on, their labels those of the model.

    data: name of the data slot. split: train, val, test, or all (parts of other data together).
    sha256: of the pool. own: whether it is that split of the run's own data.
    """

    pool: Pool
    data: str
    split: str
    sha256: str
    own: bool


def samples_for(trained: Trained, ask: Ask, split: str | None, say: Say) -> Samples:
    """The samples that a command means: without a word about the data, of the run's own validation split.

    Other data (`data=...`, another `data.root`) are taken whole unless `split` names a part. Raises UserError when the
    run's own data are no longer what they were, and when other data do not fit the model.
    """
    name = trained.recipe.slots["data"].name.lower()
    if trained.job is not None:
        pool = _part(trained.job.pools, split or "val", "this recipe has the splits")
        return Samples(pool, name, split or "val", pool.digest(), own=False)
    assert trained.run is not None
    told = {key_of(o) for o in ask.overrides if key_of(o) == "data_root" or key_of(o).split(".")[0] == "data"}
    if not told - {*PLACE_KEYS, "data_root"} and split != "all":
        own = _own(trained, trained.run, split or "val", say, moved=bool(told))
        if own is not None:
            _require_shape(own.pool, trained)
            return own
    elif not told:
        raise UserError("--split all: a run's own data are evaluated by split: train, val or test")
    pool = _other(trained, split or "all", say)
    return Samples(pool, name, split or "all", pool.digest(), own=False)


def recorded_digest(run: Run, split: str) -> str | None:
    """SHA-256 of a split of the data that a run was trained on, as its record says."""
    return run.record.split_digests().get(split)


def _own(trained: Trained, run: Run, split: str, say: Say, *, moved: bool) -> Samples | None:
    """The run's own split; None when other data stand in the place that the command names.

    Data that were only moved are known again by their content.
    """
    recipe = trained.recipe
    try:
        pools = split_data(recipe, trained.facts, recipe.slots["data"].build(), say)
    except UserError:
        if not moved:
            raise
        return None
    pool = _part(pools, split, "a run has the splits")
    sha = pool.digest()
    if sha == recorded_digest(run, split):
        return Samples(pool, recipe.slots["data"].name.lower(), split, sha, own=True)
    if moved:
        return None
    raise UserError(
        f"the data have changed since {run.path} was trained (split {split}): they are no longer its own"
        "\n  put them back, or name them (data.root=FOLDER --split all) to evaluate on them as on other data, whole"
    )


def _other(trained: Trained, split: str, say: Say) -> Pool:
    """Other data, whole or one part, in the size and with the labels of the model."""
    slot, facts = trained.recipe.slots["data"], trained.facts.of_stored()
    sized: dict[str, Any] = {"image_size": list(facts.image_size), "input_channels": facts.input_channels}
    slot = replace(slot, kwargs={**slot.kwargs, **{k: v for k, v in sized.items() if k in slot.schema.parameters}})
    source = slot.build()
    known = source.facts()
    for key in ("task", "image_size", "input_channels", "image_dtype"):
        if key in known and known[key] != getattr(facts, key):
            raise UserError(f"data: {key} is {known[key]}, and {trained.name} takes {getattr(facts, key)}")
    labels = _labels(trained, tuple(known.get("class_names") or trained.recipe.data.class_names or ()), known)
    train, test = source.load(say)
    parts = {"train": train, **({"test": test} if test is not None else {})}
    pool = _together(list(parts.values())) if split == "all" else _part(parts, split, "these data have the parts")
    require_facts(replace(facts, num_classes=len(labels)), pool)
    targets = pool.targets[:, labels] if facts.task == "regression" else labels[pool.targets]
    return Pool(pool.images, targets.contiguous(), pool.names)


def _labels(trained: Trained, names: Sequence[str], known: dict[str, object]) -> torch.Tensor:
    """The model's label of each label of other data, or the column of each of a regression's targets: (K,) int64, by
    name where both have names."""
    facts: Facts = trained.facts
    if not names or not facts.class_names:
        count = known.get("num_classes") or trained.recipe.data.num_classes
        if count != facts.num_classes:
            raise UserError(
                f"the data have {count} classes without names to match, and {trained.name} tells {facts.num_classes}"
            )
        return torch.arange(facts.num_classes)
    unknown = [name for name in names if name not in facts.class_names]
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        raise UserError(
            f"the data have {len(unknown)} of {len(names)} classes that {trained.name} does not know: {shown}"
            f"{did_you_mean(unknown[0], facts.class_names)}\n  its classes: {', '.join(facts.class_names[:10])}"
            f"{', ...' if len(facts.class_names) > 10 else ''}"
        )
    if facts.task == "regression":
        if missing := [name for name in facts.class_names if name not in names]:
            raise UserError(f"the data have no target {missing[0]!r}, which {trained.name} tells: {', '.join(names)}")
        return torch.tensor([names.index(name) for name in facts.class_names])
    return torch.tensor([facts.class_names.index(name) for name in names])


def _require_shape(pool: Pool, trained: Trained) -> None:
    shape, facts = tuple(pool.images.shape[1:]), trained.facts.of_stored()
    if shape != (*facts.image_size, facts.input_channels):
        raise UserError(f"{trained.name}: its environment.json tells another shape than {shape}, that of its data")


def _part(parts: dict[str, Pool], split: str, what: str) -> Pool:
    if split not in parts:
        raise UserError(f"--split {split}: {what} {', '.join(parts)}")
    return parts[split]


def _together(pools: list[Pool]) -> Pool:
    """The parts as one pool: still streamed where they are streams over the same files, else in memory."""
    if len(pools) == 1:
        return pools[0]
    images: Tensor | Rows
    streams = [pool.images for pool in pools if isinstance(pool.images, Stream)]
    if len(streams) == len(pools) and len({id(stream.desk) for stream in streams}) == 1:
        images = Stream(streams[0].desk, torch.cat([stream.rows for stream in streams]))
    else:
        pools = [pool.in_memory() for pool in pools]
        images = torch.cat([pool.images for pool in pools if isinstance(pool.images, Tensor)])
    names = [name for pool in pools for name in pool.names or []] if all(pool.names for pool in pools) else None
    return Pool(images, torch.cat([pool.targets for pool in pools]), names)
