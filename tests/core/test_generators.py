"""The addresses of randomness are part of every result: these values may not change without all results changing."""

from __future__ import annotations

import torch

from recipelab.core.generators import generator, hash32, seed_step, step_base

CPU = torch.device("cpu")

# Wanted changes are made here, together with a line in the changelog: every result of every seed changes with them.
GOLDEN_HASH = 1809893997
GOLDEN_BASE = 2570881169
GOLDEN_ORDER = [5, 3, 7, 6, 0, 4, 11, 10, 9, 1, 2, 8]
GOLDEN_DRAWS = [0.410773, 0.601963, 0.528499]


def test_addresses_are_pinned():
    assert hash32(0, "order", 0) == GOLDEN_HASH
    assert step_base(0) == hash32(0, "step", 0) == GOLDEN_BASE


def test_the_first_order_of_seed_0_is_pinned():
    order = torch.randperm(12, generator=generator(0, "order", 0))
    assert order.tolist() == GOLDEN_ORDER


def test_the_first_draws_of_step_0_are_pinned():
    seed_step(step_base(0), 0, CPU)
    assert [round(value, 6) for value in torch.rand(3).tolist()] == GOLDEN_DRAWS


def test_every_part_of_an_address_counts():
    addresses = [(0, "order", 0), (1, "order", 0), (0, "augment", 0), (0, "order", 1), (0, "step", 0), (0, "order")]
    assert len({hash32(*address) for address in addresses}) == len(addresses)


def test_parts_do_not_run_into_one_another():
    assert hash32(1, 11) != hash32(11, 1) != hash32(111)


def test_a_generator_starts_anew_each_time_and_leaves_the_default_one_alone():
    before = torch.get_rng_state()
    first, second = (torch.rand(5, generator=generator(3, "augment", 2)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_step_has_the_same_draws_whatever_was_drawn_before():
    torch.rand(100)
    seed_step(7, 5, CPU)
    first = torch.rand(4)
    torch.randn(3)
    seed_step(7, 5, CPU)
    assert torch.equal(torch.rand(4), first)
    seed_step(7, 6, CPU)
    assert not torch.equal(torch.rand(4), first)


def test_the_base_wraps_around():
    seed_step(2**32 - 1, 1, CPU)
    first = torch.rand(4)
    seed_step(0, 0, CPU)
    assert torch.equal(torch.rand(4), first)
