"""Several loggers: each has everything, and one that fails takes none of the others with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipelab.commands.train import train
from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.identity import recipe_hash
from recipelab.core.errors import UserError
from recipelab.loggers.several import Several, guarded, listed
from recipelab.loggers.tensorboard import TensorBoard
from recipelab.loggers.wandb import WandB
from recipelab.testing import check_logger
from tiny_recipe import USER_TREE

METHODS = ("open", "log", "image", "close")


class Spy:
    """Counts its calls; fails in a method from the call on that it is told."""

    def __init__(self, fails: str = "", at: int = 1) -> None:
        self.calls: list[str] = []
        self.steps: list[int] = []
        self.fails, self.at = fails, at

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails and self.calls.count(name) >= self.at:
            raise OSError("gone")

    def open(self, folder: Path, config: dict[str, object]) -> None:
        self._call("open")

    def log(self, row: dict[str, float | None], step: int) -> None:
        self.steps.append(step)
        self._call("log")

    def image(self, name: str, path: Path, step: int) -> None:
        self._call("image")

    def close(self, result: dict[str, object]) -> None:
        self._call("close")


def test_it_is_a_logger(tmp_path: Path):
    check_logger(Several(one=Spy(), other=TensorBoard()), tmp_path)


def test_what_is_no_logger_is_refused():
    with pytest.raises(TypeError, match="one=3 is no logger: it has no open, log, close"):
        Several(one=3)
    with pytest.raises(ValueError, match="logger=none"):
        Several(one=None)


def test_a_list_of_objects_gets_names():
    assert list(listed([Spy(), TensorBoard(), Spy(), Spy()]).loggers) == ["spy", "tensorboard", "spy2", "spy3"]


@pytest.mark.parametrize("method", METHODS)
def test_one_that_fails_takes_no_other_with_it(method: str):
    said: list[str] = []
    bad, good = Spy(method), Spy()
    both = guarded(Several(bad=bad, good=good), said.append)
    both.open(Path(), {})
    both.log({}, 1)
    both.log({}, 2)
    both.image("a", Path(), 2)
    both.close({})
    assert good.calls == ["open", "log", "log", "image", "close"]
    assert len(said) == 1
    assert f"logger Spy failed in {method}" in said[0]


# In whole runs: the second row fails, so that the failure falls between others, in a resumed run, too.


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_on_without_a_logger_that_fails(method: str, tiny, tmp_path: Path):
    bad, good = Spy(method, 2 if method == "log" else 1), Spy()
    run = train(
        *[o for o in tiny("result_plot=val") if not o.startswith("logger")],
        logger=[bad, good],
        config_dir=str(USER_TREE),
        quiet=True,
    )
    assert run.result["status"] == "finished"
    assert good.steps == [row["step"] for row in run.metrics] == [6, 12, 18]
    assert good.calls[-3:] == ["image", "image", "close"]
    assert (run.path / "train.log").read_text().count(f"logger Spy failed in {method}") == 1
    again = Spy(method)
    longer = train(
        f"trainer.resume={run.path}", "trainer.epochs=5", logger=[again, Spy()], config_dir=str(USER_TREE), quiet=True
    )
    assert longer.result["status"] == "finished"
    assert [row["step"] for row in longer.metrics] == [6, 12, 18, 24, 30]
    assert (run.path / "train.log").read_text().count(f"logger Spy failed in {method}") == 2


# The form in a recipe.


def test_a_list_on_the_command_line():
    recipe = check(
        compose(["logger=[tensorboard,wandb]", "logger.wandb.project=mine", "logger.tensorboard.flush_secs=5"])
    )
    node = recipe.config["logger"]
    assert node["_target_"] == "recipelab.loggers.several.Several"
    assert node["tensorboard"]["flush_secs"] == 5
    logger = recipe.slots["logger"].build()
    assert [type(one) for one in logger.loggers.values()] == [TensorBoard, WandB]
    assert logger.loggers["wandb"].project == "mine"


def test_what_a_record_says_builds_the_same_and_has_the_same_identity():
    config = check(compose(["logger=[tensorboard,wandb]", "logger.wandb.tags=[a]"])).config
    again = check(compose(base=config))
    assert again.config == config
    assert again.slots["logger"].build().loggers["wandb"].tags == ("a",)
    other = check(compose(["logger=[wandb]"], base=config))
    assert list(other.slots["logger"].build().loggers) == ["wandb"]
    assert recipe_hash(config, {}) == recipe_hash(check(compose(["logger=none"])).config, {})


def test_one_of_ones_own_beside_ours():
    words = ["logger=[tensorboard]", f"logger.spy._target_={__name__}.Spy", "logger.spy.at=3"]
    logger = check(compose(words)).slots["logger"].build()
    assert (type(logger.loggers["spy"]).__name__, logger.loggers["spy"].at) == ("Spy", 3)
    assert list(check(compose([*words, "logger.tensorboard=null"])).slots["logger"].build().loggers) == ["spy"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["logger=[tensorboard,wandbb]"], "logger: wandbb is no choice of a list\n  did you mean: wandb\n"),
        (["logger=[none]"], "logger: none is no choice of a list"),
        (["logger=[]"], "names one choice or more"),
        (["logger=[wandb,wandb]"], "each once"),
        (["model=[mlp,cnn]"], "there is no such choice"),
        (["logger=[tensorboard,wandb]", "logger.wandb.projcet=x"], "did you mean: logger.wandb.project"),
        (["logger=[tensorboard,wandb]", "logger.wandbb.project=x"], "did you mean: logger.wandb"),
        (["logger=[tensorboard]", "logger.tensorboard.flush_secs=0"], "logger.tensorboard.flush_secs=0: "),
        (["logger=wandb", "logger.mode=offlin"], "did you mean: offline"),
        (["logger=wandb", "logger.tags=['']"], "logger.tags"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], says: str):
    with pytest.raises(UserError) as refused:
        check(compose(words))
    assert says in str(refused.value)


def test_somebodys_record_names_no_logger_of_elsewhere():
    config = check(compose(["logger=[tensorboard]"])).config
    config["logger"]["evil"] = {"_target_": "subprocess.Popen", "args": "true"}
    with pytest.raises(UserError, match="logger.evil._target_=subprocess.Popen"):
        check(compose(base=config))
