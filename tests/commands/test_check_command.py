"""`recipelab check`: what it proves without data, what it prints, and that it leaves nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from recipelab.commands.ask import Ask
from recipelab.commands.check import build_parts, check_command, look
from recipelab.core.errors import UserError
from recipelab.data.digits import Digits

Capture = pytest.CaptureFixture[str]

NETS = """
import torch
from torch import nn

class Reads(nn.Linear):
    "Reads a value of its own while it is built, as drop-path rates of many models are."
    def __init__(self, *, num_classes: int):
        super().__init__(64, num_classes)
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
    def forward(self, x):
        return super().forward(x.flatten(1))

class Wants32(nn.Linear):
    def __init__(self, *, num_classes: int):
        super().__init__(32 * 32, num_classes)
    def forward(self, x):
        return super().forward(x.flatten(1))

class Pair(Reads):
    def forward(self, x):
        return super().forward(x), x
"""


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "nets_for_check", raising=False)


@pytest.fixture
def user(tmp_path: Path) -> str:
    folder = tmp_path / "user"
    (folder / "model").mkdir(parents=True)
    (folder / "nets_for_check.py").write_text(NETS)
    for name in ("Reads", "Wants32", "Pair"):
        (folder / "model" / f"{name.lower()}.yaml").write_text(f"_target_: nets_for_check.{name}\n")
    return str(folder)


def said(capsys: Capture, *overrides: str, config_dir: str | None = None) -> list[str]:
    check_command(Ask(overrides, config_dir=config_dir))
    assert list(Path().iterdir()) == []
    return capsys.readouterr().out.splitlines()


def test_the_summary(capsys: Capture):
    out = said(capsys, "trainer.precision=32", "trainer.threads=1", "trainer.accelerator=cpu")
    assert out == [
        "the recipe is sound",
        "data: Digits, 10 classes, 8x8, 1 channel",
        "model: resnet20, 269,434 parameters",
        "execution: cpu, 32, 1 thread, channels_last, deterministic",
    ]


def test_no_data_are_read(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(Digits, "load")
    with pytest.raises(UserError, match="has no load"):  # the attribute is looked for, so that this proves something
        said(capsys)
    monkeypatch.setattr(Digits, "load", lambda self, say: pytest.fail("data were read"), raising=False)
    said(capsys)


def test_no_memory_is_taken_for_the_model(monkeypatch: pytest.MonkeyPatch):
    found = look(Ask(("model=resnet50", "data=cifar10")))
    model = build_parts(found)
    assert all(parameter.is_meta for parameter in model.parameters())


def test_generators_are_left_as_they_were(capsys: Capture, user: str):
    before = torch.get_rng_state()
    said(capsys, "model=reads", config_dir=user)
    assert torch.equal(torch.get_rng_state(), before)


def test_data_that_are_not_here_need_no_files(capsys: Capture):
    assert "data: CIFAR100, 100 classes, 32x32, 3 channels" in said(capsys, "data=cifar100")


def test_a_folder_that_is_not_here_is_taken_as_declared(capsys: Capture):
    out = said(capsys, "data=imagefolder", "data.root=away", "data.num_classes=3", "data.image_size=[48,32]")
    assert "data.root=away is not there: what the recipe declares of the data is taken for true" in out
    assert "data: ImageFolder, 3 classes, 48x32, 3 channels" in out


def test_a_folder_that_is_not_here_and_declared_in_part_is_missing():
    with pytest.raises(UserError, match="data.root='away' does not exist"):
        look(Ask(("data=imagefolder", "data.root=away", "data.num_classes=3")))


def test_a_folder_that_is_here_and_wrong_is_wrong_whatever_is_declared(tmp_path: Path):
    declared = ("data.num_classes=3", "data.image_size=32")
    with pytest.raises(UserError, match="class folders are expected"):
        look(Ask(("data=imagefolder", f"data.root={tmp_path / 'here'}", *declared)))


def test_files_that_stand_before_ours_are_named(capsys: Capture, user: str):
    (Path(user) / "model" / "resnet20.yaml").write_text("_target_: nets_for_check.Reads\n")
    out = said(capsys, config_dir=user)
    assert f"{user}: model/resnet20.yaml stands before the packaged file" in out
    assert "model: Reads, 650 parameters" in out


def test_a_model_that_reads_values_is_built_for_real(capsys: Capture, user: str):
    assert "model: Reads, 650 parameters" in said(capsys, "model=reads", config_dir=user)


def test_a_model_that_does_not_take_the_images(capsys: Capture, user: str):
    with pytest.raises(UserError, match="model: Wants32 cannot take images of 8x8 with 1 channels: RuntimeError"):
        said(capsys, "model=wants32", config_dir=user)


def test_a_model_that_gives_something_else_than_logits(capsys: Capture, user: str):
    with pytest.raises(UserError, match="model: Pair gives tuple for one image, and the data have 10 classes"):
        said(capsys, "model=pair", config_dir=user)
    with pytest.raises(UserError, match=r"model: Flatten gives \(1, 64\) for one image"):
        said(capsys, "~model.initialization", "model._target_=torch.nn.Flatten")


def test_the_schedule_is_tried_on_short_and_on_long_epochs(capsys: Capture):
    said(capsys, "scheduler.warmup=900st", "trainer.epochs=1")  # right, if an epoch has a thousand steps
    said(capsys, "scheduler.warmup=5ep", "trainer.steps=100")  # right, if it has ten
    with pytest.raises(UserError, match="counted in epochs of one step"):
        said(capsys, "scheduler.warmup=41ep", "trainer.epochs=40")
    with pytest.raises(UserError, match="warmup=9st is 9 steps, and the training has 7\n.*or train longer$"):
        said(capsys, "scheduler.warmup=9st", "trainer.steps=7")


@pytest.mark.parametrize("mode", ["fast", "overfit", "profile"])
def test_modes_of_debugging_stand_for_what_they_stand_for_in_train(mode: str):
    from recipelab.commands.debug import DEBUG

    found = look(Ask((f"trainer.debug={mode}",))).recipe.config
    plain = look(Ask((*DEBUG[mode], f"trainer.debug={mode}"))).recipe.config
    assert found == plain
    assert found != look(Ask()).recipe.config


def test_initial_weights_must_fit(tmp_path: Path, train_tiny, capsys: Capture):
    run = train_tiny("trainer.steps=1", "lockbox=closed", f"output={tmp_path / 'elsewhere'}")
    user = str(Path(__file__).parents[1] / "user_tree")
    assert said(capsys, "model=tiny", f"trainer.init_from={run.path}", config_dir=user)[0] == "the recipe is sound"
    with pytest.raises(UserError, match="the weights are of another model"):
        said(capsys, "model=tiny", "model.width=8", f"trainer.init_from={run.path}", config_dir=user)


def test_a_record_to_go_on_with_must_go_on(tmp_path: Path, train_tiny, capsys: Capture):
    run = train_tiny("trainer.steps=1", "lockbox=closed", f"output={tmp_path / 'elsewhere'}")
    user = str(Path(__file__).parents[1] / "user_tree")
    with pytest.raises(UserError, match="is finished"):
        said(capsys, f"trainer.resume={run.path}", config_dir=user)
    assert said(capsys, f"trainer.resume={run.path}", "trainer.steps=9", config_dir=user)[0] == "the recipe is sound"
    with pytest.raises(UserError, match="optimizer.lr: recorded 0.1, asked for 0.2"):
        said(capsys, f"trainer.resume={run.path}", "optimizer.lr=0.2", config_dir=user)


def test_parameters_that_are_not_trained_stay_so(user: str):
    found = look(Ask(("model=reads",), config_dir=user))
    model = build_parts(found)
    assert isinstance(model, nn.Linear)
    assert [p.requires_grad for p in model.parameters()] == [True, True]
