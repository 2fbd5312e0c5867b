"""Groups on a ResNet-50, a VGG and a model of timm: by type, by layer, by name, and as a table."""

from __future__ import annotations

import re

import pytest
import timm
import torch
import torchvision
from torch import nn

from recipelab.commands.groups import build_optimizer, groups_table
from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.core.errors import UserError
from recipelab.optim.groups import layers, make_groups

MODELS = {
    "resnet50": lambda: torchvision.models.resnet50(num_classes=10),
    "vgg16_bn": lambda: torchvision.models.vgg16_bn(num_classes=10),
    "timm vit": lambda: timm.create_model("vit_tiny_patch16_224", num_classes=10),
}


@pytest.fixture(params=MODELS, scope="module")
def model(request) -> nn.Module:
    with torch.device("meta"):
        return MODELS[request.param]()


def count(groups) -> int:
    return sum(len(group["params"]) for group in groups)


def test_every_parameter_is_in_one_group_and_norms_and_biases_are_not_decayed(model):
    groups = make_groups(model, undecay_norm=True)
    names = [name for group in groups for name in group["names"]]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    free = {name for group in groups if group.get("weight_decay") == 0.0 for name in group["names"]}
    norms = (nn.BatchNorm2d, nn.LayerNorm)
    of_norms = {f"{p}.{n}" for p, m in model.named_modules() if isinstance(m, norms) for n, _ in m.named_parameters()}
    assert of_norms  # the batch norms of downsample.1 and features.1 among them, which names would miss
    assert free == of_norms | {name for name in names if name.endswith(".bias")}


def test_rates_fall_from_the_last_layer_to_the_first(model):
    found = layers(model)
    assert sorted(n for layer in found for n in layer) == sorted(name for name, _ in model.named_parameters())
    scale = {name: g["lr_scale"] for g in make_groups(model, layer_decay=0.5) for name in g["names"]}
    for index, names in enumerate(found):
        assert {scale[name] for name in names} == {0.5 ** (len(found) - 1 - index)}
    assert scale[next(n for n in reversed(scale) if n.endswith("weight"))] == 1.0


def test_the_layers_of_a_resnet_are_its_blocks_with_their_norms():
    found = layers(MODELS["resnet50"]())
    assert len(found) == 1 + 3 + 4 + 6 + 3 + 1
    assert found[0] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert all(name.startswith("layer2.0.") for name in found[4])
    assert found[-1] == ["fc.weight", "fc.bias"]


def test_the_layers_of_a_vision_transformer_are_timms():
    found = layers(MODELS["timm vit"]())
    assert len(found) == 1 + 12 + 1  # embedding, blocks, and the last norm with the head
    assert "pos_embed" in found[0]
    assert "head.weight" in found[-1]


def test_progressive_groups_are_a_quarter_a_half_and_the_whole_rate(model):
    recipe = check(compose(["param_groups=progressive", "optimizer.lr=0.04"]))
    if not hasattr(model, "layer4"):
        with pytest.raises(UserError, match=r"param_groups\.rules: 'conv1\|bn1\|layer1\|layer2' matches no trained"):
            build_optimizer(recipe, model)
        return
    optimizer = build_optimizer(recipe, MODELS["resnet50"]())
    rates = {len(group["params"]): group["lr"] for group in optimizer.param_groups}
    quarter, half, whole = (
        sum(1 for name, _ in model.named_parameters() if re.match(pattern, name))
        for pattern in ("conv1|bn1|layer1|layer2", "layer3", "layer4|fc")
    )
    assert rates == {quarter: 0.01, half: 0.02, whole: 0.04}


def test_rules_take_options_of_the_optimizer_and_win_over_undecay_norm():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    rules = {r"1\.weight": {"weight_decay": 0.3}, "3": {"lr_scale": 0.1, "momentum": 0.5}, "": {"lr_scale": 2.0}}
    groups = make_groups(model, undecay_norm=True, rules=rules)
    found = {name: {k: v for k, v in g.items() if k not in ("params", "names")} for g in groups for name in g["names"]}
    assert found == {
        "0.weight": {"lr_scale": 2.0},
        "0.bias": {"lr_scale": 2.0, "weight_decay": 0.0},
        "1.weight": {"lr_scale": 1.0, "weight_decay": 0.3},
        "1.bias": {"lr_scale": 2.0, "weight_decay": 0.0},
        "3.weight": {"lr_scale": 0.1, "momentum": 0.5},
        "3.bias": {"lr_scale": 0.1, "momentum": 0.5, "weight_decay": 0.0},
    }


def test_frozen_parameters_are_in_no_group():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert count(make_groups(model, layer_decay=0.5)) == 2
    with pytest.raises(UserError, match="matches no trained parameter"):
        make_groups(model, rules={"0": {"lr_scale": 0.5}})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("{layr4: {lr_scale: 0.5}}", r"'layr4' matches no trained parameter.*\n  did you mean: layer4"),
        ("{layer: {lr_scale: 0.5}, layer4: {lr_scale: 1}}", r"'layer4' matches no .* that an earlier rule has not"),
        ("{layer4: {lr_scal: 0.5}}", r"lr_scal is not an option of sgd\n  did you mean: .*lr_scale"),
        ("{layer4: {lr_scale: -1.0}}", r"lr_scale=-1\.0: should be greater than or equal to 0"),
        ("{layer4: {weight_decay: high}}", r"weight_decay='high'"),
        ("{layer4: {}}", r"'layer4' needs what to set"),
        ("{layer4: 0.5}", r"param_groups\.rules"),
        ("{'(': {lr_scale: 0.5}}", r"'\(' is not a regular expression"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules, message):
    import yaml

    base = compose(["model=resnet18"]).config

    def build():
        recipe = check(compose(base={**base, "param_groups": {"rules": yaml.safe_load(rules)}}))
        return build_optimizer(recipe, torchvision.models.resnet18(num_classes=10))

    with pytest.raises(UserError, match=message):
        build()


def test_nothing_to_tell_apart_is_refused():
    with pytest.raises(UserError, match="layer_decay=0.5: no layers can be told apart in Linear"):
        make_groups(nn.Linear(2, 2), layer_decay=0.5)
    with pytest.raises(UserError, match="no normalisation layer and no bias"):
        make_groups(nn.Linear(2, 2, bias=False), undecay_norm=True)


def test_one_group_of_neutral_settings_is_the_plain_optimizer(train_tiny, tmp_path):
    from compare import different, load

    plain = train_tiny(f"output={tmp_path / 'plain'}")
    neutral = train_tiny("param_groups=undecay_norm", "param_groups.undecay_norm=false")
    assert different(load(plain.path)["model"], load(neutral.path)["model"]) == []


def test_a_run_prints_the_table_and_follows_the_schedule_in_every_group(train_tiny):
    run = train_tiny("param_groups=layer_decay", "param_groups.layer_decay=0.5", "trainer.epochs=1")
    groups = torch.load(run.path / "checkpoints" / "last.pt", weights_only=True)["optimizer"]["param_groups"]
    assert sorted({round(g["lr"] / max(x["lr"] for x in groups), 6) for g in groups}) == [0.5, 1.0]
    log = (run.path / "train.log").read_text()
    assert "parameter groups" in log
    assert "5.weight" in log


def test_the_table_has_a_row_a_group(capsys):
    from rich.console import Console

    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.5}, {"params": model[1].parameters()}], lr=1)
    Console(width=200).print(groups_table(optimizer, [0.5, 1.0], model))
    out = capsys.readouterr().out
    assert "0.weight, 0.bias" in out
    assert "40" in out
