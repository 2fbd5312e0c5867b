"""Steps on two ranks against their definition in plain words, in one process and float64."""

from __future__ import annotations

import pytest
import torch

from ranks import adaptively_sharp, cross_entropies, on_two, seven_samples, sharp, smooth_network


def perturbed(parameters, grads, rho, adaptive):
    """Foret et al. 2021, equation 2, and Kwon et al. 2021, equation 8: w + e."""
    scale = [p.detach().abs() if adaptive else torch.ones_like(p) for p in parameters]
    norm = sum(((s * g) ** 2).sum() for s, g in zip(scale, grads, strict=True)).sqrt()
    return [p.detach() + rho * s**2 * g / (norm + 1e-12) for p, s, g in zip(parameters, scale, grads, strict=True)]


def of_one_rank(model, images, labels, rho, adaptive):
    """The gradient of the sum of a rank's losses at the worst point near the weights, by its own gradient."""
    parameters = list(model.parameters())
    before = [p.detach().clone() for p in parameters]
    grads = torch.autograd.grad(cross_entropies(model(images), labels).mean(), parameters)
    with torch.no_grad():
        for p, worst in zip(parameters, perturbed(parameters, grads, rho, adaptive), strict=True):
            p.copy_(worst)
    found = torch.autograd.grad(cross_entropies(model(images), labels).sum(), parameters)
    with torch.no_grad():
        for p, old in zip(parameters, before, strict=True):
            p.copy_(old)
    return found


@pytest.mark.parametrize(("function", "rho", "adaptive"), [(sharp, 0.05, False), (adaptively_sharp, 0.5, True)])
def test_sam_climbs_on_each_rank_by_its_own_share_and_steps_by_the_mean(function, rho, adaptive):
    model = smooth_network()
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    for images, labels in seven_samples(10):
        shares = [(images[:4], labels[:4]), (images[4:], labels[4:])]
        sums = [of_one_rank(model, *share, rho, adaptive) for share in shares]
        with torch.no_grad():
            for v, p, first, second in zip(velocity, model.parameters(), *sums, strict=True):
                v.mul_(0.9).add_((first + second) / 7 + 5e-4 * p)
                p -= 0.1 * v
    first, second = on_two(function)
    for name, expected in model.state_dict().items():
        torch.testing.assert_close(first[name], expected, rtol=1e-10, atol=1e-12)
        assert torch.equal(first[name], second[name])
