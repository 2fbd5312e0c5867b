import math

import pytest
import torch

from recipelab.metrics.running import StepLog


def steps(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    draw = torch.Generator().manual_seed(0)
    return [(torch.rand((), generator=draw) * 300, torch.rand((), generator=draw) * 128) for _ in range(count)]


def test_equal_to_plain_sums():
    log = StepLog(50, torch.device("cpu"))
    for step in steps(50):
        log.add(*step)
    loss = math.fsum(loss.item() for loss, _ in steps(50))
    correct = math.fsum(correct.item() for _, correct in steps(50))
    assert log.compute(6400) == pytest.approx({"loss": loss / 6400, "accuracy": correct / 6400}, rel=1e-14)
    assert log.latest(128) == steps(50)[-1][0].item() / 128


def test_resumed_in_mid_epoch_is_bitwise_the_same():
    device = torch.device("cpu")
    whole, first, second = StepLog(40, device), StepLog(40, device), StepLog(40, device)
    for step in steps(40):
        whole.add(*step)
    for step in steps(17):
        first.add(*step)
    second.restore(first.state())
    for step in steps(40)[17:]:
        second.add(*step)
    assert torch.equal(second.state(), whole.state())
    assert second.compute(5120) == whole.compute(5120)


def test_state_is_a_copy_of_what_is_filled():
    log = StepLog(5, torch.device("cpu"))
    log.add(torch.tensor(1.0), torch.tensor(2.0))
    state = log.state()
    log.reset()
    log.add(torch.tensor(3.0), torch.tensor(4.0))
    assert state.tolist() == [[1.0, 2.0]]
    assert log.state().tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_first_bad_step(bad):
    log = StepLog(5, torch.device("cpu"))
    assert log.first_bad() is None
    for loss in (1.0, 2.0, bad, bad):
        log.add(torch.tensor(loss), torch.tensor(1.0))
    assert log.first_bad() == 2
    log.reset()
    assert log.first_bad() is None
