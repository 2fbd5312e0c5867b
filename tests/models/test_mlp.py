import pytest
import torch

from recipelab.models.mlp import MLP
from recipelab.testing import check_model


@pytest.mark.parametrize("size", [(16,), (4, 5), (3, 4, 2)])
def test_it_is_a_model_in_every_dimension(size):
    options = {"image_size": size, "input_channels": 2, "input_dim": len(size), "width": 8}
    check_model(lambda: MLP(num_classes=5, **options), image_size=size, input_channels=2)


@pytest.mark.parametrize("depth", [1, 3])
def test_it_equals_the_formula(depth):
    torch.manual_seed(0)
    model = MLP(num_classes=3, image_size=(4, 4), input_channels=1, width=8, depth=depth).double()
    x = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    hidden, weights = x.reshape(5, 16), model.state_dict()
    for layer in range(depth):
        hidden = (hidden @ weights[f"hidden.{layer}.weight"].T + weights[f"hidden.{layer}.bias"]).clamp(min=0)
    torch.testing.assert_close(model(x), hidden @ weights["fc.weight"].T + weights["fc.bias"])


def test_dropout_differs_from_none_in_training_alone():
    x = torch.randn(4, 3, 32, 32)
    torch.manual_seed(0)
    model = MLP(num_classes=5, width=16, dropout=0.5)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
