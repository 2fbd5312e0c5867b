import math

import pytest
import torch

from recipelab.core.batch import Target
from recipelab.metrics.running import StepLog, errors


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


def test_errors_of_a_regression_are_means_over_targets_and_lambda():
    outputs, first, second = torch.randn(4, 2), torch.randn(4, 2), torch.randn(4, 2)
    squared, absolute = errors(outputs.bfloat16(), Target(first, second, torch.tensor(0.25)))
    guess = outputs.bfloat16().float()
    wanted = 0.25 * (guess - first) ** 2 + 0.75 * (guess - second) ** 2
    assert squared.item() == pytest.approx(wanted.mean(1).sum().item(), rel=1e-5)
    wanted = 0.25 * (guess - first).abs() + 0.75 * (guess - second).abs()
    assert absolute.item() == pytest.approx(wanted.mean(1).sum().item(), rel=1e-5)


def test_a_log_has_the_scores_of_its_task():
    log = StepLog(3, torch.device("cpu"), ("mse", "mae"))
    log.add(torch.tensor(4.0), torch.tensor(6.0), torch.tensor(2.0))
    log.add(torch.tensor(2.0), torch.tensor(0.0), torch.tensor(4.0))
    assert log.compute(2) == {"loss": 3.0, "mse": 3.0, "mae": 3.0}
