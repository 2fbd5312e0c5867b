"""A fork: the record of a training cut back to one step, under another recipe, to be gone on with by resume.

There is no second way of training: what resume does to an interrupted run, it does to a fork.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from recipelab.core import atomic
from recipelab.records.checkpoints import kept_at, names
from recipelab.records.metrics_file import MetricsFile
from recipelab.records.record import Record

# What a resume cuts back to the step of its checkpoint.
COPIED = ("metrics.csv", "ledger_val.bin", "averages")
# What result.json says of a training as a whole, and not of what it came to.
HEADINGS = ("schema", "model", "data", "task", "protocol", "repeatable") + (
    "parameters",
    "flops",
    "activations",
    "weights",
)


def can_fork(parent: Path, step: int) -> bool:
    """Whether `parent` has kept what goes on from `step`."""
    return f"step_{step}" in names(parent / "checkpoints")


def fork(parent: Path, step: int, config: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Make `folder/name`, a record that stands at `step` of `parent` and has the recipe `config`; returns its path.

    config: a complete recipe, with its seed. The folder appears whole or not at all.
    """
    record = Record.open(parent)
    environment, result = record.environment(), record.result()
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=".fork."))
    try:
        _checkpoints(parent, draft, step)
        atomic.write_text(draft / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
        atomic.write_json(draft / "environment.json", environment)
        for name in COPIED:
            if (parent / name).is_file():
                shutil.copyfile(parent / name, draft / name)
            elif (parent / name).is_dir():
                shutil.copytree(parent / name, draft / name, ignore=shutil.ignore_patterns("views", "sweep*"))
        MetricsFile(draft / "metrics.csv").truncate(step)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        seconds = _seconds(draft)
        atomic.write_json(
            draft / "result.json",
            {
                **{key: result[key] for key in HEADINGS if key in result},
                "status": "interrupted",
                "created": now,
                "seed": config["seed"],
                "forked_from": {"record": os.path.relpath(parent, folder / name), "step": step, "seconds": seconds},
            },
        )
        target = folder / name
        os.chmod(draft, 0o755)
        os.rename(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return target


def _checkpoints(parent: Path, draft: Path, step: int) -> None:
    """The checkpoint of the step as the last one, and the best of each view as they stood then."""
    source, target = parent / "checkpoints", draft / "checkpoints"
    target.mkdir()
    shutil.copyfile(source / f"step_{step}.pt", target / "last.pt")
    for path in kept_at(source, step).glob("*.pt"):
        shutil.copyfile(path, target / path.name)


def _seconds(draft: Path) -> float | None:
    rows = MetricsFile(draft / "metrics.csv").rows()
    value = rows[-1]["seconds"] if rows else None
    return None if value is None else float(value)
