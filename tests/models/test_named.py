import inspect
from typing import get_type_hints

import pytest
from torch import nn

from recipelab.config.signature import schema_of
from recipelab.models.named import named
from recipelab.models.resnet import ResNet, resnet50


def test_a_members_schema_is_its_familys_with_other_defaults():
    family, member = schema_of(ResNet), schema_of(resnet50)
    assert member.parameters.keys() == family.parameters.keys()
    assert (family.parameters["depth"].default, member.parameters["depth"].default) == (18, 50)
    assert member.parameters["width"] == family.parameters["width"]
    assert (
        get_type_hints(resnet50, include_extras=True)["depth"]
        == get_type_hints(ResNet.__init__, include_extras=True)["depth"]
    )
    assert (resnet50.__name__, resnet50.__module__) == ("resnet50", ResNet.__module__)


def test_it_builds_the_member_and_takes_every_option():
    model = resnet50(num_classes=3, image_size=(8, 8), width=4)
    assert isinstance(model, ResNet)
    assert len(model.layer3) == 6
    assert len(resnet50(num_classes=3, image_size=(8, 8), width=4, depth=14).layer3) == 1


def test_functions_can_be_families_too():
    def family(*, size: int = 1) -> nn.Module:
        return nn.Linear(size, size)

    assert named("big", family, size=7)().in_features == 7
    assert inspect.signature(named("big", family, size=7)).parameters["size"].default == 7


def test_a_default_that_the_family_does_not_take_is_a_mistake():
    with pytest.raises(TypeError, match="takes no depht"):
        named("wrong", ResNet, depht=3)
