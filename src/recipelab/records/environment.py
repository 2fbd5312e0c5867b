"""environment.json: the machine and the versions that a run had. No environment variables, user names or paths."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from recipelab.records.nvml import Driver
from recipelab.records.probes import MB

PACKAGES = (
    "recipelab",
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "numpy",
    "pillow",
    "scikit-learn",
    "hydra-core",
    "omegaconf",
)


def describe() -> dict[str, Any]:
    """The environment of this process, as plain containers; what cannot be found out is None."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": {
            "model": _cpu_model(),
            "cores": os.cpu_count(),
            "cores_available": _cores_available(),
        },
        "memory_mb": round(psutil.virtual_memory().total / MB),
        "packages": {name: _version(name) for name in PACKAGES},
        "torch": _torch(),
        "git": _git(),
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _cores_available() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Linux only
        return os.cpu_count()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    """cpu_capability: the instruction set that torch chose (its results differ in the last bits); cuda, cudnn: the
    versions torch was built for; driver and gpus: where there are any."""
    import torch

    cudnn: Any = torch.backends.cudnn
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version() if gpus else None,
        "driver": _driver(),
        "gpus": [
            {"name": gpu.name, "memory_mb": round(gpu.total_memory / MB), "capability": f"{gpu.major}.{gpu.minor}"}
            for gpu in gpus
        ],
    }


def _driver() -> str | None:
    try:
        return Driver().version()
    except (OSError, AttributeError):
        return None


def _git() -> dict[str, Any] | None:
    """commit and dirty (tracked files changed; None when that took over 2 s) of the current directory."""
    commit = _ask_git("rev-parse", "HEAD")
    if not commit:
        return None
    changes = _ask_git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _ask_git(*arguments: str) -> str | None:
    # A repository's own settings may name a program as its file monitor, which `status` would run.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2.0, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
