import pytest
import torch
from torch import nn

from recipelab.core.errors import UserError
from recipelab.models.cnn import CNN
from recipelab.testing import check_model

SIZES = {1: (16,), 2: (12, 9), 3: (6, 8, 5)}


@pytest.mark.parametrize("dim", SIZES)
@pytest.mark.parametrize("small", [True, False])
def test_it_is_a_model_in_every_dimension(dim, small):
    size = SIZES[dim]
    options = {"image_size": size, "input_channels": 2, "input_dim": dim, "width": 4, "small_input": small}
    check_model(lambda: CNN(num_classes=5, **options), image_size=size, input_channels=2)


def test_parameters_by_hand():
    model = CNN(num_classes=10, image_size=(8, 8), input_channels=1, width=4, depth=2)
    convolutions = 1 * 4 * 9 + 4 * 8 * 9 + 8 * 16 * 9
    assert sum(p.numel() for p in model.parameters()) == convolutions + 2 * (4 + 8 + 16) + 16 * 10 + 10


def test_dropout_is_before_the_last_layer_and_differs_from_none():
    x = torch.randn(4, 3, 8, 8)
    torch.manual_seed(0)
    with_it = CNN(num_classes=5, width=4, dropout=0.5)
    torch.manual_seed(0)
    without = CNN(num_classes=5, width=4)
    assert isinstance(without.dropout, nn.Identity)
    assert not torch.equal(with_it(x), without(x))
    assert torch.equal(with_it.eval()(x), without.eval()(x))


def test_a_contradicting_dimension_is_refused():
    with pytest.raises(UserError, match=r"model\.input_dim=3 contradicts the data"):
        CNN(num_classes=2, image_size=(8, 8), input_dim=3)
