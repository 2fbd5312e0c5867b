from __future__ import annotations

import pytest

from recipelab.config.schema import Trainer
from recipelab.core.errors import UserError
from recipelab.loop.cluster import detect
from recipelab.loop.device import resolve

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500",
}
SLURM = {
    "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
    "SLURM_NODELIST": "gpu[07-08]",
    "SLURM_JOB_ID": "12345",
    "SLURM_JOB_NAME": "train",
}


@pytest.fixture
def started_by(monkeypatch):
    """Environment variables as a launcher sets them, and nothing left of those that Fabric adds."""

    def start(variables):
        for name in ("MASTER_ADDR", "MASTER_PORT", *TORCHRUN, *SLURM):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return start


def test_a_process_of_its_own_has_no_place(started_by):
    started_by({})
    assert detect() is None


def test_torchrun_is_told_by_its_variables(started_by):
    started_by(TORCHRUN)
    place = detect()
    assert (place.rank, place.world, place.local, place.local_world) == (3, 4, 1, 2)
    assert (place.launcher, place.address, place.port) == ("torchrun", "node0", 29500)


def test_slurm_is_told_by_its_variables(started_by):
    started_by(SLURM)
    place = detect()
    assert (place.rank, place.world, place.local, place.local_world) == (2, 4, 0, 2)
    assert (place.launcher, place.address, place.port) == ("SLURM", "gpu07", 15000 + 2345)


def test_the_only_task_and_an_interactive_job_are_alone(started_by):
    started_by({**SLURM, "SLURM_NTASKS": "1"})
    assert detect() is None
    started_by({**SLURM, "SLURM_JOB_NAME": "interactive"})
    assert detect() is None


def test_a_slurm_job_that_does_not_say_how_it_is_spread_is_refused(started_by):
    started_by({k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"})
    with pytest.raises(UserError, match="--ntasks-per-node"):
        detect()


def test_the_processes_are_those_that_were_started(started_by, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    started_by(TORCHRUN)
    for asked in ("auto", 4):
        execution = resolve(Trainer(devices=asked, accelerator="cpu"), input_dim=2)
        assert (execution.processes, execution.threads) == (4, 4)  # two of them here, on 8 cores
    with pytest.raises(UserError, match="torchrun has started 4 processes"):
        resolve(Trainer(devices=2, accelerator="cpu"), input_dim=2)
