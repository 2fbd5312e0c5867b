import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from recipelab.metrics.meters import Metrics
from recipelab.metrics.outcome import Confusion, Pairs


def test_the_matrix_is_scikit_learns():
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(500, 7, generator=draw), torch.randint(7, (500,), generator=draw)
    confusion = Confusion(7, "cpu")
    metrics = Metrics([confusion], "cpu")
    for part, part_labels in zip(logits.split(64), labels.split(64), strict=True):
        metrics.update(part, part_labels)
    assert metrics.compute() == {}
    np.testing.assert_array_equal(confusion.matrix(), confusion_matrix(labels, logits.argmax(1)))


def test_pairs_are_kept_in_order():
    outputs, targets = torch.randn(50, 2), torch.randn(50, 2)
    pairs = Pairs("cpu")
    metrics = Metrics([pairs], "cpu")
    for part, part_targets in zip(outputs.split(16), targets.split(16), strict=True):
        metrics.update(part, part_targets)
    truth, guess = pairs.arrays()
    np.testing.assert_array_equal(truth, targets.numpy())
    np.testing.assert_array_equal(guess, outputs.numpy())
