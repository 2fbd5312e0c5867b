"""A recipe that trains in a moment, and the user's folder that its network comes from."""

from __future__ import annotations

from pathlib import Path

USER_TREE = Path(__file__).parent / "user_tree"

# 180 training samples in 6 steps an epoch, 20 for validation, 200 for the test: half a second.
TINY = (
    "model=tiny",
    "data=digits",
    "data.limit=200",
    "trainer.epochs=3",
    "trainer.batch_size=32",
    "trainer.threads=1",
    "trainer.precision=32",
    "logger=none",
    "result_plot=none",
    "progress=false",
    "select=best",
    "seed=0",
)

# Everything that has a state of its own, or draws; evaluations and checkpoints fall on different steps.
EVERYTHING = (
    "averaging=ema",
    "averaging.decays=[0.9,0.99]",
    "sam=sam",
    "mix=mixup",
    "augment=baseline",
    "trainer.batch_size=16",
    "trainer.eval_batch_size=10",
    "trainer.accumulate=2",
    "trainer.gradient_clip=1.0",
    "trainer.evaluate_every=0.5ep",
    "trainer.checkpoint_every=4st",
)
