import pytest
import timm
import torch

from recipelab.core.errors import UserError
from recipelab.models.timm_model import timm_model
from recipelab.testing import check_model


def build(name: str, **options: object) -> torch.nn.Module:
    return timm_model(name=name, **{"num_classes": 3, "image_size": (32, 32), **options})


def test_it_is_timms_own_network():
    torch.manual_seed(0)
    ours = build("resnet10t", input_channels=1, dropout=0.1, stochastic_depth=0.2)
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=3, in_chans=1, drop_rate=0.1, drop_path_rate=0.2)
    x = torch.randn(2, 1, 32, 32)
    for mode in (True, False):
        torch.manual_seed(1)
        found = ours.train(mode)(x)
        torch.manual_seed(1)
        assert torch.equal(found, theirs.train(mode)(x))


def test_stochastic_depth_and_dropout_differ_from_none():
    x = torch.randn(8, 3, 32, 32)
    outputs = []
    for options in ({}, {"stochastic_depth": 0.9}, {"dropout": 0.5}):
        torch.manual_seed(0)
        model = build("resnet10t", options={"zero_init_last": False}, **options).train()
        torch.manual_seed(1)
        outputs.append(model(x))
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_it_keeps_the_contract():
    check_model(lambda: build("resnet10t"), image_size=(32, 32), input_channels=3)


def test_a_model_of_a_fixed_size_gets_the_images_size_and_checkpointing_is_timms():
    with torch.device("meta"):
        model = build("vit_tiny_patch16_224", activation_checkpointing=True)
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    assert model.grad_checkpointing


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", "https://x/y.pth", "timm/resnet18"])
def test_hubs_files_and_addresses_are_no_names(name):
    with pytest.raises(UserError, match="is not a model of timm"):
        build(name)


def test_a_name_that_timm_does_not_have_gets_the_nearest():
    with pytest.raises(UserError, match=r"did you mean: model\.name=resnet50\n"):
        build("resnet500")


@pytest.mark.parametrize("key", ["checkpoint_path", "pretrained", "pretrained_cfg", "cache_dir", "num_classes"])
def test_options_that_load_or_contradict_are_refused(key):
    with pytest.raises(UserError, match=rf"model\.options\.{key} is not an option of the network"):
        build("resnet10t", options={key: "x"})


def test_an_option_that_the_network_does_not_take_is_refused():
    with pytest.raises(UserError, match=r"model\.name=resnet10t: timm cannot build it so: .*nonsense"):
        build("resnet10t", options={"nonsense": 1})
    assert build("resnet10t", options={"global_pool": "max"}) is not None
