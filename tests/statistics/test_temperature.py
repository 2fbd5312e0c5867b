"""Temperature scaling, against torch and against a plain search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from recipelab.metrics.calibration import BINS, CalibrationError
from recipelab.statistics import temperature
from recipelab.statistics.temperature import calibration_error, fit_temperature, nll, reliability


def drawn(scale: float, count: int = 4000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `scale` times those whose softmax the labels are drawn from."""
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1.5, (count, classes))
    labels = (true + rng.gumbel(size=true.shape)).argmax(1)
    return (scale * true).astype(np.float32), labels


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_it_finds_the_temperature_that_the_logits_were_made_with(scale: float) -> None:
    logits, labels = drawn(scale)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(scale, rel=0.06)
    around = [nll(logits, labels, found * factor) for factor in np.linspace(0.9, 1.1, 21)]
    assert min(around) == around[10], "no better one is near"


def test_it_is_where_lbfgs_ends() -> None:
    """The reference: the paper's own way."""
    logits, labels = drawn(2.5)
    scores, truth = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    value = torch.ones((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([value], max_iter=100, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(scores / value, truth)
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    assert fit_temperature(logits, labels) == pytest.approx(float(value.detach()), rel=1e-4)


@pytest.mark.parametrize("rows", [7, 2**22])
def test_nll_and_reliability_are_those_of_the_metrics(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many samples are worked on at once."""
    monkeypatch.setattr(temperature, "_ROWS", rows)
    logits, labels = drawn(3.0, 300)
    tensors = torch.from_numpy(logits) / 1.7, torch.from_numpy(labels)
    assert nll(logits, labels, 1.7) == pytest.approx(float(F.cross_entropy(*tensors)), rel=1e-6)
    metric = CalibrationError("cpu")
    metric.update(*tensors)
    totals = reliability(logits, labels, BINS, 1.7)
    assert totals.ravel() == pytest.approx(metric.totals.numpy(), rel=1e-5)
    assert calibration_error(totals) == pytest.approx(metric.result(metric.totals.numpy())["ece"], rel=1e-5)


def test_without_a_minimum_there_is_no_temperature() -> None:
    labels = np.arange(10) % 3
    right = 5 * np.eye(3, dtype=np.float32)[labels]
    assert fit_temperature(right, labels) is None, "all are right: surer is always better"
    assert fit_temperature(-right, labels) is None, "all are wrong: less sure is always better"
    assert fit_temperature(np.zeros_like(right), labels) is None
    right[3, 1] = np.nan
    assert fit_temperature(right, labels) is None
