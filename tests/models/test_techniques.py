import pytest
import torch
import torchvision
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.techniques import (
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
    Techniques,
    shakedrop,
    stochastic_depth,
)

SHAPES = [(5, 6, 7), (5, 6, 4, 3), (5, 6, 2, 3, 2), (1, 4, 3, 3)]


def slow_stochastic_depth(x: torch.Tensor, kept: list[bool], rate: float) -> torch.Tensor:
    return torch.stack([sample / (1 - rate) if keep else sample * 0 for sample, keep in zip(x, kept, strict=True)])


@pytest.mark.parametrize("shape", SHAPES)
def test_stochastic_depth_equals_its_twin_and_torchvisions(shape):
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    out = stochastic_depth(x, 0.4)
    kept = [bool(sample.any()) for sample in out]
    torch.testing.assert_close(out, slow_stochastic_depth(x, kept, 0.4), rtol=1e-12, atol=0)
    torch.manual_seed(3)
    theirs = torchvision.ops.stochastic_depth(x, 0.4, "row", True)
    assert torch.equal(out, theirs)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, torch.autograd.grad(theirs.sum(), x)[0])


def test_stochastic_depth_drops_with_its_rate_and_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.ones(20_000, 1, 1)
    out = StochasticDepth(0.3).train()(x)
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(StochasticDepth(0.3).eval()(x), x)
    assert not StochasticDepth(1.0).train()(x).any()


def slow_shakedrop(x: torch.Tensor, gate: float, noise: list[float]) -> torch.Tensor:
    return torch.stack([sample * (gate + a - gate * a) for sample, a in zip(x, noise, strict=True)])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gate", [0.0, 1.0])
def test_shakedrop_equals_its_twin_forward_and_backward(shape, gate):
    noise = (shape[0],) + (1,) * (len(shape) - 2 + 1)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    alpha = torch.empty(noise, dtype=torch.float64).uniform_(-1, 1)
    beta = torch.empty(noise, dtype=torch.float64).uniform_(0, 1)
    weight = torch.randn(shape, dtype=torch.float64)
    out = shakedrop(x, torch.tensor(gate, dtype=torch.float64), alpha, beta)
    torch.testing.assert_close(out, slow_shakedrop(x, gate, alpha.flatten().tolist()), rtol=1e-12, atol=1e-15)
    (gradient,) = torch.autograd.grad((out * weight).sum(), x)
    torch.testing.assert_close(gradient, slow_shakedrop(weight, gate, beta.flatten().tolist()), rtol=1e-12, atol=1e-15)


def test_shakedrop_draws_a_gate_a_batch_and_noise_a_sample_from_torchs_generator():
    torch.manual_seed(0)
    module, x = ShakeDrop(0.5).train(), torch.ones(64, 2, 3)
    outs = [module(x) for _ in range(200)]
    open_ = [bool((out == 1).all()) for out in outs]
    assert 70 < sum(open_) < 130
    shut = outs[open_.index(False)]
    assert torch.equal(shut, shut[:, :1, :1].expand_as(shut))
    assert len(shut[:, 0, 0].unique()) == 64
    assert shut.min() < -0.9
    torch.manual_seed(5)
    first = module(x)
    torch.manual_seed(5)
    assert torch.equal(module(x), first)


def test_shakedrop_in_evaluation_is_its_expectation():
    torch.manual_seed(0)
    x = torch.ones(1000, 1, 1)
    module = ShakeDrop(0.25)
    mean = torch.stack([module.train()(x).mean() for _ in range(2000)]).mean()
    assert mean.item() == pytest.approx(0.75, abs=0.03)
    assert torch.equal(module.eval()(x), 0.75 * x)


def slow_excitation(module: SqueezeExcitation, x: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(x)
    for b in range(len(x)):
        means = torch.stack([x[b, c].sum() / x[b, c].numel() for c in range(x.shape[1])])
        hidden = (module.fc1.weight @ means + module.fc1.bias).clamp(min=0)
        gates = 1 / (1 + torch.exp(-(module.fc2.weight @ hidden + module.fc2.bias)))
        for c in range(x.shape[1]):
            out[b, c] = x[b, c] * gates[c]
    return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_squeeze_excitation_equals_its_twin_forward_and_backward(shape, training):
    torch.manual_seed(0)
    module = SqueezeExcitation(shape[1]).double().train(training)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    out, slow = module(x), slow_excitation(module, x)
    torch.testing.assert_close(out, slow, rtol=1e-12, atol=1e-14)
    weight = torch.randn(shape, dtype=torch.float64)
    inputs = [x, *module.parameters()]
    ours, theirs = (torch.autograd.grad((y * weight).sum(), inputs) for y in (out, slow))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_squeeze_excitation_is_torchvisions_in_two_dimensions():
    theirs = torchvision.ops.SqueezeExcitation(8, 2).double()
    ours = SqueezeExcitation(8).double()
    ours.load_state_dict({k: v.flatten(1) if v.ndim == 4 else v for k, v in theirs.state_dict().items()})
    x = torch.randn(3, 8, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("module", [StochasticDepth(0.5), ShakeDrop(0.5), SqueezeExcitation(4)])
def test_the_branchs_dtype_is_kept(module, dtype):
    x = torch.randn(2, 4, 3, 3, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        assert module.train()(x).dtype == dtype


def rates(techniques: Techniques) -> list[float]:
    return [techniques.drop(block).rate for block in range(techniques.blocks)]


def test_rates_by_depth():
    assert rates(Techniques(4, stochastic_depth=0.4)) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert rates(Techniques(4, stochastic_depth=0.4, mode="constant")) == [0.4] * 4
    shake = Techniques(4, shakedrop=True)
    assert [shake.drop(block).keep for block in range(4)] == pytest.approx([0.875, 0.75, 0.625, 0.5])
    both = Techniques(4, stochastic_depth=0.1, shakedrop=True).drop(0)
    assert [type(layer) for layer in both] == [StochasticDepth, ShakeDrop]
    assert isinstance(Techniques(4).drop(0), nn.Identity)


def test_a_mode_without_a_rate_is_refused():
    with pytest.raises(UserError, match=r"model\.stochastic_depth_mode=constant has nothing to apply to"):
        Techniques(4, mode="constant")
