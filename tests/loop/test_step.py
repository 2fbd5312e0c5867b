"""One step against plain references: the losses, SAM, accumulation and clipping."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from averages import ema_bank
from recipelab.core.batch import Batch, Target
from recipelab.core.generators import seed_step, step_base
from recipelab.mix.mixup import Mixup
from recipelab.optim.sam import Sam


def network(norm=True, dropout=0.0):
    """1x8x8 -> 10 logits, with known initial weights."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.Tanh()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Flatten(), nn.Linear(64, 10))


def reference_sam(model, optimizer, batch, rho, adaptive):
    """Foret et al. 2021, algorithm 1, and Kwon et al. 2021, written down parameter by parameter in float64."""
    parameters = list(model.parameters())

    def gradients():
        losses = F.cross_entropy(model(batch.images.double()), batch.target.first, reduction="none")
        return torch.autograd.grad(losses.mean(), parameters)

    first = gradients()
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    scales = [p.detach().abs() if adaptive else torch.ones_like(p) for p in parameters]
    norm = sum(((s * g) ** 2).sum() for s, g in zip(scales, first, strict=True)).sqrt()
    climbs = [rho * s**2 * g / (norm + 1e-12) for s, g in zip(scales, first, strict=True)]
    with torch.no_grad():
        for parameter, climb in zip(parameters, climbs, strict=True):
            parameter.add_(climb)
    second = gradients()
    with torch.no_grad():
        for parameter, climb, gradient in zip(parameters, climbs, second, strict=True):
            parameter.sub_(climb)
            parameter.grad = gradient
        for name, buffer in model.named_buffers():
            buffer.copy_(statistics[name])
    optimizer.step()


@pytest.mark.parametrize(("adaptive", "rho"), [(False, 0.05), (True, 0.5)])
def test_sam_is_the_papers_over_five_steps(make_step, batches, adaptive, rho):
    model = network()
    twin = copy.deepcopy(model).double()
    step = make_step(model, climb=Sam(model, rho=rho, adaptive=adaptive))
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    plain = copy.deepcopy(model)
    without = make_step(plain)
    for index, batch in enumerate(batches(5)):
        step([batch], index)
        without([batch], index)
        reference_sam(twin, optimizer, batch, rho, adaptive)
    for (name, value), expected in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value.to(expected.dtype), expected, rtol=1e-4, atol=1e-5, msg=name)
    moved = max(
        float((a - b).detach().abs().max()) for a, b in zip(model.parameters(), plain.parameters(), strict=True)
    )
    assert moved > 1e-3  # else this would have compared plain SGD with itself


def test_sam_updates_batch_statistics_once_and_from_the_weights_themselves(make_step, batches):
    (batch,) = batches(1)
    model = network()
    expected = copy.deepcopy(model)
    expected(batch.images)  # one forward at the weights before the step
    make_step(model, climb=Sam(model))([batch], 0)
    for name, value in model.named_buffers():
        assert torch.equal(value, dict(expected.named_buffers())[name]), name


def test_sam_draws_the_same_in_both_passes(make_step, batches):
    """Both forwards see the same mixing and the same dropout; the log counts the samples once."""
    seen = []

    class Watch(nn.Module):
        def forward(self, x):
            seen.append((x.clone(), torch.rand(3)))
            return x

    model = nn.Sequential(Watch(), *network())
    step = make_step(model, mix=Mixup(alpha=1.0), climb=Sam(model), accumulate=2)
    step(batches(2), 0)
    (a, b, c, d) = seen
    assert torch.equal(a[0], c[0])
    assert torch.equal(a[1], c[1])
    assert torch.equal(b[1], d[1])
    assert not torch.equal(a[1], b[1])  # each part of a step has draws of its own
    assert step.log.filled == 1


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("sharp", [False, True])
def test_accumulated_parts_equal_one_big_batch(make_step, batches, parts, sharp):
    small = [batches(parts, size=32 // parts, seed=seed) for seed in range(3)]
    whole, split = network(norm=False), network(norm=False)
    big = make_step(whole, climb=Sam(whole) if sharp else None, clip=0.5)
    little = make_step(split, climb=Sam(split) if sharp else None, clip=0.5, accumulate=parts)
    for index, part in enumerate(small):
        joined = Batch(torch.cat([b.images for b in part]), Target(torch.cat([b.target.first for b in part])))
        big([joined], index)
        little(part, index)
    for a, b in zip(whole.parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(big.log.rows[:3], little.log.rows[:3], rtol=1e-5, atol=1e-5)


def test_a_last_part_that_is_smaller_weighs_by_its_samples(make_step, batches):
    (batch,) = batches(1, size=20)
    parts = [Batch(batch.images[s], Target(batch.target.first[s])) for s in (slice(0, 16), slice(16, 20))]
    whole, split = network(norm=False), network(norm=False)
    make_step(whole)([batch], 0)
    make_step(split, accumulate=2)(parts, 0)
    for a, b in zip(whole.parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("largest", [0.01, 0.3, 1e6])
def test_the_gradient_is_clipped_by_its_global_norm(make_step, batches, largest):
    (batch,) = batches(1)
    model = network(norm=False)
    before = [p.detach().clone() for p in model.parameters()]
    losses = F.cross_entropy(model(batch.images), batch.target.first)
    gradients = torch.autograd.grad(losses, list(model.parameters()))
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    scale = min(1.0, float(largest / (norm + 1e-6)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    make_step(model, optimizer=optimizer, clip=largest)([batch], 0)
    for parameter, old, gradient in zip(model.parameters(), before, gradients, strict=True):
        torch.testing.assert_close(parameter.detach(), old - 0.1 * scale * gradient, rtol=1e-5, atol=1e-7)


def test_the_learning_rate_of_each_group_is_its_base_times_the_factor(make_step, batches):
    model = network()
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[-1].parameters(), "lr": 0.01}]
    step = make_step(model, optimizer=torch.optim.SGD(groups), factors=np.array([1.0, 0.25]))
    for index, batch in enumerate(batches(2)):
        step([batch], index)
    assert [group["lr"] for group in step.optimizer.param_groups] == [0.125, 0.0025]
    assert (step.lr(0), step.lr(1), step.lr(99)) == (0.5, 0.125, 0.125)


def test_the_draws_of_a_step_depend_on_its_number_alone(make_step, batches):
    (batch,) = batches(1)
    results = []
    for disturb in (0, 5):
        model = network(dropout=0.5)
        step = make_step(model, mix=Mixup(alpha=1.0))
        torch.rand(disturb)
        step([batch], 7)
        results.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*results)
    model = network(dropout=0.5)
    make_step(model, mix=Mixup(alpha=1.0))([batch], 8)
    assert not torch.equal(results[0], torch.cat([p.detach().flatten() for p in model.parameters()]))


def test_train_metrics_are_weighted_by_lambda_under_mixing(make_step, batches):
    (batch,) = batches(1)
    model = network(norm=False)
    step = make_step(model, mix=Mixup(alpha=1.0))
    seed_step(step_base(0), 0, torch.device("cpu"))
    mixed, target = Mixup(alpha=1.0)(batch.images, batch.target.first)
    logits = copy.deepcopy(model)(mixed).detach()
    weight = float(target.weight)
    loss = weight * F.cross_entropy(logits, target.first, reduction="sum")
    loss += (1 - weight) * F.cross_entropy(logits, target.second, reduction="sum")
    guess = logits.argmax(1)
    hits = weight * (guess == target.first).sum() + (1 - weight) * (guess == target.second).sum()
    step([batch], 0)
    assert step.log.rows[0].tolist() == pytest.approx([float(loss), float(hits)], rel=1e-5)


def test_averages_are_taken_after_the_step(make_step, batches):
    model = network()
    bank = ema_bank(model, 0.0)
    step = make_step(model, bank=bank)
    step(batches(1), 0)
    twin = network()
    bank.copy_into("ema_0.0", twin)
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(twin.state_dict()[key], value)


def test_mixing_ends_after_its_steps(make_step, batches):
    """From then on a step is that of an unmixed training."""
    (batch,) = batches(1)
    model = network()
    mixing = make_step(model, mix=Mixup(alpha=1.0), mix_steps=3)
    twin = copy.deepcopy(model)
    plain = make_step(twin)
    for step in (3, 2):
        mixing([batch], step)
        plain([batch], step)
        same = all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
        assert same == (step == 3)
