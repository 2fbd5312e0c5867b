import pytest
import torch

from recipelab.optim.sam import perturb, restore


def weights(layout: torch.memory_format = torch.contiguous_format) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    params = [torch.randn(s, generator=draw) for s in [(4, 3, 3, 3), (4,), (7, 5)]]
    params[0] = params[0].to(memory_format=layout)
    params = [param.requires_grad_() for param in params]
    for param in params:
        param.grad = torch.randn(param.shape, generator=draw)
    return params


def climbed(params: list[torch.Tensor], rho: float, adaptive: bool) -> list[torch.Tensor]:
    """The formulas, in float64, over one vector of all weights."""
    w = torch.cat([p.detach().double().flatten() for p in params])
    g = torch.cat([p.grad.double().flatten() for p in params])
    sam, asam = rho * g / (g.norm() + 1e-12), rho * w**2 * g / ((w.abs() * g).norm() + 1e-12)
    parts = (w + (asam if adaptive else sam)).split([p.numel() for p in params])
    return [part.reshape(p.shape) for part, p in zip(parts, params, strict=True)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("rho", "adaptive"), [(0.05, False), (0.5, True), (2.0, False)])
def test_perturb_equals_the_formula(rho, adaptive, layout):
    params = weights(layout)
    expected = climbed(params, rho, adaptive)
    before = [p.detach().clone() for p in params]
    backup = perturb(params, rho=rho, adaptive=adaptive)
    for param, value, old, kept in zip(params, expected, before, backup, strict=True):
        torch.testing.assert_close(param.detach().double(), value, rtol=1e-6, atol=1e-6)
        assert not torch.equal(param, old)
        assert torch.equal(kept, old)
        assert param.requires_grad
        assert not kept.requires_grad


def test_the_plain_step_has_length_rho():
    params = weights()
    backup = perturb(params, rho=0.05, adaptive=False)
    length = torch.cat([(p - b).flatten() for p, b in zip(params, backup, strict=True)]).norm()
    assert length.item() == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("spoil", [1.0, float("nan"), float("inf")])
def test_restore_is_bitwise_and_keeps_gradients_even_when_they_are_not_finite(adaptive, spoil):
    params = weights(torch.channels_last)
    params[1].grad[0] *= spoil
    before = [p.detach().clone() for p in params]
    addresses = [p.data_ptr() for p in params]
    backup = perturb(params, rho=0.5, adaptive=adaptive)
    grads = [p.grad for p in params]
    restore(params, backup)
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))
    assert [p.data_ptr() for p in params] == addresses
    assert params[0].is_contiguous(memory_format=torch.channels_last)
    assert all(p.grad is g for p, g in zip(params, grads, strict=True))


def test_adding_and_subtracting_would_not_be_bitwise():
    w, e = torch.randn(2, 10_000, generator=torch.Generator().manual_seed(0)).unbind()
    assert not torch.equal(w + 0.05 * e - 0.05 * e, w)


@pytest.mark.parametrize("adaptive", [False, True])
def test_parameters_without_a_gradient_stay_and_come_back(adaptive):
    params = weights()
    params[1].grad = None
    before = params[1].detach().clone()
    others = climbed([params[0], params[2]], 0.5, adaptive)
    backup = perturb(params, rho=0.5, adaptive=adaptive)
    assert torch.equal(params[1], before)
    torch.testing.assert_close(params[2].detach().double(), others[1], rtol=1e-6, atol=1e-6)
    params[1].grad = torch.ones(4)  # the second pass may reach it
    restore(params, backup)
    assert torch.equal(params[2], weights()[2])


@pytest.mark.parametrize("adaptive", [False, True])
def test_no_or_zero_gradients_move_nothing(adaptive):
    for grad in (None, 0.0):
        params = weights()
        for param in params:
            param.grad = None if grad is None else torch.zeros_like(param)
        perturb(params, rho=0.5, adaptive=adaptive)
        assert all(torch.equal(p, w) for p, w in zip(params, weights(), strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("adaptive", [False, True])
def test_cuda_is_not_waited_for(adaptive):
    params = [w.detach().cuda() for w in weights()]
    for param, host in zip(params, weights(), strict=True):
        param.grad = host.grad.cuda()
    restore(params, perturb(params, rho=0.5, adaptive=adaptive))  # the first call may wait to load kernels
    expected = climbed(weights(), 0.5, adaptive)
    torch.cuda.set_sync_debug_mode("error")
    try:
        perturb(params, rho=0.5, adaptive=adaptive)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(params[2].cpu().double(), expected[2], rtol=1e-5, atol=1e-6)
