"""Starting from weights, freezing and thawing, through whole trainings."""

from __future__ import annotations

import json

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from compare import different, load
from recipelab.commands.ask import Ask
from recipelab.commands.train import train
from recipelab.core.errors import UserError
from recipelab.models import pretrained
from recipelab.models.resnet import resnet18

QUICK = (
    "data=digits",
    "data.limit=60",
    "trainer.steps=4",
    "trainer.batch_size=16",
    "trainer.eval_batch_size=30",
    "trainer.precision=32",
    "logger=none",
    "progress=false",
    "seed=0",
)
FROZEN = ("model=resnet20", "model.depth=8", "model.width=4", "model.freeze=[stem,layer1]", "model.thaw=[4st,2st]")


@pytest.fixture
def run(tmp_path, capsys):
    def go(*words: str, quiet: bool = True):
        return train(*QUICK, f"output={tmp_path / 'outputs'}", *words, quiet=quiet)

    return go


def test_frozen_parts_stay_as_they_were_until_they_thaw(run):
    found = run(*FROZEN, "trainer.checkpoint_at=[2,3,4]", "trainer.steps=6")
    at = {step: load(found.path, f"step_{step}")["model"] for step in (2, 3, 4)} | {6: load(found.path)["model"]}
    torch.manual_seed(0)
    assert torch.equal(at[2]["layer1.0.conv1.weight"], at[2]["layer1.0.conv1.weight"])
    stem, layer = "conv1.weight", "layer1.0.conv1.weight"
    assert not torch.equal(at[2][layer], at[3][layer])
    assert torch.equal(at[2][stem], at[4][stem])
    assert torch.equal(at[2]["bn1.running_mean"], torch.zeros(4))
    assert torch.equal(at[4]["bn1.num_batches_tracked"], torch.tensor(0))
    assert not torch.equal(at[4][stem], at[6][stem])
    assert at[6]["bn1.num_batches_tracked"] == 2


@pytest.mark.parametrize("more", [(), ("sam=sam", "averaging=ema")])
def test_resuming_in_the_middle_of_a_thaw_is_exact(run, resume, tmp_path, more):
    words = (*FROZEN, *more, "trainer.checkpoint_every=1st", "scheduler=constant")
    whole = run(*words, "trainer.steps=6", f"output={tmp_path / 'whole'}")
    for stop in (1, 3, 5):
        part = run(*words, f"trainer.steps={stop}")
        resume(part.path, "trainer.steps=6")
        assert different(load(whole.path)["model"], load(part.path)["model"]) == []


def test_weights_of_a_file_are_loaded_reported_and_recorded(run, tmp_path, capsys):
    source = run("model=resnet20", "model.depth=8", "model.width=4")
    state = {key: value.contiguous() for key, value in load(source.path)["model"].items()}
    save_file(state, tmp_path / "weights.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "theirs.pth")
    capsys.readouterr()
    found = []
    for name in (tmp_path / "weights.safetensors", tmp_path / "theirs.pth", source.path / "checkpoints" / "last.pt"):
        words = ("model=resnet20", "model.depth=8", "model.width=4", f"model.weights={name}", "optimizer.lr=0")
        found.append(run(*words, quiet=False))
        assert f"weights: model.weights={name}: {len(state)} tensors loaded" in capsys.readouterr().out
        assert torch.equal(load(found[-1].path)["model"]["fc.weight"], state["fc.weight"])
        assert found[-1].result["weights"]["loaded"] == len(state)
        assert torch.equal(found[-1].model("last").fc.weight, state["fc.weight"])
    assert len({json.dumps(r.result["recipe_hash"]) for r in found}) == 3  # by content of the file


def test_a_file_that_is_none_or_of_another_network_is_refused_before_anything_is_written(run, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    torch.save({"model": torch.nn.Linear(2, 2).state_dict()}, tmp_path / "other.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "code.pt")
    for name, message in (
        ("none.pt", "there is no such file"),
        ("bad.safetensors", "cannot be read"),
        ("other.pt", "the weights are of another model"),
        ("code.pt", "could run code"),
    ):
        with pytest.raises(UserError, match=message):
            run("model=resnet20", f"model.weights={tmp_path / name}")
    assert not (tmp_path / "outputs").exists()


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """torchvision's published ResNet-18 as its own download finds it: a file with the right hash in its cache."""
    hub = tmp_path / "hub"
    (hub / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(hub))
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    torch.manual_seed(5)
    model = torchvision.models.resnet18(weights=None)
    torch.save(model.state_dict(), hub / "checkpoints" / weights.url.rpartition("/")[2])
    return model


def test_pretrained_takes_torchvisions_weights_and_their_preprocessing(imagenet, run, capsys):
    words = ("model=resnet18", "model.pretrained=true", "optimizer.lr=0", "trainer.steps=1", "data.limit=60")
    recipe = Ask((*QUICK, *words)).recipe()
    assert (recipe.data.input_size, recipe.data.resize_size, recipe.data.interpolation) == ([224, 224], 256, "bilinear")
    assert recipe.data.mean == pytest.approx([(0.485 + 0.456 + 0.406) / 3])
    found = run(*words, "data.input_size=96", "data.resize_size=100", quiet=False)
    said = capsys.readouterr().out
    assert "weights: torchvision resnet18 IMAGENET1K_V1: 119 tensors loaded" in said
    assert "adapted to the input channels: conv1.weight" in said
    assert "left out: fc.weight, fc.bias" in said
    weights = load(found.path)["model"]
    assert torch.equal(weights["layer1.0.conv1.weight"], imagenet.layer1[0].conv1.weight)
    assert torch.equal(weights["conv1.weight"], imagenet.conv1.weight.sum(1, keepdim=True))
    assert found.facts.image_size == (96, 96)
    assert found.facts.stored_size == (8, 8)


def test_the_record_of_a_pretrained_run_needs_no_weights_again(imagenet, run, resume, monkeypatch):
    words = ("model=resnet18", "model.pretrained=true", "data.limit=60", "data.input_size=66")
    found = run(*words, "data.resize_size=66", "trainer.steps=1", "scheduler=constant")
    monkeypatch.setattr(pretrained.TorchvisionResNet, "state", None)
    assert found.model("last").conv1.kernel_size == (7, 7)
    assert resume(found.path, "trainer.steps=2").result["status"] == "finished"


def test_without_a_network_pretrained_says_what_to_do(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "empty"))
    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no route to host")))
    with pytest.raises(UserError, match=r"could not be fetched.*no route to host\n  fix: .*model\.weights=FILE"):
        run("model=resnet18", "model.pretrained=true")
    assert not (tmp_path / "outputs").exists()


def test_a_model_without_published_weights_is_refused_with_those_that_have_some():
    with pytest.raises(UserError, match=r"no published weights for resnet20.*model=.*resnet50"):
        Ask(("model=resnet20", "model.pretrained=true")).recipe()
    with pytest.raises(UserError, match=r"no published weights for model\.width=32"):
        Ask(("model=resnet18", "model.width=32", "model.pretrained=true")).recipe()


def test_imagefolder_decodes_to_what_the_weights_expect_and_the_command_wins():
    words = ("data=imagefolder", "data.root=x", "model=resnet50", "model.pretrained=true", "data.std=[1,1,1]")
    recipe = Ask(words).recipe()
    source = recipe.slots["data"].kwargs
    assert (source["image_size"], source["resize_size"], source["interpolation"]) == ([224, 224], 232, "bilinear")
    assert recipe.data.input_size is None
    assert (recipe.data.mean, recipe.data.std) == ([0.485, 0.456, 0.406], [1, 1, 1])


def test_timms_weights_bring_timms_preprocessing():
    recipe = Ask(("data=cifar10", "model=timm", "model.name=resnet50", "model.pretrained=true")).recipe()
    assert (recipe.data.input_size, recipe.data.resize_size, recipe.data.interpolation) == ([224, 224], 235, "bicubic")


def test_a_resumed_run_is_the_uninterrupted_one_with_weights_of_a_file(run, resume, tmp_path):
    torch.save(resnet18(num_classes=10, image_size=(8, 8), input_channels=1, width=4).state_dict(), tmp_path / "w.pt")
    words = ("model=resnet18", "model.width=4", f"model.weights={tmp_path / 'w.pt'}", "trainer.checkpoint_every=1st")
    whole = run(*words, "scheduler=constant", f"output={tmp_path / 'whole'}")
    part = run(*words, "scheduler=constant", "trainer.steps=2")
    (tmp_path / "w.pt").unlink()
    resume(part.path, "trainer.steps=4")
    assert different(load(whole.path)["model"], load(part.path)["model"]) == []
