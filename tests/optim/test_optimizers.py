import pytest
import torch

from recipelab.core.errors import UserError
from recipelab.optim.adamw import adamw
from recipelab.optim.fused import device_type, resolve_fused
from recipelab.optim.plan import apply
from recipelab.optim.sgd import sgd

STEPS = 20


def weights() -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    shapes = [(4, 3, 3, 3), (4,), (7, 5)]
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]


def gradients(step: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(100 + step)
    return [torch.randn(w.shape, generator=draw) for w in weights()]


def train(optimizer: torch.optim.Optimizer, params: list[torch.Tensor]) -> list[torch.Tensor]:
    for step in range(STEPS):
        for param, grad in zip(params, gradients(step), strict=True):
            param.grad = grad
        optimizer.step()
    return [param.detach() for param in params]


def plain_sgd(lr: float, momentum: float, nesterov: bool, weight_decay: float) -> list[torch.Tensor]:
    params = [w.detach().double() for w in weights()]
    velocity: list[torch.Tensor | None] = [None] * len(params)
    for step in range(STEPS):
        for i, grad in enumerate(gradients(step)):
            g = grad.double() + weight_decay * params[i]
            v = velocity[i]
            velocity[i] = v = g if v is None else momentum * v + g
            params[i] = params[i] - lr * (g + momentum * v if nesterov else v)
    return params


def plain_adamw(lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> list[torch.Tensor]:
    params = [w.detach().double() for w in weights()]
    first = [torch.zeros_like(p) for p in params]
    second = [torch.zeros_like(p) for p in params]
    for step in range(STEPS):
        for i, grad in enumerate(gradients(step)):
            g = grad.double()
            first[i] = betas[0] * first[i] + (1 - betas[0]) * g
            second[i] = betas[1] * second[i] + (1 - betas[1]) * g * g
            mean = first[i] / (1 - betas[0] ** (step + 1))
            square = second[i] / (1 - betas[1] ** (step + 1))
            params[i] = params[i] * (1 - lr * weight_decay) - lr * mean / (square.sqrt() + eps)
    return params


def assert_near(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fused", [False, True, "auto"])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_equals_the_formula(momentum, nesterov, fused):
    params = weights()
    optimizer = sgd(params, lr=0.05, momentum=momentum, nesterov=nesterov, weight_decay=0.01, fused=fused)
    assert_near(train(optimizer, params), plain_sgd(0.05, momentum, nesterov, 0.01))


@pytest.mark.parametrize("fused", [False, True, "auto"])
def test_adamw_equals_the_formula(fused):
    params = weights()
    optimizer = adamw(params, lr=0.01, betas=[0.8, 0.95], eps=1e-6, weight_decay=0.1, fused=fused)
    assert_near(train(optimizer, params), plain_adamw(0.01, (0.8, 0.95), 1e-6, 0.1))


def test_defaults():
    (group,) = sgd(weights()).param_groups
    expected = {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 5e-4, "dampening": 0, "fused": True}
    assert {key: group[key] for key in expected} == expected
    (group,) = adamw(weights()).param_groups
    expected = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False, "fused": True}
    assert {key: group[key] for key in expected} == expected


@pytest.mark.parametrize("build", [sgd, adamw])
def test_groups_and_generators_of_parameters(build):
    one, two, three = weights()
    groups = build([{"params": [one, two]}, {"params": [three], "weight_decay": 0.0, "lr": 0.3}], lr=0.2)
    assert [(g["lr"], len(g["params"])) for g in groups.param_groups] == [(0.2, 2), (0.3, 1)]
    assert len(build(iter(weights())).param_groups[0]["params"]) == 3


@pytest.mark.parametrize("build", [sgd, adamw])
@pytest.mark.parametrize("params", [[], [{"params": []}]])
def test_nothing_to_train_is_refused(build, params):
    with pytest.raises(UserError, match="no parameters to train"):
        build(params)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(UserError, match=r"optimizer\.nesterov=true needs optimizer\.momentum > 0"):
        sgd(weights(), momentum=0.0, nesterov=True)


def test_resolve_fused():
    devices = ("cpu", "cuda", "mps", "xla")
    assert [resolve_fused("auto", device) for device in devices] == [True, True, False, False]
    assert [resolve_fused(False, device) for device in devices] == [False] * 4
    assert resolve_fused(True, "mps") is True
    with pytest.raises(UserError, match=r"optimizer\.fused=true.*'xla'"):
        resolve_fused(True, "xla")
    assert device_type([{"params": []}, {"params": [torch.zeros(1, device="meta")]}]) == "meta"


def test_apply_sets_every_groups_rate_to_its_base_times_the_factor():
    one, two, _ = weights()
    optimizer = sgd([{"params": [one]}, {"params": [two], "lr": 0.025}], lr=0.1)
    bases = [group["lr"] for group in optimizer.param_groups]
    factors = torch.tensor([1.0, 0.3, 0.0], dtype=torch.float64).numpy()
    for step in (1, 0, 2):  # any order: the base rates are not read back from the optimizer
        apply(optimizer, factors, step, bases)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * factors[step], 0.025 * factors[step]]
        assert all(type(group["lr"]) is float for group in optimizer.param_groups)
    with pytest.raises(ValueError, match="zip"):
        apply(optimizer, factors, 0, bases[:1])
