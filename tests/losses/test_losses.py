"""The other losses against their formulas in plain Python; weights by class; all blend under mixing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.core.batch import Target
from recipelab.core.errors import UserError
from recipelab.core.facts import Facts
from recipelab.losses.bce import BinaryCrossEntropy
from recipelab.losses.class_weights import class_weights
from recipelab.losses.cross_entropy import CrossEntropy
from recipelab.losses.focal import Focal
from recipelab.losses.huber import Huber
from recipelab.losses.mae import MAE
from recipelab.testing import check_loss

LABELS = torch.tensor([0, 1, 2, 3, 3, 0])
LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3
CLASSIFIERS = [CrossEntropy, BinaryCrossEntropy, Focal]


def softmax(row: list[float]) -> list[float]:
    return [math.exp(v) / sum(math.exp(w) for w in row) for v in row]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_the_papers(gamma):
    found = Focal(gamma=gamma)(LOGITS, LABELS)
    for value, row, label in zip(found.tolist(), LOGITS.tolist(), LABELS.tolist(), strict=True):
        p = softmax(row)[label]
        assert value == pytest.approx(-((1 - p) ** gamma) * math.log(p), rel=1e-4)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_of_a_certain_sample_has_a_finite_slope(gamma):
    logits = torch.tensor([[60.0, 0.0], [-60.0, 0.0]], requires_grad=True)
    Focal(gamma=gamma)(logits, torch.tensor([0, 0])).sum().backward()
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_bce_is_a_yes_or_no_for_each_class(smoothing, reduce):
    found = BinaryCrossEntropy(label_smoothing=smoothing, reduce=reduce)(LOGITS, LABELS)
    for value, row, label in zip(found.tolist(), LOGITS.tolist(), LABELS.tolist(), strict=True):
        total = 0.0
        for k, logit in enumerate(row):
            y, p = (1 - smoothing) * (k == label) + smoothing / 4, 1 / (1 + math.exp(-logit))
            total -= y * math.log(p) + (1 - y) * math.log(1 - p)
        assert value == pytest.approx(total / (4 if reduce == "mean" else 1), rel=1e-4)


def test_mae_and_huber_of_several_targets():
    predictions, targets = torch.tensor([[1.0, 5.0], [0.0, 0.5]]), torch.tensor([[1.5, 2.0], [0.0, 0.0]])
    assert MAE()(predictions, targets).tolist() == pytest.approx([1.75, 0.25])
    assert Huber()(predictions, targets).tolist() == pytest.approx([(0.125 + 2.5) / 2, 0.125 / 2])
    assert Huber(delta=2.0)(predictions.bfloat16(), targets).dtype == torch.float32


@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_the_contract_and_the_weights_of_classes(loss):
    check_loss(loss(), num_classes=4)
    check_loss(loss(class_weights=[1.0, 2.0, 0.5, 3.0], num_classes=4), num_classes=4)
    weights = torch.tensor([1.0, 2.0, 0.0, 3.0])
    weighted = loss(class_weights=weights.tolist(), num_classes=4)(LOGITS, LABELS)
    assert torch.equal(weighted, loss()(LOGITS, LABELS) * weights[LABELS])


@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_weights_act_on_each_of_two_mixed_labels(loss):
    it = loss(class_weights=[1.0, 2.0, 0.5, 3.0], num_classes=4)
    other, weight = LABELS.flip(0), torch.tensor(0.3)
    found = Target(LABELS, other, weight).blend(lambda labels: it(LOGITS, labels))
    torch.testing.assert_close(found, 0.3 * it(LOGITS, LABELS) + 0.7 * it(LOGITS, other))


def test_balanced_is_scikit_learns():
    labels = [0] * 10 + [1] * 3 + [2] * 1
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights("balanced", (10, 3, 1), 3).tolist() == pytest.approx(expected.tolist())
    assert class_weights("balanced", (10, 0), 2).tolist() == [0.5, 0.0]
    assert class_weights("balanced", None, 3) is None
    assert class_weights(None, (1, 2), 2) is None


@pytest.mark.parametrize(("weights", "message"), [([1.0, 2.0], "2 values for 3 classes"), ([0.0] * 3, "are all 0")])
def test_weights_that_cannot_be(weights, message):
    with pytest.raises(UserError, match=message):
        class_weights(weights, (1, 1, 1), 3)


def test_a_run_counts_its_training_split(train_tiny):
    run = train_tiny("loss.class_weights=balanced", "trainer.epochs=1")
    counts = run.facts.class_counts
    assert sum(counts) == 180
    assert len(counts) == 10
    assert "class_counts" not in run.config["loss"]


def test_the_counts_reach_the_loss_that_asks_for_them():
    counts = (30, 10, *[10] * 8)
    facts = Facts(task="classification", num_classes=10, input_channels=1, image_size=(8, 8), class_counts=counts)
    recipe = check(compose(["loss=focal", "loss.class_weights=balanced"])).with_facts(facts)
    assert recipe.slots["loss"].build().weigh.weights.tolist() == pytest.approx([0.4, *[1.2] * 9])
