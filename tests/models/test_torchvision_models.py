import pytest
import torch
import torchvision

from parity import parameters
from recipelab.core.errors import UserError
from recipelab.models import torchvision_models
from recipelab.models.torchvision_models import convnext, efficientnet_v2, scaled

NAMES = [f"efficientnet_v2_{size}" for size in "sml"] + [f"convnext_{s}" for s in ("tiny", "small", "base", "large")]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_of_weights_are_torchvisions(name):
    with torch.device("meta"):
        ours = getattr(torchvision_models, name)(num_classes=1000, image_size=(224, 224))
        theirs = getattr(torchvision.models, name)(weights=None)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert {key: value.shape for key, value in mine.items()} == {key: value.shape for key, value in other.items()}
    count = torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]  # as torchvision publishes it
    assert parameters(ours) == count


@pytest.mark.parametrize("name", ["efficientnet_v2_s", "convnext_tiny"])
def test_from_one_seed_it_is_torchvisions_network_in_training_and_evaluation(name):
    torch.manual_seed(0)
    ours = getattr(torchvision_models, name)(num_classes=7, image_size=(32, 32)).double()
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(weights=None, num_classes=7).double()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for mode in (True, False):
        found = []
        for model in (ours.train(mode), theirs.train(mode)):
            model.zero_grad()
            torch.manual_seed(3)
            logits = model(x)
            logits.square().sum().backward()
            found.append((logits, [p.grad for p in model.parameters()]))
        torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("build", [efficientnet_v2, convnext])
def test_narrow_and_shallow_members_and_other_channels(build):
    with torch.device("meta"):
        full = build(num_classes=5, image_size=(64, 64))
        small = build(num_classes=5, image_size=(64, 64), width=0.25, depth=0.3, input_channels=1)
        assert parameters(small) < parameters(full) / 10
        assert small.eval()(torch.zeros(1, 1, 64, 64)).shape == (1, 5)
    assert [scaled(96, f) for f in (1, 0.5, 0.26, 0.01)] == [96, 48, 24, 8]


@pytest.mark.parametrize("build", [efficientnet_v2, convnext])
@pytest.mark.parametrize("size", [(32,), (8, 8, 8)])
def test_other_dimensions_are_refused(build, size):
    with pytest.raises(UserError, match="takes images of 2 dimensions"):
        build(num_classes=5, image_size=size, input_dim=len(size))
