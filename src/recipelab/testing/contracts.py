"""The contract of every slot, one function each."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recipelab.core.durations import Timeline
from recipelab.core.generators import epoch_draws, generator

Build = Callable[[], Any]


def check_data(build: Build) -> None:
    """A data slot: `facts()` without decoding; `load(say)` to pools of images, channels last, and labels or targets."""
    facts, (train, *held_out) = build().facts(), build().load(lambda text: None)
    again, *_ = build().load(lambda text: None)
    assert again.digest() == train.digest(), "loading twice gives different data"
    for pool in (pool.in_memory() for pool in (train, *held_out) if pool is not None):
        kind = facts.get("image_dtype", "uint8")
        assert isinstance(pool.images, Tensor)
        assert str(pool.images.dtype) == f"torch.{kind}", f"images are {pool.images.dtype}, not {kind}"
        assert pool.images.is_contiguous(), "images are not contiguous"
        assert len(pool.images) == len(pool.targets), "images and targets differ in number"
        sizes = (*facts.get("image_size", pool.images.shape[1:-1]), facts.get("input_channels", pool.images.shape[-1]))
        assert pool.images.shape[1:] == sizes, f"images are {tuple(pool.images.shape[1:])}, facts say {sizes}"
        if facts.get("task") == "regression":
            assert pool.targets.dtype == torch.float32, f"targets are {pool.targets.dtype}, not float32"
            assert pool.targets.shape[1:] == (facts.get("num_classes", pool.targets.shape[1]),), "not (N, T) targets"
            continue
        assert pool.targets.dtype == torch.int64, f"targets are {pool.targets.dtype}, not int64"
        classes = facts.get("num_classes", int(pool.targets.max()) + 1)
        assert 0 <= int(pool.targets.min()) <= int(pool.targets.max()) < classes, "a label is out of range"


def check_augment(augment: Any, *, image_size: tuple[int, ...], input_channels: int, count: int = 12) -> None:
    """An augment slot: draws for an epoch at once, applied to any slice of it with the same result.

    image_size: spatial sizes S of the images that it was built for.
    """
    stored = torch.randint(0, 256, (count, *image_size, input_channels), dtype=torch.uint8)
    images, before = stored.movedim(-1, 1), stored.clone()
    order = torch.randperm(count, generator=generator(0, "order"))
    draws = epoch_draws(augment, order, 0, generator(0, "augment"))
    repeated = epoch_draws(augment, order, 0, generator(0, "augment"))
    for name, draw in draws.items():
        assert len(draw) == count, f"draw {name!r} has {len(draw)} entries for {count} samples"
        assert torch.equal(draw, repeated[name]), f"draw {name!r} does not come from the generator it was given"
    whole = augment(images, draws)
    assert torch.equal(stored, before), "the images it was given were changed"
    assert whole.dtype == torch.uint8, f"images came back as {whole.dtype}, not uint8"
    size = tuple(getattr(augment, "output_size", image_size))
    assert whole.shape == (count, input_channels, *size), f"images came back as {tuple(whole.shape)}"
    if size != image_size:
        seen = augment.evaluate(images)
        assert seen.shape == whole.shape, f"images for evaluation came back as {tuple(seen.shape)}"
        assert seen.dtype == torch.uint8, f"images for evaluation came back as {seen.dtype}, not uint8"
    if hasattr(augment, "describe"):
        assert len(augment.describe(draws)) == count, "describe does not tell of every sample"
    for cut in (1, count // 2):
        parts = [slice(0, cut), slice(cut, count)]
        pieces = [augment(images[part], {name: draw[part] for name, draw in draws.items()}) for part in parts]
        assert torch.equal(torch.cat(pieces), whole), "a sample depends on the batch it came in"


def check_mix(mix: Any, *, image_size: tuple[int, ...], input_channels: int, num_classes: int) -> None:
    """A mix slot: images and a Target from torch's default generator, alike when that is seeded alike."""
    images = torch.randn(8, input_channels, *image_size)
    labels, before = torch.arange(8) % num_classes, images.clone()

    def mixed() -> tuple[Tensor, Any]:
        torch.default_generator.manual_seed(7)
        result: tuple[Tensor, Any] = mix(images, labels)
        return result

    (first, target), (second, _) = mixed(), mixed()
    assert torch.equal(images, before), "the images it was given were changed"
    assert torch.equal(first, second), "it draws from elsewhere than torch's default generator"
    assert first.shape == images.shape, f"images came back as {tuple(first.shape)}"
    assert torch.equal(target.first, labels), "the first labels are not the batch's own"
    if target.second is not None:
        assert sorted(target.second.tolist()) == sorted(labels.tolist()), "the second labels are no permutation"
        weight = torch.as_tensor(target.weight)
        assert bool(((weight >= 0) & (weight <= 1)).all()), "a weight is outside [0, 1]"
    mix(images[:1], labels[:1])  # the last batch of an epoch may hold one sample


def check_model(build: Callable[[], nn.Module], *, image_size: tuple[int, ...], input_channels: int) -> None:
    """A model slot: any torch.nn.Module from (B, C, *S) float32 to (B, K) logits."""
    torch.manual_seed(0)
    model = build()
    torch.manual_seed(0)
    _same(model, build(), "its initial weights come from elsewhere than torch's default generator")
    images = torch.randn(4, input_channels, *image_size)
    logits = model.train()(images)
    assert logits.ndim == 2, f"logits are {tuple(logits.shape)}, not (B, K)"
    assert len(logits) == 4, f"logits are {tuple(logits.shape)} for a batch of four"
    logits.float().square().sum().backward()
    unreached = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not unreached, f"no gradient reaches {', '.join(unreached[:3])}"
    model.eval()
    twin = copy.deepcopy(model)
    other = build()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        whole = model(images)
        assert torch.equal(whole, model(images)), "evaluation is not repeatable"
        assert torch.equal(whole, twin(images)), "a deep copy computes something else"
        assert torch.equal(whole, other.eval()(images)), "state_dict does not hold all there is"
        single = model(images[:1])
    close = 1e-4 * max(1.0, float(whole.abs().max()))  # fresh networks may give large logits
    assert torch.allclose(single, whole[:1], atol=close), "in evaluation a sample depends on its batch"


def check_loss(loss: Any, *, num_classes: int) -> None:
    """A loss slot: logits (B, K) and labels (B,) to one finite float32 a sample, each of its own sample alone.

    A loss whose `task` is "regression" takes outputs and targets (B, K) float32.
    """
    logits = torch.randn(6, num_classes, generator=generator(0, "logits")).requires_grad_()
    regression = getattr(loss, "task", None) == "regression"
    labels = torch.linspace(-2, 2, 6)[:, None].repeat(1, num_classes) if regression else torch.arange(6) % num_classes
    values = loss(logits, labels)
    assert values.shape == (6,), f"the loss is {tuple(values.shape)}, not one value a sample"
    assert values.dtype == torch.float32, f"the loss is {values.dtype}, not float32"
    assert bool(torch.isfinite(values).all()), "the loss is not finite"
    assert torch.allclose(loss(logits[2:3], labels[2:3]), values[2:3]), "a sample's loss depends on its batch"
    assert loss(logits.bfloat16(), labels).dtype == torch.float32, "the loss of bf16 logits is not float32"
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert bool(gradient.abs().sum() > 0), "no gradient comes from the loss"


def check_optimizer(build: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]) -> None:
    """An optimizer slot: lowers a square, has an `lr` in every group, and goes on bit for bit from its state_dict."""

    def begin() -> tuple[nn.Parameter, torch.optim.Optimizer]:
        weight = nn.Parameter(torch.linspace(-1, 1, 32).reshape(4, 8))
        return weight, build([weight])

    def advance(weight: nn.Parameter, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            weight.square().sum().backward()
            optimizer.step()

    weight, optimizer = begin()
    assert all("lr" in group for group in optimizer.param_groups), "a parameter group has no lr"
    start = float(weight.detach().square().sum())
    advance(weight, optimizer, 3)
    state = copy.deepcopy(optimizer.state_dict())
    other, resumed = begin()
    other.data.copy_(weight.data)
    resumed.load_state_dict(state)
    advance(weight, optimizer, 3)
    advance(other, resumed, 3)
    assert torch.equal(weight, other), "its state_dict does not hold all there is"
    assert float(weight.detach().square().sum()) < start, "it does not lower a square"


def check_scheduler(build: Callable[[Timeline], np.ndarray], timeline: Timeline | None = None) -> None:
    """A scheduler slot: a pure function of the timeline to (total_steps,) float64 factors, finite and not negative.

    Or (total_steps, 2): with each factor the momentum of its step. Or, with an `observe`, a schedule with a state:
    `len`, `item(step)`, `state()` in plain containers, `restore(state)`.
    """
    timeline = timeline or Timeline(steps_per_epoch=7, total_steps=7 * 20)
    factors = build(timeline)
    if hasattr(factors, "observe"):
        factors = _course(factors, build(timeline))
    assert factors.shape in ((timeline.total_steps,), (timeline.total_steps, 2)), (
        f"factors are {factors.shape}, not one a step"
    )
    assert factors.dtype == np.float64, f"factors are {factors.dtype}, not float64"
    assert np.isfinite(factors).all(), "a factor is not finite"
    assert (factors >= 0).all(), "a factor is negative"
    assert np.array_equal(factors, np.asarray(build(timeline))), "the same timeline gives other factors"


def _course(schedule: Any, other: Any) -> np.ndarray:
    """The factors of a schedule with a state, after a row without its metric and a restore into `other`."""
    schedule.observe({"epoch": 1}, 1)
    other.restore(json.loads(json.dumps(schedule.state())))
    factors = np.array([schedule.item(step) for step in range(len(schedule))])
    assert factors.tolist() == [other.item(step) for step in range(len(other))], "its state does not hold all there is"
    return factors


def check_logger(logger: Any, folder: Path) -> None:
    """A logger slot: open, rows with blanks in them, close, without touching what is not its own in the folder."""
    kept = folder / "metrics.csv"
    kept.write_text("step\n")
    logger.open(folder, {"seed": 1, "model": {"_target_": "a.b"}})
    logger.log({"epoch": 1, "step": 3, "train_loss": 0.5, "val_raw_accuracy": None}, 3)
    logger.log({"epoch": 2, "step": 6, "train_loss": 0.4, "val_raw_accuracy": 0.9}, 6)
    logger.close({"status": "finished", "headline": {"accuracy": 0.9}})
    assert kept.read_text() == "step\n", "it wrote into a file of the record"


def _same(first: nn.Module, second: nn.Module, complaint: str) -> None:
    own, other = first.state_dict(), second.state_dict()
    assert own.keys() == other.keys(), complaint
    assert all(torch.equal(own[key], other[key]) for key in own), complaint
