"""Launchers by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipelab.core.errors import UserError
from recipelab.core.task import Launcher, Perform
from recipelab.studies.local import LocalLauncher

LAUNCHERS = ("local", "slurm", "ray")


def launcher(name: str, perform: Perform, slots: int, folder: Path, options: Mapping[str, Any]) -> Launcher:
    """The launcher of that name. options: of slurm, keywords of submitit's executor.

    Raises UserError when what it needs is not installed.
    """
    if options and name != "slurm":
        raise UserError(f"--option {next(iter(options))} is of --launcher slurm, and nothing to --launcher {name}")
    if name == "local":
        return LocalLauncher(perform, slots)
    try:
        if name == "slurm":
            from recipelab.studies.slurm import SlurmLauncher

            return SlurmLauncher(perform, slots, folder / "slurm", dict(options))
        from recipelab.studies.on_ray import RayLauncher

        return RayLauncher(perform, slots)
    except ModuleNotFoundError as error:
        package = {"slurm": "submitit", "ray": "ray"}[name]
        if error.name != package:
            raise
        raise UserError(f"--launcher {name} needs {package}: pip install 'recipelab[{name}]'") from error
