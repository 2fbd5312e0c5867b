"""The published recipes of this room run, short and on what is at hand, with every ingredient in the record."""

from __future__ import annotations

import pytest

from recipelab.commands.train import train
from recipelab.config.check import check
from recipelab.config.compose import compose

SHORT = ("data=digits", "data.limit=120", "trainer.batch_size=32", "trainer.steps=2", "logger=none", "progress=false")


def test_from_scratch():
    found = check(compose(["recipe=resnet50_cifar100"])).config
    assert (found["optimizer"]["lr"], found["optimizer"]["weight_decay"]) == (0.1, 5e-4)
    assert (found["scheduler"]["every"], found["scheduler"]["gamma"]) == ("50ep", 0.1)
    assert (found["loss"]["label_smoothing"], found["early_stopping"]["patience"]) == (0.1, 20)
    assert (found["trainer"]["epochs"], found["trainer"]["batch_size"]) == (200, 64)


def test_fine_tuning():
    found = check(compose(["recipe=resnet50_finetune"])).config
    assert found["scheduler"]["_target_"].endswith("ReduceOnPlateau")
    assert found["param_groups"]["rules"]["layer3"] == {"lr_scale": 0.5}
    assert (found["optimizer"]["lr"], found["trainer"]["epochs"]) == (0.01, 100)


def test_stochastic_weight_averaging():
    found = check(compose(["recipe=swa"])).config
    assert found["scheduler"]["start"] == found["averaging"]["averages"]["swa"]["start"] == "161ep"
    assert (found["averaging"]["buffers"], found["select_view"], found["select"]) == ("recompute", "swa", "last")
    assert (found["optimizer"]["lr"], found["scheduler"]["factor"], found["trainer"]["epochs"]) == (0.1, 0.5, 300)


@pytest.mark.parametrize("recipe", ["resnet50_cifar100", "resnet50_finetune"])
def test_it_runs(recipe, tmp_path):
    words = (f"recipe={recipe}", *SHORT, "model=resnet50", f"output={tmp_path}", "seed=0", "trainer.threads=1")
    run = train(*words, quiet=True)
    assert run.result["status"] == "finished"
    assert run.config["param_groups" if recipe.endswith("finetune") else "early_stopping"]
