"""The published recipes of this room run, short and on what is at hand, with every ingredient in the record."""

from __future__ import annotations

import pytest
import torch
import torchvision

from compare import load
from recipelab.commands.ask import Ask
from recipelab.commands.look import look
from recipelab.commands.train import train
from recipelab.config.check import check
from recipelab.config.compose import compose

SHORT = ("data=digits", "data.limit=60", "trainer.batch_size=16", "trainer.eval_batch_size=60", "logger=none")
SHORT = (*SHORT, "progress=false", "seed=0", "trainer.threads=1", "trainer.precision=32")
SMALL = ("augment.resize=80", "augment.crop=72", "augment.eval={resize:80,crop:72}", "data.input_size=72")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torchvision's cache of downloads, with a file of the name of its ResNet-18; the network whose weights it has."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", None)  # whatever is fetched is an error
    torch.manual_seed(5)
    model = torchvision.models.resnet18(weights=None)
    torch.save(model.state_dict(), folder / torchvision.models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2])
    return model


def test_from_scratch():
    found = check(compose(["recipe=resnet50_cifar100"])).config
    assert found["model"]["_target_"].endswith("resnet50")
    assert (found["optimizer"]["lr"], found["optimizer"]["weight_decay"]) == (0.1, 5e-4)
    assert (found["scheduler"]["every"], found["scheduler"]["gamma"]) == ("50ep", 0.1)
    assert (found["loss"]["label_smoothing"], found["early_stopping"]["patience"]) == (0.1, 20)
    assert found["mix"]["_target_"].endswith("MixupCutMix")
    assert [found["mix"][key] for key in ("mixup_alpha", "cutmix_alpha", "switch", "per")] == [0.2, 0.2, 0.5, "batch"]
    assert (found["trainer"]["epochs"], found["trainer"]["batch_size"]) == (200, 64)


def test_fine_tuning():
    found = check(compose(["recipe=resnet50_finetune"])).config
    assert found["model"]["_target_"].endswith("resnet50")
    assert found["model"]["pretrained"] is True
    assert (found["data"]["input_size"], found["data"]["mean"]) == ([224, 224], [0.485, 0.456, 0.406])
    assert (found["augment"]["resize"], found["augment"]["crop"]) == (256, 224)
    assert found["augment"]["eval"] == {"resize": 256, "crop": 224}
    assert (found["augment"]["jitter"], found["augment"]["erasing"]) == (0.4, 0.5)
    assert found["scheduler"]["_target_"].endswith("ReduceOnPlateau")
    assert [rule["lr_scale"] for rule in found["param_groups"]["rules"].values()] == [0.25, 0.5, 1.0]
    assert (found["optimizer"]["lr"], found["optimizer"]["weight_decay"]) == (0.01, 5e-4)
    assert (found["trainer"]["epochs"], found["trainer"]["batch_size"]) == (100, 64)


def test_stochastic_weight_averaging():
    found = check(compose(["recipe=swa"])).config
    assert found["scheduler"]["start"] == found["averaging"]["averages"]["swa"]["start"] == "161ep"
    assert (found["averaging"]["buffers"], found["select_view"], found["select"]) == ("recompute", "swa", "last")
    assert (found["optimizer"]["lr"], found["scheduler"]["factor"], found["trainer"]["epochs"]) == (0.1, 0.5, 300)


def test_from_scratch_it_runs_with_every_ingredient_in_the_record(tmp_path):
    words = ("recipe=resnet50_cifar100", *SHORT, "model.width=16", "trainer.steps=3", f"output={tmp_path}")
    run = train(*words, quiet=True)
    assert run.result["status"] == "finished"
    assert run.result["model"] == "resnet50"
    assert {"mix", "early_stopping", "loss", "scheduler", "augment"} <= run.config.keys()
    assert run.config["mix"]["cutmix_alpha"] == 0.2
    assert run.config["early_stopping"]["metric"] == "accuracy"
    assert run.result["stopped_early"] is None


def test_fine_tuning_runs_with_every_ingredient_in_the_record(cache, tmp_path, capsys):
    words = ("recipe=resnet50_finetune", *SHORT, *SMALL, "model=resnet18", "trainer.steps=2", f"output={tmp_path}")
    found = look(Ask(words)).facts
    assert (found.image_size, found.stored_size) == ((72, 72), (8, 8))
    run = train(*words)
    said = capsys.readouterr().out
    assert "weights: torchvision resnet18 IMAGENET1K_V1: 119 tensors loaded" in said
    assert run.result["weights"]["loaded"] == 119
    groups = load(run.path)["optimizer"]["param_groups"]
    assert [group["lr"] for group in groups] == pytest.approx([0.0025, 0.005, 0.01])
    assert [sum(p.numel() for p in part) for part in by_group(run.model("last"))] == [count(g, run) for g in groups]
    assert run.config["augment"]["eval"] == {"resize": 80, "crop": 72}
    assert run.config["scheduler"]["metric"] == "accuracy"
    moved = cache.layer1[0].conv1.weight.detach() - load(run.path)["model"]["layer1.0.conv1.weight"]
    assert 0 < float(moved.abs().max()) < 0.05  # it has begun at the published weights


def by_group(model):
    """The three groups of parameters, by the names of their layers."""
    stems = ("conv1", "bn1", "layer1", "layer2"), ("layer3",), ("layer4", "fc")
    return [[p for key, p in model.named_parameters() if key.startswith(stem)] for stem in stems]


def count(group, run):
    """Elements of a group's momentum buffers in the last checkpoint."""
    state = load(run.path)["optimizer"]["state"]
    return sum(state[index]["momentum_buffer"].numel() for index in group["params"])


def test_gradual_unfreezing_thaws_a_stage_after_the_other(cache, tmp_path):
    """Every part is what was published until its share of the training is over, and moves in the next step."""
    words = ("recipe=gradual_unfreezing", *SHORT, "model=resnet18", "data.input_size=66", "data.resize_size=66")
    at = (1, 2, 3, 4, 5)
    run = train(*words, "trainer.steps=5", f"trainer.checkpoint_at={list(at)}", f"output={tmp_path}", quiet=True)
    assert run.config["model"]["freeze"] == ["layer4", "layer3", "layer2", "layer1", "stem"]
    assert run.config["model"]["thaw"] == ["20%", "40%", "60%", "80%", "80%"]
    found = {step: load(run.path, "last" if step == 5 else f"step_{step}")["model"] for step in at}
    published = {**cache.state_dict(), "conv1.weight": cache.conv1.weight.sum(1, keepdim=True)}  # digits are grey
    thawed = {"layer4.1": 1, "layer3.1": 2, "layer2.1": 3, "layer1.1": 4, "": 4}
    for part, end in thawed.items():
        for name in ("conv1.weight", "bn1.weight", "bn1.running_mean"):
            key = f"{part}.{name}".lstrip(".")
            same = [torch.equal(found[step][key], published[key]) for step in at]
            assert same == [step <= end for step in at], key
    assert all(not torch.equal(found[a]["fc.weight"], found[b]["fc.weight"]) for a, b in ((1, 2), (4, 5)))
