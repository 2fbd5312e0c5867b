"""Whether torchrun or SLURM started this process as one of several; as Lightning Fabric's environments tell it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from recipelab.core.errors import UserError


@dataclass(frozen=True)
class Place:
    """Which of the processes of one training this is, and where the first can be met.

    rank: from 0, of `world`. local, local_world: the same among those on this machine; `local` is the CUDA device.
    launcher: what started the processes, for messages. address, port: of the first process.
    """

    rank: int
    world: int
    local: int
    local_world: int
    launcher: str
    address: str = "127.0.0.1"
    port: int = 0


def detect() -> Place | None:
    """The place that torchrun or SLURM gave this process; None when it is alone, or the only task.

    Raises UserError for a SLURM job whose settings do not tell it.
    """
    if not os.environ.keys() & {"TORCHELASTIC_RUN_ID", "SLURM_NTASKS"}:
        return None  # importing Fabric takes seconds
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    try:
        if TorchElasticEnvironment.detect():
            return _place(TorchElasticEnvironment(), "torchrun", os.environ.get("LOCAL_WORLD_SIZE"))
        if SLURMEnvironment.detect():
            return _place(SLURMEnvironment(), "SLURM", os.environ.get("SLURM_NTASKS_PER_NODE"))
    except RuntimeError as error:
        raise UserError(f"SLURM: {error}") from error
    return None


def _place(environment: Any, launcher: str, local_world: str | None) -> Place | None:
    world = environment.world_size()
    if world == 1:
        return None
    return Place(
        rank=environment.global_rank(),
        world=world,
        local=environment.local_rank(),
        local_world=int(local_world or world),
        launcher=launcher,
        address=environment.main_address,
        port=environment.main_port,
    )
