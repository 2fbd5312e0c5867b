import numpy as np
import torch
from sklearn.datasets import load_digits

from recipelab.data.digits import Digits


def test_pool_agrees_with_facts_and_with_scikit_learn() -> None:
    lines: list[str] = []
    train, test = Digits().load(lines.append)
    facts = Digits().facts()
    assert test is None
    assert train.images.shape == (1797, *facts["image_size"], facts["input_channels"])  # type: ignore[misc]
    assert facts["class_names"] == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert facts["num_classes"] == 10
    assert facts["task"] == "classification"
    digits = load_digits()
    levels = [round(value * 255 / 16) for value in range(17)]
    assert train.images.unique().tolist() == levels
    assert np.array_equal(train.images[..., 0].numpy(), np.array(levels)[digits.images.astype(int)])
    assert torch.equal(train.targets, torch.from_numpy(digits.target))


def test_the_data_have_not_changed() -> None:
    train, _ = Digits().load(print)
    assert train.digest() == "bbe74ba6220adbe5995dc1c231e80955bb564b15bdd32c6aa732efb403fa14f7"
