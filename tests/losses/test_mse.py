import torch

from recipelab.losses.auto import auto
from recipelab.losses.cross_entropy import CrossEntropy
from recipelab.losses.mse import MSE


def test_the_mean_over_the_targets_of_each_sample():
    outputs, targets = torch.randn(5, 3), torch.randn(5, 3)
    wanted = [
        sum((o - t) ** 2 for o, t in zip(row, truth, strict=True)) / 3
        for row, truth in zip(outputs, targets, strict=True)
    ]
    torch.testing.assert_close(MSE()(outputs, targets), torch.stack(wanted))


def test_it_is_computed_in_float32():
    outputs, targets = torch.tensor([[1.0], [3.0]]).bfloat16(), torch.tensor([[1.001], [2.0]])
    torch.testing.assert_close(MSE()(outputs, targets), torch.tensor([1e-6, 1.0]), rtol=1e-3, atol=0)


def test_the_loss_of_a_task():
    assert isinstance(auto(task="regression"), MSE)
    smooth = auto(task="classification", label_smoothing=0.1)
    assert isinstance(smooth, CrossEntropy)
    assert smooth.label_smoothing == 0.1
