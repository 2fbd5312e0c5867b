"""Every choice of optimizer trains digits: the loss falls, and a run stopped and resumed has the same bits."""

from __future__ import annotations

import signal

import pytest

from compare import assert_same
from processes import at, send
from recipelab.config.tree import groups
from recipelab.core.errors import Interrupted

CHOICES = groups()["optimizer"]
RATES = {"adam": 1e-2, "adamw": 1e-2, "nadam": 1e-2, "lamb": 5e-2, "lion": 5e-3, "rmsprop": 3e-3, "rmsprop_tf": 1e-2}
RATES["schedule_free_adamw"] = 2e-2


@pytest.mark.parametrize("choice", CHOICES)
def test_it_learns_and_resumes_bitwise(choice, train_tiny, resume, tmp_path):
    words = (
        f"optimizer={choice}",
        "model.dropout=0.0",
        "scheduler=constant",
        "trainer.epochs=6",
        "trainer.checkpoint_every=7st",
        "trainer.evaluate_every=3ep",
    )
    if choice in RATES:
        words += (f"optimizer.lr={RATES[choice]}",)
    whole = train_tiny(f"output={tmp_path / 'whole'}", *words)
    losses = [row["train_loss"] for row in whole.metrics]
    assert losses[-1] < 0.85 * losses[0]
    with at("step", 16, send(signal.SIGTERM)), pytest.raises(Interrupted) as info:
        train_tiny(*words)
    again = resume(info.value.resume.split("trainer.resume=")[1])
    assert_same(whole.path, again.path)


def test_any_class_by_its_path(train_tiny):
    run = train_tiny("optimizer._target_=torch.optim.Adamax", "optimizer.lr=0.01", "optimizer.weight_decay=0.0")
    assert run.config["optimizer"]["_target_"] == "torch.optim.Adamax"
    assert run.metrics[-1]["train_loss"] < run.metrics[0]["train_loss"]
