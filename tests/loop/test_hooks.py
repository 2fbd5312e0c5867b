"""Hooks: told everything in order, able to change nothing."""

from __future__ import annotations

import json

import pytest
import torch

from compare import assert_same
from processes import only_record
from recipelab.commands.train import train
from recipelab.core.errors import RunError, UserError
from recipelab.loop.hooks import Hooks
from tiny_recipe import USER_TREE


class Meddler:
    """Notes what it is told, and tries everything that could disturb a training."""

    def __init__(self) -> None:
        self.steps, self.rows, self.results = [], [], []

    def after_step(self, progress) -> None:
        self.steps.append(progress.step)
        torch.rand(100)
        for value in progress.weights().values():
            value.zero_()

    def after_epoch(self, progress) -> None:
        self.rows.append((progress.step, progress.epoch, progress.row["val_raw_accuracy"]))
        with pytest.raises(TypeError):
            progress.row["step"] = 0
        with pytest.raises(AttributeError):
            progress.step = 0

    def after_run(self, result) -> None:
        self.results.append(result["headline"]["accuracy"])


def test_hooks_are_told_and_change_nothing(tiny, tmp_path, train_tiny):
    hook, plain = Meddler(), train_tiny(everything=True)
    words = [*tiny(everything=True), f"output={tmp_path / 'hooked'}"]
    run = train(*words, config_dir=str(USER_TREE), quiet=True, hooks=[hook])
    assert_same(run.path, plain.path)
    total = run.result["progress"]["total_steps"]
    assert hook.steps == list(range(1, total + 1))
    assert hook.rows == [(row["step"], row["epoch"], row["val_raw_accuracy"]) for row in run.metrics]
    assert hook.results == [run.result["headline"]["accuracy"]]


@pytest.mark.parametrize("moment", ["after_step", "after_epoch", "after_run"])
def test_a_hook_that_fails_ends_the_run_with_its_name(tiny, tmp_path, moment):
    class Broken:
        pass

    def fail(self, told):
        raise KeyError("lost")

    setattr(Broken, moment, fail)
    with pytest.raises(RunError, match=f"the hook Broken.{moment} failed: KeyError: 'lost'"):
        train(*tiny(), config_dir=str(USER_TREE), quiet=True, hooks=[Broken()])
    result = json.loads((only_record(tmp_path / "outputs") / "result.json").read_text())
    assert (result["status"], "Broken" in result["reason"]) == ("failed", True)


def test_what_would_never_be_called_is_refused():
    class Typo:
        def after_epochs(self, told):
            pass

    with pytest.raises(UserError, match=r"Typo.after_epochs would never be called(.|\n)*did you mean: after_epoch"):
        Hooks([Typo()])
    with pytest.raises(UserError, match="object has none of after_step"):
        Hooks([object()])
