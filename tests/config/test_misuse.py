"""What people get wrong, through the command line: one clear message, exit code 2, no traceback, nothing created."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from recipelab.cli import main
from recipelab.config.check import check
from recipelab.config.compose import compose

Capture = pytest.CaptureFixture[str]

# (words, what the message says, in order)
MISUSES: list[tuple[str, list[str]]] = [
    # keys that do not exist
    ("trainer.epoch=3", ["trainer.epoch is not an option", "did you mean: trainer.epochs", "options: epochs, steps"]),
    ("+trainer.epoch=3", ["trainer.epoch is not an option", "did you mean: trainer.epochs"]),
    ("++optimizer.learning_rate=1", ["optimizer.learning_rate is not an option of sgd", "options: lr, momentum"]),
    ("optimizer.momentun=0.8", ["did you mean: optimizer.momentum"]),
    (
        "model=mlp model.shakedrop=true",
        ["model.shakedrop is not an option of MLP", "it is an option of model=", "resnet20"],
    ),
    ("augment=none augment.padding=2", ["augment.padding is not an option of NoAugment", "it takes none"]),
    ("data.root=x", ["data.root is not an option of Digits"]),
    ("optimiser.lr=0.1", ["optimiser.lr is not a key of a recipe", "did you mean: optimizer.lr"]),
    ("train.epochs=3", ["did you mean: trainer.epochs"]),
    ("epochs=3", ["epochs is not a key of a recipe", "did you mean: trainer.epochs"]),
    ("batchsize=3", ["did you mean: trainer.batch_size"]),
    ("sede=3", ["sede is not a key of a recipe", "did you mean: seed"]),
    ("hydra.run.dir=x", ["hydra.run.dir is not a key of a recipe"]),
    ("hydra.searchpath=[file:///tmp]", ["hydra.searchpath is not a key of a recipe"]),
    # choices that do not exist
    ("model=resnet200", ["model=resnet200: there is no such choice", "did you mean: model=resnet20", "choices: "]),
    ("modle=resnet20", ["did you mean: model"]),
    ("optimizer=null", ["optimizer=none: there is no such choice"]),
    ("recipe=fast", ["recipe=fast: there is no such choice"]),
    # things that are not one value of one key
    ("trainer.epochs=1,2", ["trainer.epochs=1,2: one run takes one value a key"]),
    ("model=resnet20,resnet32", ["one run takes one value a key"]),
    ("seed=range(3)", ["one run takes one value a key"]),
    ("trainer.epochs", ["cannot read the override 'trainer.epochs'", "a key and a value are expected"]),
    ("trainer..epochs=3", ["cannot read the override"]),
    ("=3", ["is not a key of a recipe"]),
    ("trainer=3", ["trainer is a section", "trainer.KEY=VALUE"]),
    ("~model", ["~model: model cannot be deleted"]),
    ("~mix", ["~mix: mix cannot be deleted: give mix=none"]),
    ("model@x=resnet20", ["cannot be put together"]),
    ("output=${nope}", ["cannot be put together", "nope"]),
    # wrong types
    ("trainer.epochs=abc", ["trainer.epochs='abc': should be a valid integer"]),
    ("trainer.epochs=20.5", ["trainer.epochs=20.5: should be a valid integer"]),
    ("trainer.epochs=true", ["trainer.epochs=True: should be a valid integer"]),
    ("trainer.epochs='3'", ["trainer.epochs='3': should be a valid integer"]),
    ("optimizer.lr=1e-", ["optimizer.lr='1e-': should be a valid number"]),
    ("optimizer.nesterov=yes", ["optimizer.nesterov='yes': should be a valid boolean"]),
    ("trainer.compile=of", ["trainer.compile='of'", "'auto'"]),
    ("seed=1.0", ["seed=1.0: should be a valid integer"]),
    ("optimizer=adamw optimizer.betas=[0.9]", ["optimizer.betas=[0.9]", "at least 2 items"]),
    ("data.mean=0.5", ["data.mean=0.5: should be a valid list"]),
    ("trainer.accelerator=CPU", ["should be 'auto', 'cpu' or 'cuda'", "did you mean: cpu"]),
    ("model.initialization=Kaiming", ["should be 'kaiming' or 'default'", "did you mean: kaiming"]),
    # out of range
    ("seed=-1", ["seed=-1: should be greater than or equal to 0"]),
    ("seed=4294967296", ["seed=4294967296: should be less than or equal to 4294967295"]),
    ("trainer.batch_size=0", ["trainer.batch_size=0: should be greater than or equal to 1"]),
    ("optimizer.momentum=1", ["optimizer.momentum=1: should be less than 1"]),
    ("optimizer.lr=nan", ["optimizer.lr=nan: should be a finite number"]),
    ("optimizer.lr=inf", ["optimizer.lr=inf: should be a finite number"]),
    ("data.val_split=1", ["data.val_split=1: should be less than 1"]),
    ("loss.label_smoothing=1.1", ["loss.label_smoothing=1.1: should be less than or equal to 1"]),
    ("averaging=ema averaging.decays=[1.0]", ["should be less than 1"]),
    # durations
    ("trainer.evaluate_every=5", ["trainer.evaluate_every=5: should be a valid string"]),
    ("trainer.evaluate_every=5epochs", ["trainer.evaluate_every='5epochs' is not a duration", "5ep = epochs"]),
    ("trainer.checkpoint_every=0st", ["a period must be longer than nothing"]),
    ("trainer.checkpoint_at=[soon]", ["trainer.checkpoint_at='soon' is not a duration"]),
    ("scheduler.warmup=5epochs", ["scheduler.warmup='5epochs' is not a duration"]),
    ("scheduler=multistep scheduler.milestones=[75%,50%]", ["scheduler.milestones", "must increase"]),
    # what does not go together
    ("mix.alpha=0.3", ["mix.alpha has nothing to apply to, which is set to none: choose one, mix=CHOICE"]),
    ("sam.rho=0.1", ["sam.rho=0.1 has nothing to apply to, as sam is none", "sam=asam, sam=sam"]),
    ("sam=none sam.rho=0.1", ["sam.rho=0.1 has nothing to apply to"]),
    ("averaging.decays=[0.9]", ["averaging.decays=[0.9] has nothing to apply to", "averaging=ema"]),
    ("select_view=ema_0.9", ["select_view=ema_0.9: the views of this recipe are raw"]),
    (
        "averaging=ema select_view=ema_0.999",
        ["the views of this recipe are raw, ema_0.9995", "did you mean: ema_0.9995"],
    ),
    ("data.fold=2", ["data.fold=2 has nothing to apply to", "data.folds=5"]),
    ("data.folds=5 data.fold=5", ["data.fold=5: with data.folds=5 the folds are 0 to 4"]),
    ("data.folds=1", ["data.folds=1: should be greater than or equal to 2"]),
    ("data.folds=3 data.protocol=test_as_val", ["cannot go with data.folds"]),
    ("optimizer.nesterov=true optimizer.momentum=0", ["optimizer.nesterov=true needs optimizer.momentum > 0"]),
    ("augment.padding_mode=reflect augment.padding=8", ["augment.padding=8", "8x8"]),
    ("trainer.epochs=null", ["a training needs a length"]),
    ("trainer.precision=16-mixed trainer.accelerator=cpu", ["trainer.precision=16-mixed", "bf16-mixed or 32"]),
    ("trainer.devices=100000", ["trainer.devices=100000", "CPU cores"]),
    # what contradicts the data
    ("data.num_classes=7", ["data.num_classes=7 contradicts the data, which have 10; leave it out"]),
    ("model.num_classes=7", ["model.num_classes=7 contradicts the data, which say 10; leave it out"]),
    ("data.image_size=9", ["data.image_size=(9, 9) contradicts the data"]),
    ("data.mean=[0.5,0.5]", ["data.mean has 2 values, but the images have 1 channels"]),
    # what is not there
    ("data=imagefolder", ["data.root is required: give data.root=VALUE"]),
    ("data=imagefolder data.root=nowhere", ["data.root='nowhere' does not exist"]),
    ("env=cluster", ["EXPERIMENT_LOCATION is not set"]),
    ("trainer.resume=nowhere", ["nowhere"]),
    ("trainer.init_from=nowhere", ["nowhere"]),
    ("--config nowhere.yaml", ["--config nowhere.yaml: there is no file nowhere.yaml"]),
    ("--config-dir nowhere", ["--config-dir nowhere: there is no such folder"]),
    # targets
    ("model._target_=resnet20", ["model._target_='resnet20' is not a path"]),
    ("model._target_=nowhere.Net", ["there is no module 'nowhere'", "--config-dir"]),
    ("~model.initialization model._target_=torch.nn.Lineer", ["torch.nn has no 'Lineer'", "did you mean: Linear"]),
    ("~loss.label_smoothing loss._target_=fractions.Fraction", ["what Fraction makes has no __call__"]),
]


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("EXPERIMENT_LOCATION", "DATASET_LOCATION"):
        monkeypatch.delenv(name, raising=False)


def refused(arguments: list[str], capsys: Capture) -> str:
    """The message of a command that is refused as a wrong request, and that leaves nothing behind."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert list(Path().iterdir()) == []
    return err


@pytest.mark.parametrize(("words", "message"), MISUSES, ids=[words for words, _ in MISUSES])
def test_misuse(words: str, message: list[str], capsys: Capture):
    said = refused(["check", *words.split()], capsys)
    rest = said
    for fragment in message:
        assert fragment in rest, said
        rest = rest[rest.index(fragment) + len(fragment) :]


# Found by the two commands in places of their own; everything else is found by what both begin with.
FOUND_LATE = [
    "model=resnet200",
    "trainer.precision=16-mixed trainer.accelerator=cpu",
    "trainer.devices=100000",
    "data.num_classes=7",
    "model.num_classes=7",
    "data=imagefolder data.root=nowhere",
    "trainer.resume=nowhere",
    "trainer.init_from=nowhere",
    "scheduler.warmup=5epochs",
    "optimizer.nesterov=true optimizer.momentum=0",
    "augment.padding_mode=reflect augment.padding=8",
    "~loss.label_smoothing loss._target_=fractions.Fraction",
    "--config nowhere.yaml",
    "--config-dir nowhere",
]


@pytest.mark.parametrize("words", FOUND_LATE)
def test_check_and_train_say_the_same(words: str, capsys: Capture):
    assert words in dict(MISUSES)
    assert refused(["check", *words.split()], capsys) == refused(["train", *words.split()], capsys)


def test_a_warm_up_longer_than_the_training_is_found_before_the_data_are_read(capsys: Capture):
    """As far as that can be said without knowing how many steps an epoch has."""
    said = refused(["check", "trainer.epochs=15", "scheduler.warmup=20ep"], capsys)
    assert "scheduler.warmup=20ep is 20 steps, and the training has 15" in said
    assert "counted in epochs of one step" in said
    assert "scheduler.warmup=9st is 9 steps, and the training has 7" in refused(
        ["check", "trainer.steps=7", "scheduler.warmup=9st"], capsys
    )
    assert main(["check", "trainer.epochs=1", "scheduler.warmup=900st"]) == 0  # an epoch may be that long


def test_and_in_any_case_before_anything_is_written(capsys: Capture):
    said = refused(["train", "trainer.epochs=1", "scheduler.warmup=900st"], capsys)
    assert "scheduler.warmup=900st is 900 steps, and the training has 21" in said


RECIPE = check(compose(["data=digits"])).config

FILES = {
    "not a mapping": ("[1, 2]", "a mapping of slots is expected"),
    "not yaml": ("a: [", "cannot be read as yaml"),
    "a hydra node": ({"hydra": {"run": {"dir": "x"}}}, "holds no hydra"),
    "a resolver": ({"output": "${oc.env:HOME}"}, "holds no interpolation"),
    "os.system": ({"model": {"_target_": "os.system", "command": "touch ran"}}, "model._target_=os.system"),
    "torch.load": ({"model": {"_target_": "torch.load", "f": "x"}}, "torch.load cannot fill|load cannot fill the slot"),
    "torch.hub.load": ({"model": {"_target_": "torch.hub.load", "repo_or_dir": "x", "model": "y"}}, "cannot fill"),
    "import_module": (
        {"model": {"_target_": "recipelab.config.slots.importlib.import_module", "name": "this"}},
        "model._target_=recipelab.config.slots.importlib.import_module",
    ),
    "a writer of ours": (
        {"logger": {"_target_": "recipelab.core.atomic.write_text", "path": "ran", "text": "x"}},
        "may name what recipelab.loggers has",
    ),
    "a run in a run": (
        {"logger": {"_target_": "recipelab.commands.train.train", "config_dir": "x"}},
        "recipelab.loggers",
    ),
    "our entry point": ({"logger": {"_target_": "recipelab.__main__.main"}}, "recipelab.loggers"),
    "a key of ours that is wrong": ({"trainer": {"epoch": 3}}, "did you mean: trainer.epochs"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_wrong_or_hostile(name: str, tmp_path: Path, capsys: Capture):
    content, message = FILES[name]
    path = tmp_path / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump({**RECIPE, **content}))
    said = refused(["train", "--config", str(path)], capsys)
    assert any(part in said for part in message.split("|")), said


def test_such_a_file_is_sound_when_nothing_is_wrong_with_it(tmp_path: Path, capsys: Capture):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    assert main(["check", "--config", str(path)]) == 0
    assert capsys.readouterr().out.startswith("the recipe is sound\n")
