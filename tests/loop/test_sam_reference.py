"""SAM and adaptive SAM in the loop's step against the papers' algorithm in float64 over 20 steps, to rounding."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipelab.core.batch import Batch
from recipelab.core.errors import UserError
from recipelab.loop.device import Device, Execution
from recipelab.optim.clipping import Clip
from recipelab.optim.sam import Sam

STEPS = 20
FACTORS = np.array([0.5 * (1 + math.cos(math.pi * s / STEPS)) for s in range(STEPS)])


class NoLog:
    """The loop's log is float32; here nothing is logged."""

    def add(self, loss: torch.Tensor, correct: torch.Tensor) -> None: ...


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(64, 10)
    ).double()


def losses(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


def reference(model, batches, *, rho, adaptive, every, clip):
    """Algorithm 1 of Foret et al., and Kwon et al.'s, parameter by parameter; plain SGD with momentum, by hand."""
    parameters = list(model.parameters())
    velocity = [torch.zeros_like(p) for p in parameters]
    for step, batch in enumerate(batches):
        grads = torch.autograd.grad(losses(model(batch.images), batch.target.first).mean(), parameters)
        if step % every == 0:
            statistics = {k: v.clone() for k, v in model.named_buffers()}
            before = [p.detach().clone() for p in parameters]
            scale = [p.detach().abs() if adaptive else torch.ones_like(p) for p in parameters]
            norm = sum(((s * g) ** 2).sum() for s, g in zip(scale, grads, strict=True)).sqrt()
            with torch.no_grad():
                for p, s, g in zip(parameters, scale, grads, strict=True):
                    p += rho * s**2 * g / (norm + 1e-12)
            grads = torch.autograd.grad(losses(model(batch.images), batch.target.first).mean(), parameters)
            with torch.no_grad():
                for p, old in zip(parameters, before, strict=True):
                    p.copy_(old)
                for k, v in model.named_buffers():
                    v.copy_(statistics[k])
        if clip:
            total = sum((g**2).sum() for g in grads).sqrt()
            grads = [g * min(1.0, clip / (float(total) + 1e-6)) for g in grads]
        with torch.no_grad():
            for index, (p, g) in enumerate(zip(parameters, grads, strict=True)):
                velocity[index] = 0.9 * velocity[index] + g + 5e-4 * p
                p -= 0.1 * FACTORS[step] * velocity[index]


@pytest.mark.parametrize(("adaptive", "rho"), [(False, 0.05), (True, 0.5)])
@pytest.mark.parametrize(("every", "clip"), [(1, None), (3, None), (1, 0.5)])
def test_twenty_steps(make_step, batches, adaptive, rho, every, clip):
    model = network()
    twin = copy.deepcopy(model)
    step = make_step(
        model,
        loss=losses,
        log=NoLog(),
        factors=FACTORS,
        clip=Clip(model, clip) if clip else None,
        climb=Sam(model, rho=rho, adaptive=adaptive, every=every),
    )
    drawn = [Batch(b.images.double(), b.target) for b in batches(STEPS)]
    rates = []
    for index, batch in enumerate(drawn):
        step([batch], index)
        rates.append(step.optimizer.param_groups[0]["lr"])
    reference(twin, drawn, rho=rho, adaptive=adaptive, every=every, clip=clip)
    for (name, value), expected in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-11, msg=name)
    assert rates == [0.1 * factor for factor in FACTORS]  # the schedule's, in two passes as in one
    assert int(model[1].num_batches_tracked) == STEPS


def test_bf16_autocast_takes_the_two_passes_in_float32_weights(make_step, batches):
    execution = Execution(
        accelerator="cpu",
        precision="bf16-mixed",
        threads=1,
        compile=False,
        channels_last=False,
        cudnn_benchmark=False,
        deterministic=True,
    )
    found = []
    for device in (None, Device(execution)):
        model = network().float()
        step = make_step(model, climb=Sam(model))
        step.device = device or step.device
        for index, batch in enumerate(batches(5)):
            step([batch], index)
        assert all(p.dtype == torch.float32 for p in model.parameters())
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    start = torch.cat([p.detach().flatten() for p in network().float().parameters()])
    assert 0 < float((found[0] - found[1]).norm()) < 0.1 * float((found[0] - start).norm())


def test_fp16_scaling_is_refused_with_the_reason(train_tiny, monkeypatch):
    monkeypatch.setattr("recipelab.loop.device._precision", lambda asked, *more: str(asked))
    with pytest.raises(UserError, match=r"sam cannot go with trainer\.precision=16-mixed: .* infinity"):
        train_tiny("sam=sam", "trainer.precision=16-mixed")


def test_every_so_many_steps_resumes_bitwise(train_tiny, resume, tmp_path):
    import signal

    from compare import assert_same
    from processes import at, send
    from recipelab.core.errors import Interrupted

    words = ("sam=asam", "sam.every=4", "trainer.accumulate=2", "trainer.gradient_clip=1.0", "trainer.batch_size=16")
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words)
    with at("step", 7, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    assert_same(whole.path, resume(info.value.resume.split("trainer.resume=")[1]).path)
