"""The two identities of a run, and what may differ between a record and the recipe that resumes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# How a recipe is executed is the fingerprint's part; where it is written or shown is nobody's.
EXECUTION_KEYS = frozenset(
    f"trainer.{key}"
    for key in ("precision", "accelerator", "devices", "threads", "compile", "channels_last")
    + ("cudnn_benchmark", "deterministic", "sync_batchnorm")
) | {"optimizer.fused"}
OUTSIDE_KEYS = frozenset(
    {"output", "data_root", "progress", "result_plot", "trainer.resume", "trainer.eval_batch_size"}
    | {"trainer.checkpoint_every", "trainer.checkpoint_at"}
    | {f"data.{key}" for key in ("num_workers", "prefetch", "pin_memory", "storage", "memory_limit", "disk_limit")}
)
# The data's content stands for these: a folder may move, a cache may be off.
PLACE_KEYS = frozenset({"data.root", "data.images", "data.download", "data.cache"})
# What a resumed run may change, at the price of no longer being bitwise the uninterrupted one.
RESUMABLE_KEYS = frozenset({"trainer.epochs", "trainer.steps", "trainer.devices", "trainer.accelerator"})


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping of dotted keys to leaves (lists are leaves)."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def recipe_hash(config: Mapping[str, Any], data: Mapping[str, str], processes: int = 1) -> str:
    """SHA-256 (hex) of the resolved recipe, without its seed, and of the data's content.

    config: a complete recipe, as `check` returns it. data: the digest of each split (and of initial weights).
    processes: what is trained on is a batch of them all: two processes with 64 samples each are one with 128.
    """
    left_out = (
        EXECUTION_KEYS | OUTSIDE_KEYS | PLACE_KEYS | {"seed", "ledger", "trainer.init_from", "model.weights"}
    )  # weights count by content; a ledger looks on
    flat = {k: v for k, v in flatten(config).items() if k not in left_out and not k.startswith("logger.")}
    flat["trainer.batch_size"] *= processes
    return _digest({"recipe": flat, "data": dict(data)})


def fingerprint_hash(execution: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of how a recipe is executed: every resolved auto, device kind, threads, versions."""
    return _digest(dict(execution))


def changed_keys(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys whose value differs between two complete recipes: key -> (recorded, asked).

    Where a run is written, shown or logged, and where its data lie, is left out: it changes no result.
    """
    old, new = flatten(recorded), flatten(asked)
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key not in OUTSIDE_KEYS | PLACE_KEYS and not key.startswith("logger.")
    }
