import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score, log_loss, top_k_accuracy_score
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from recipelab.metrics.classification import ClassificationMetrics


def samples(count: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, classes, generator=draw), torch.randint(classes, (count,), generator=draw)


def measure(logits: torch.Tensor, labels: torch.Tensor, batch: int = 64) -> dict:
    metrics = ClassificationMetrics(logits.shape[1], "cpu")
    for part, part_labels in zip(logits.split(batch), labels.split(batch), strict=True):
        metrics.update(part, part_labels)
    return metrics.compute()


@pytest.mark.parametrize("classes", [2, 5, 6, 10, 100])
def test_equal_to_scikit_learn(classes):
    logits, labels = samples(1000, classes)
    found = measure(logits, labels)
    predictions = logits.argmax(1)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predictions), abs=1e-12)
    assert found["f1"] == pytest.approx(f1_score(labels, predictions, average="macro", zero_division=0), abs=1e-12)
    per_class = f1_score(labels, predictions, average=None, labels=range(classes), zero_division=0)
    np.testing.assert_allclose(found["f1_per_class"], per_class, atol=1e-12)
    probabilities = logits.double().softmax(1).numpy()
    assert found["nll"] == pytest.approx(log_loss(labels, probabilities, labels=range(classes)), rel=1e-6)
    if classes > 5:
        top5 = top_k_accuracy_score(labels, logits.numpy(), k=5, labels=range(classes))
        assert found["top5"] == pytest.approx(top5, abs=1e-12)
    else:
        assert "top5" not in found


def test_equal_to_torchmetrics():
    logits, labels = samples(500, 10)
    found = measure(logits, labels)
    top5 = multiclass_accuracy(logits, labels, 10, average="micro", top_k=5)
    assert found["top5"] == pytest.approx(top5.item(), abs=1e-6)
    assert found["f1"] == pytest.approx(multiclass_f1_score(logits, labels, 10, average="macro").item(), abs=1e-6)


def test_a_class_absent_from_labels_and_predictions_does_not_count_in_macro_f1():
    labels = torch.tensor([0, 0, 1, 1, 3])
    predictions = torch.tensor([0, 1, 1, 1, 4])  # 2 in neither, 3 never predicted, 4 never true
    found = measure(F.one_hot(predictions, 5).float(), labels)
    assert found["f1_per_class"] == pytest.approx([2 / 3, 4 / 5, 0, 0, 0])
    assert found["f1"] == pytest.approx((2 / 3 + 4 / 5) / 4)
    assert found["f1"] == pytest.approx(f1_score(labels, predictions, average="macro", zero_division=0))


def test_batches_do_not_matter():
    logits, labels = samples(1000, 10)
    whole = measure(logits, labels, batch=1000)
    parts = measure(logits, labels, batch=7)
    assert parts.pop("nll") == pytest.approx(whole.pop("nll"), rel=1e-14)
    assert parts == whole


def test_two_ranks_add_up():
    logits, labels = samples(100, 10)
    metrics = [ClassificationMetrics(10, "cpu") for _ in range(2)]
    metrics[0].update(logits[:30], labels[:30])
    metrics[1].update(logits[30:], labels[30:])
    metrics[0].totals.add_(metrics[1].totals)
    found, whole = metrics[0].compute(), measure(logits, labels)
    assert found.pop("nll") == pytest.approx(whole.pop("nll"), rel=1e-14)
    assert found == whole


def test_values_are_plain_numbers():
    found = measure(*samples(10, 10))
    assert all(type(found[name]) is float for name in ("accuracy", "top5", "f1", "nll"))
    assert all(type(value) is float for value in found["f1_per_class"])


def test_half_precision_logits():
    logits, labels = samples(200, 10)
    found = measure(logits.bfloat16(), labels)
    assert found == measure(logits.bfloat16().float(), labels)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_logits_do_not_crash_and_show_in_the_nll(bad):
    logits, labels = samples(20, 10)
    logits[3] = bad
    found = measure(logits, labels)
    assert math.isnan(found["nll"])
    assert 0 <= found["accuracy"] <= found["top5"] <= 1


def test_counts_in_inference_mode():
    logits, labels = samples(20, 10)
    metrics = ClassificationMetrics(10, "cpu")
    with torch.inference_mode():
        metrics.update(logits, labels)
        inside = metrics.compute()
    assert inside == metrics.compute() == measure(logits, labels)


def test_no_gradient_is_kept():
    logits, labels = samples(20, 10)
    metrics = ClassificationMetrics(10, "cpu")
    metrics.update(logits.requires_grad_(), labels)
    assert not metrics.totals.requires_grad


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        ClassificationMetrics(10, "cpu").compute()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_is_not_waited_for_and_agrees():
    logits, labels = samples(1000, 100)
    metrics = ClassificationMetrics(100, "cuda")
    on_device = logits.cuda(), labels.cuda()
    metrics.update(*on_device)  # the first call may wait to load kernels
    metrics.totals.zero_()
    torch.cuda.set_sync_debug_mode("error")
    try:
        metrics.update(*on_device)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert metrics.compute() == pytest.approx(measure(logits, labels), rel=1e-6)
