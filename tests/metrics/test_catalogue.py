"""Metrics by name against scikit-learn and torchmetrics, whatever the batches and the ranks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn import metrics as theirs
from torch import Tensor
from torchmetrics.classification import MulticlassCohenKappa
from torchmetrics.functional.classification import multiclass_auroc, multiclass_calibration_error

from recipelab.core.errors import UserError
from recipelab.metrics.catalogue import NAMES, check_name, make_metrics, measured
from recipelab.metrics.directions import LOWER_IS_BETTER, higher_is_better
from recipelab.metrics.meters import Metrics

EVERYTHING = ["top1", "top3", "top5", "precision", "recall", "precision_per_class", "recall_per_class", "ece"] + [
    "auroc",
    "auroc_per_class",
]


def samples(count: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=draw)
    logits = 2 * torch.randn(count, classes, generator=draw)
    logits[torch.arange(count), labels] += 1.5
    return logits, labels


def filled(metrics: Metrics, outputs: Tensor, targets: Tensor, batch: int = 64) -> Metrics:
    for part, part_targets in zip(outputs.split(batch), targets.split(batch), strict=True):
        metrics.update(part, part_targets)
    return metrics


def classify(logits: Tensor, labels: Tensor, names: Sequence[str] = EVERYTHING, batch: int = 64) -> dict:
    return filled(make_metrics("classification", logits.shape[1], "cpu", names), logits, labels, batch).compute()


@pytest.mark.parametrize("classes", [6, 10, 40])
def test_classification_is_scikit_learns_and_torchmetrics(classes: int):
    logits, labels = samples(1500, classes)
    found = classify(logits, labels)
    guess, shares = logits.argmax(1), logits.double().softmax(1).numpy()
    for name, function in (("precision", theirs.precision_score), ("recall", theirs.recall_score)):
        assert found[name] == pytest.approx(function(labels, guess, average="macro", zero_division=0), abs=1e-12)
        np.testing.assert_allclose(
            found[f"{name}_per_class"], function(labels, guess, average=None, zero_division=0), atol=1e-12
        )
    assert found["top1"] == found["accuracy"]
    assert found["top3"] == pytest.approx(theirs.top_k_accuracy_score(labels, logits.numpy(), k=3), abs=1e-12)
    assert found["auroc"] == pytest.approx(
        theirs.roc_auc_score(labels, shares, multi_class="ovr", average="macro"), abs=1e-9
    )
    np.testing.assert_allclose(
        found["auroc_per_class"], [theirs.roc_auc_score(labels == k, shares[:, k]) for k in range(classes)], atol=1e-9
    )
    probabilities = torch.from_numpy(shares)
    assert found["auroc"] == pytest.approx(multiclass_auroc(probabilities, labels, classes).item(), abs=1e-6)
    ece = multiclass_calibration_error(probabilities, labels, classes, n_bins=15, norm="l1").item()
    assert found["ece"] == pytest.approx(ece, abs=1e-6)


def test_two_classes_have_the_auroc_of_one_score():
    logits, labels = samples(400, 2)
    wanted = theirs.roc_auc_score(labels, (logits[:, 1] - logits[:, 0]).numpy())
    assert classify(logits, labels, ["auroc"])["auroc"] == pytest.approx(wanted, abs=1e-6)


def test_ties_share_their_rank():
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0, 0])
    wanted = theirs.roc_auc_score(labels, logits.softmax(1)[:, 1])
    assert classify(logits, labels, ["auroc"])["auroc"] == pytest.approx(wanted, abs=1e-12)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean_area():
    logits, labels = samples(300, 4)
    labels[labels == 3] = 0
    found = classify(logits, labels, ["auroc_per_class"])
    assert math.isnan(found["auroc_per_class"][3])
    assert found["auroc"] == pytest.approx(np.mean(found["auroc_per_class"][:3]))


def test_sure_answers_are_in_the_last_bin():
    logits = torch.tensor([[100.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 0.0]])
    found = classify(logits, torch.tensor([0, 0, 1, 1]), ["ece"])
    assert found["ece"] == pytest.approx(0.25)


@pytest.mark.parametrize("targets", [1, 3])
def test_regression_is_scikit_learns(targets: int):
    draw = torch.Generator().manual_seed(1)
    truth = 5 + 3 * torch.randn(500, targets, generator=draw)
    guess = 0.8 * truth + torch.randn(500, targets, generator=draw)
    found = filled(make_metrics("regression", targets, "cpu"), guess, truth).compute()
    real, made = truth.double().numpy(), guess.double().numpy()
    assert found["mse"] == pytest.approx(theirs.mean_squared_error(real, made), rel=1e-12)
    assert found["rmse"] == pytest.approx(math.sqrt(theirs.mean_squared_error(real, made)), rel=1e-12)
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(real, made), rel=1e-12)
    assert found["r2"] == pytest.approx(theirs.r2_score(real, made), rel=1e-9)
    correlations = [pearsonr(real[:, i], made[:, i]).statistic for i in range(targets)]
    assert found["pearson"] == pytest.approx(np.mean(correlations), rel=1e-9)
    assert ("mae_per_target" in found) == (targets > 1)
    if targets > 1:
        per_target = theirs.mean_absolute_error(real, made, multioutput="raw_values")
        np.testing.assert_allclose(found["mae_per_target"], per_target, rtol=1e-12)
        np.testing.assert_allclose(found["r2_per_target"], theirs.r2_score(real, made, multioutput="raw_values"))


def test_targets_far_from_nothing_lose_no_digits():
    truth = (1e4 + torch.linspace(-1, 1, 400))[:, None]
    guess = truth + 0.25 * torch.sin(torch.arange(400.0))[:, None]
    found = filled(make_metrics("regression", 1, "cpu"), guess, truth).compute()
    assert found["r2"] == pytest.approx(theirs.r2_score(truth.double().numpy(), guess.double().numpy()), rel=1e-4)


def test_what_does_not_vary_has_no_r2():
    metrics = filled(make_metrics("regression", 1, "cpu"), torch.rand(50, 1), torch.full((50, 1), 0.3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics.compute()
    assert math.isnan(found["r2"])
    assert math.isnan(found["pearson"])
    assert math.isfinite(found["mae"])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_batches_and_ranks_do_not_matter(task: str):
    """Parts of a split, each on a rank of its own: sums added up, scores put one after the other."""
    outputs, targets = samples(700, 8)
    if task == "regression":
        targets = outputs + torch.randn(700, 8, generator=torch.Generator().manual_seed(2))
    names = EVERYTHING if task == "classification" else ()
    whole = filled(make_metrics(task, 8, "cpu", names), outputs, targets, 700).compute()
    ranks = [
        filled(make_metrics(task, 8, "cpu", names), outputs[part], targets[part], 33)
        for part in (slice(0, 300), slice(300, 700))
    ]
    kept = iter([torch.cat([a, b]) for a, b in zip(*[_kept(rank) for rank in ranks], strict=True)])
    total = ranks[0].totals + ranks[1].totals
    ranks[0].reduce(lambda tensor: tensor.copy_(total), lambda tensor: next(kept))
    found = ranks[0].compute()
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def _kept(metrics: Metrics) -> list[Tensor]:
    return [torch.cat(meter.kept) for meter in metrics.meters if meter.kept]


def test_nothing_counted_is_an_error():
    for task in ("classification", "regression"):
        with pytest.raises(ValueError, match="no samples were counted"):
            make_metrics(task, 3, "cpu").compute()


def test_a_class_of_torchmetrics():
    logits, labels = samples(300, 5)
    own = {"kappa": lambda: MulticlassCohenKappa(num_classes=5)}
    found = filled(make_metrics("classification", 5, "cpu", (), own), logits, labels).compute()
    assert found["kappa"] == pytest.approx(theirs.cohen_kappa_score(labels, logits.argmax(1)), abs=1e-6)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_name_is_measured(task: str):
    outputs = torch.randn(60, 6)
    targets = torch.arange(60) % 6 if task == "classification" else torch.randn(60, 6)
    found = filled(make_metrics(task, 6, "cpu", NAMES[task]), outputs, targets).compute()
    assert found.keys() == set(NAMES[task])
    single = {name for name, value in found.items() if isinstance(value, float)}
    assert set(measured(task, 6, NAMES[task])) == single


@pytest.mark.parametrize(
    ("name", "task", "said"),
    [
        ("aurok", "classification", "did you mean: auroc"),
        ("mae", "classification", "it is one of regression"),
        ("accuracy", "regression", "it is one of classification"),
        ("top10", "classification", "top10 is 1 whatever the model does, as there are 10 classes"),
        ("top0", "classification", "no metric 'top0'"),
        ("top3", "regression", "no metric 'top3' of a regression"),
    ],
)
def test_a_name_that_is_none(name: str, task: str, said: str):
    with pytest.raises(UserError, match=said):
        check_name(name, task, 10)


def test_errors_are_better_when_they_are_low():
    assert {"nll", "ece", "mse", "mae"} <= LOWER_IS_BETTER
    assert not {"accuracy", "top5", "f1", "auroc", "r2", "pearson"} & LOWER_IS_BETTER
    names = [name for task in NAMES.values() for name in task if not name.endswith(("_per_class", "_per_target"))]
    assert {name: higher_is_better(name) for name in names} == {name: name not in LOWER_IS_BETTER for name in names}
    assert higher_is_better("top3") is True
    assert higher_is_better("a_metric_of_the_users") is None
