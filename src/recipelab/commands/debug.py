"""trainer.debug: three ways to look at a recipe before it is trained in earnest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from recipelab.core import atomic
from recipelab.data.pool import Pool

# Overrides that a mode stands for; what the user gives comes after them and wins.
DEBUG: dict[str, tuple[str, ...]] = {
    "fast": ("data.limit=2000",),
    "overfit": ("trainer.steps=200", "trainer.evaluate_every=50st", "augment=none", "mix=none", "lockbox=closed"),
    "profile": ("lockbox=closed",),
}
# Modes that stop after so many steps of the recipe's own plan, so that its schedule is the real one.
STEPS = {"fast": 6, "profile": 30}


def one_batch(pools: dict[str, Pool], batch_size: int) -> dict[str, Pool]:
    """Every split replaced by one evenly spread batch of training samples: a model that cannot learn it is broken."""
    count = min(batch_size, len(pools["train"]))
    batch = pools["train"].subset(torch.linspace(0, len(pools["train"]) - 1, count).long()).in_memory()
    return dict.fromkeys(pools, batch)


def profiled(run: Callable[[], bool], folder: Path, say: Callable[[str], None]) -> bool:
    """`run` under torch's profiler; leaves profile.txt and a trace for chrome://tracing, profile.json, in `folder`."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        done = run()
    key = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    table = profile.key_averages().table(sort_by=key, row_limit=25)
    atomic.write_text(folder / "profile.txt", table)
    profile.export_chrome_trace(str(folder / "profile.json"))
    say(table)
    return done
