import pytest

from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.starting import per_channel
from recipelab.core.errors import UserError

PRETRAINED = ("model=resnet18", "model.pretrained=true")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.thaw=1ep"], r"model\.thaw=1ep has nothing to apply to: give model\.freeze"),
        (["model.freeze=[stem]", "model.thaw=soon"], r"model\.thaw='soon' is not a duration"),
        (["model.freeze=[stem,layer1]", "model.thaw=[1ep]"], r"model\.thaw has 1 durations for 2 parts"),
        ([*PRETRAINED, "model.weights=x.pt"], r"model\.pretrained=true and model\.weights both"),
        ([*PRETRAINED, "trainer.init_from=x.pt"], r"trainer\.init_from and the model's own weights both"),
        (["model.freeze=stem"], r"model\.freeze='stem': should be a valid list"),
        (["model.pretraind=true"], r"did you mean: model\.pretrained"),
    ],
)
def test_what_cannot_be_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        check(compose(words))


def test_a_record_of_a_pretrained_recipe_is_read_back_as_it_was():
    for data in (["data=cifar10"], ["data=imagefolder", "data.root=x"], ["data=digits"]):
        found = check(compose([*PRETRAINED, *data])).config
        assert check(compose(base=found)).config == found


def test_a_hand_written_recipe_gets_what_it_leaves_out():
    found = check(compose([*PRETRAINED, "data=cifar10"])).config
    data = {k: v for k, v in found["data"].items() if k in ("_target_", "root", "image_size", "input_channels", "std")}
    again = check(compose(base={**found, "data": {**data, "std": [1.0, 1.0, 1.0]}})).data
    assert (again.mean, again.std, again.input_size) == ([0.485, 0.456, 0.406], [1.0, 1.0, 1.0], [224, 224])


def test_statistics_of_other_channels():
    assert per_channel([0.1, 0.2, 0.6], 1) == pytest.approx([0.3])
    assert per_channel([0.1, 0.2, 0.6], 4) == [0.1, 0.2, 0.6, 0.1]


def test_a_target_that_takes_weights_itself_gets_them():
    recipe = check(
        compose(["model._target_=torchvision.models.resnet18", "model.weights=null", "model.freeze=[conv1]"])
    )
    assert "weights" in recipe.slots["model"].kwargs
    assert recipe.model.freeze == ["conv1"]
