"""The run record: creation, opening, round trips, and what a kill or a full disk leaves."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import resource
import subprocess
import sys
import warnings
from collections import OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
import torch

from recipelab.core.errors import RunError, UserError
from recipelab.records import checkpoints
from recipelab.records.record import Record


@pytest.fixture
def record(tmp_path):
    with Record.create(tmp_path / "outputs", "run") as record:
        yield record


@contextlib.contextmanager
def file_limit(size):
    """No file grows beyond `size` bytes: what a full disk does, without one (errno EFBIG for ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return type(other) is torch.Tensor and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and one == other


# Creation


def test_a_new_record_is_running_and_ours(record):
    assert record.status() == "running"
    assert record.result()["schema"] == 1
    assert record.result()["created"][:2] == "20"
    with pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
        Record.open(record.path).lock()


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    paths = []
    for _ in range(3):
        with Record.create(tmp_path, "run") as record:
            paths.append(record.path.name)
    assert paths == ["run", "run-2", "run-3"]


def test_eight_at_once_get_eight_folders(tmp_path):
    code = "import sys; from pathlib import Path; from recipelab.records.record import Record\n"
    code += "sys.stdin.read(); print(Record.create(Path(sys.argv[1]), 'run').path.name)"
    command = [sys.executable, "-c", code, str(tmp_path / "outputs")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    names = {process.communicate(timeout=30)[0].strip() for process in processes}
    assert names == {"run", *(f"run-{number}" for number in range(2, 9))}


@pytest.mark.parametrize("name", ["a/b", "..", ".", ".hidden", "", "/tmp", "a\\b"])
def test_a_name_is_one_folder(tmp_path, name):
    with pytest.raises(ValueError, match="one folder name"):
        Record.create(tmp_path, name)


def test_an_unwritable_root_names_output_and_the_fix(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"output=.*/file/deep cannot be written to: Not a directory\n  fix: output=DIR"
    ):
        Record.create(tmp_path / "file" / "deep", "run")


def test_a_disk_full_at_creation_leaves_nothing(tmp_path):
    with file_limit(10), pytest.raises(UserError, match="cannot be locked for writing: File too large"):
        Record.create(tmp_path, "run")
    assert list(tmp_path.iterdir()) == []


def test_importing_records_does_not_import_torch():
    code = "import sys; import recipelab.records.record, recipelab.records.listing, recipelab.records.log; "
    code += "import recipelab.records.resources, recipelab.records.environment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Opening


def test_open_reads_and_does_not_write(record):
    reader = Record.open(record.path)
    assert reader.status() == "running"
    with pytest.raises(AssertionError, match="by the process that locked it"):
        reader.update_result(status="finished")


def test_join_writes_for_the_owner(record):
    Record.join(record.path).metrics.append({"epoch": 0, "step": 1})
    assert record.metrics.rows()[0]["step"] == 1


def test_open_says_what_is_wrong(tmp_path, record):
    record.unlock()
    outputs = record.path.parent
    with pytest.raises(UserError, match=rf"outputs/rum does not exist\n  did you mean: {record.path}"):
        Record.open(outputs / "rum")
    with pytest.raises(UserError, match=rf"folder of records: name one of\n    {record.path}"):
        Record.open(outputs)
    with pytest.raises(
        UserError, match=rf"result.json is a file; a run record is a folder\n  did you mean: {record.path}"
    ):
        Record.open(record.path / "result.json")
    (record.path / "checkpoints").mkdir()
    with pytest.raises(UserError, match=rf"result.json and config.yaml missing\n  did you mean: {record.path}"):
        Record.open(record.path / "checkpoints")
    with pytest.raises(UserError, match="missing/deeper does not exist"):
        Record.open(tmp_path / "missing" / "deeper")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 2}', "schema 2, written by a newer recipelab; this one reads up to 1\n  fix: upgrade"),
        ("{", "result.json cannot be read"),
        ("[1]", "is not the result of a run"),
        ('{"schema": "1"}', "is not the result of a run"),
    ],
)
def test_open_refuses_what_it_cannot_read(record, text, message):
    (record.path / "result.json").write_text(text)
    with pytest.raises(UserError, match=message):
        Record.open(record.path)


# Round trips


def test_config_keeps_order_types_and_text(record):
    config = {
        "z": 1,
        "a": {"lr": 1e-05, "text": "1e-3", "no": "no", "none": None, "list": [1, 2.5, True]},
        "u": "größe",
    }
    record.write_config(config)
    assert record.config() == config
    assert list(record.config()) == ["z", "a", "u"]
    assert Record.open(record.path).config() == config


def test_a_config_of_other_things_is_refused(record):
    with pytest.raises(Exception, match="cannot represent"):
        record.write_config({"path": Path("x")})
    with pytest.raises(UserError, match=r"no complete record: config\.yaml is missing"):
        record.config()


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "!!python/object/apply:os.system ['true']", "\x00"])
def test_a_hostile_or_broken_config_is_refused(record, text):
    (record.path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml"):
        record.config()


def test_environment(record):
    record.write_environment({"python": "3.11", "git": None})
    assert record.environment() == {"python": "3.11", "git": None}


def test_results_are_merged(record):
    record.update_result(model="resnet20", test={"best": {"raw": {"accuracy": 0.5, "nll": math.nan}}})
    record.update_result(status="finished", seconds=1.5)
    result = record.result()
    assert result["model"] == "resnet20"
    assert result["test"]["best"]["raw"] == {"accuracy": 0.5, "nll": None}
    assert (result["status"], result["seconds"], result["schema"]) == ("finished", 1.5, 1)
    json.loads((record.path / "result.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_an_unknown_status_is_refused(record):
    with pytest.raises(ValueError, match="status must be one of running, finished, interrupted, failed, got 'done'"):
        record.update_result(status="done")


@pytest.mark.parametrize("status", ["finished", "interrupted", "failed"])
def test_a_status_that_was_written_stays(record, status):
    record.update_result(status=status)
    assert record.status() == status
    record.unlock()
    assert record.status() == status


def test_running_without_an_owner_reads_as_interrupted(record):
    record.unlock()
    assert record.result()["status"] == "running"
    assert record.status() == "interrupted"


# Checkpoints

CONTENT = {
    "model": OrderedDict(weight=torch.randn(3, 4).to(torch.bfloat16), count=torch.tensor(7)),
    "optimizer": {"state": {0: {"momentum": torch.randn(3, 4)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    "step": 120,
    "sums": (1.5, None, True, "text", b"bytes"),
}


def test_a_checkpoint_reads_back_equal(record):
    record.save_checkpoint("last", CONTENT)
    assert equal(record.load_checkpoint("last"), CONTENT)
    assert Record.open(record.path).checkpoints() == ["last"]


def test_the_weights_of_a_module_read_back(record):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).to(memory_format=torch.channels_last)
    record.save_checkpoint("last", {"model": model.state_dict()})
    read = record.load_checkpoint("last")["model"]
    assert equal(dict(read), dict(model.state_dict()))
    assert read["0.weight"].is_contiguous(memory_format=torch.channels_last)
    model.load_state_dict(read)


@pytest.mark.parametrize(
    "value",
    [np.float64(1.0), np.zeros(2), Path("x"), deque([1]), defaultdict(int), {np.int64(3): 1}, [{"a": {1, 2}}], print],
)
def test_what_could_not_be_loaded_is_refused_when_saving(record, value):
    record.save_checkpoint("last", CONTENT)
    with pytest.raises(TypeError, match="checkpoint entry /extra"):
        record.save_checkpoint("last", {**CONTENT, "extra": value})
    assert equal(record.load_checkpoint("last"), CONTENT)


def test_a_checkpoint_holds_the_model(record):
    with pytest.raises(ValueError, match="under the key `model`"):
        record.save_checkpoint("last", {"step": 1})


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", ""])
def test_a_checkpoint_stays_in_its_folder(record, name):
    with pytest.raises(ValueError, match="a checkpoint is named by"):
        record.save_checkpoint(name, CONTENT)


def test_a_missing_checkpoint_names_the_others(record):
    record.save_checkpoint("best", CONTENT)
    with pytest.raises(UserError, match=r"last\.pt does not exist\n  other checkpoints of this record: best\.pt"):
        record.load_checkpoint("last")
    with pytest.raises(UserError, match="did you mean: best"):
        record.load_checkpoint("bst")


def test_a_cut_checkpoint_names_itself_and_the_others(record):
    record.save_checkpoint("best", CONTENT)
    record.save_checkpoint("last", CONTENT)
    path = record.path / "checkpoints" / "last.pt"
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(
            UserError, match=r"last\.pt cannot be read: .*\n  other checkpoints of this record: best\.pt"
        ):
            record.load_checkpoint("last")


def test_a_flipped_bit_in_the_weights_is_found(record):
    content = {"model": {"weight": torch.zeros(10_000)}}
    record.save_checkpoint("last", content)
    path = record.path / "checkpoints" / "last.pt"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="cannot be read: the checksum of"):
        record.load_checkpoint("last")


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("/tmp/recipelab-test-was-run",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_not_run(record, zipped):
    path = record.path / "checkpoints" / "last.pt"
    path.parent.mkdir()
    torch.save({"model": Malicious()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"last\.pt cannot be read"):
        record.load_checkpoint("last")
    assert not Path("/tmp/recipelab-test-was-run").exists()


def test_forced_unsafe_loading_is_refused(record, monkeypatch):
    record.save_checkpoint("last", CONTENT)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(UserError, match="fix: unset TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        record.load_checkpoint("last")


@pytest.mark.parametrize("content", [[1], {"model": {}}, {"model": {}, "schema": 2}])
def test_other_files_of_torch_are_refused(record, content):
    path = record.path / "checkpoints" / "last.pt"
    path.parent.mkdir()
    torch.save(content, path)
    with pytest.raises(UserError, match=r"last\.pt has checkpoint schema (None|2), this recipelab reads 1"):
        record.load_checkpoint("last")


# Full disks


def test_a_full_disk_keeps_the_checkpoint_and_says_so(record):
    record.save_checkpoint("last", {"model": {"weight": torch.zeros(100_000)}, "step": 120})
    size = (record.path / "checkpoints" / "last.pt").stat().st_size
    for limit in (10, 5_000, size // 2, size - 500, size - 1):
        with file_limit(limit), pytest.raises(RunError) as caught:
            record.save_checkpoint("last", {"model": {"weight": torch.ones(100_000)}, "step": 140})
        assert "no space left to write" in str(caught.value)
        assert "the last complete checkpoint is" in str(caught.value)
        assert "last.pt (step 120)" in str(caught.value)
        assert f"trainer.resume={record.path}" in str(caught.value)
        assert record.load_checkpoint("last")["step"] == 120
        assert [path.name for path in (record.path / "checkpoints").iterdir()] == ["last.pt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_every_file_survives_a_failing_disk(record, monkeypatch, code, call):
    writes = {
        "config.yaml": lambda value: record.write_config({"value": value}),
        "environment.json": lambda value: record.write_environment({"value": value}),
        "result.json": lambda value: record.update_result(value=value),
        "metrics.csv": lambda value: record.metrics.append({"step": value}),
        "checkpoints/last.pt": lambda value: record.save_checkpoint("last", {"model": {}, "step": value}),
    }
    for write in writes.values():
        write(1)
    before = {name: (record.path / name).read_bytes() for name in writes}

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    said = "could not be written" if code == errno.EIO else "no space left to write"
    for name, write in writes.items():
        with pytest.raises(RunError, match=rf"(?s){said}.*last\.pt \(step 1\)"):
            write(2)
        assert (record.path / name).read_bytes() == before[name]
    assert not list(record.path.glob("**/*.tmp"))


def test_a_failure_that_is_not_the_disks_stays_what_it_is(record, monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="CUDA error"):
        record.save_checkpoint("last", CONTENT)


def test_the_last_complete_checkpoint_is_one_that_reads(record):
    record.save_checkpoint("best", {"model": {}, "step": 80})
    record.save_checkpoint("last", {"model": {}, "step": 90})
    (record.path / "checkpoints" / "last.pt").write_bytes(b"damaged")
    assert checkpoints.last_complete(record.path / "checkpoints").endswith("best.pt (step 80)")


def test_a_record_taken_over_is_written_no_more(record):
    record._lock.lost = True
    with pytest.raises(RunError, match="was taken over by another process"):
        record.update_result(status="finished")


# Kills

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from recipelab.records.record import Record

torch.set_num_threads(1)
root, kills = Path(sys.argv[1]), int(sys.argv[2])
with Record.create(root, "run") as record:
    path = record.path
random.seed(0)
done, cut = 0, 0

def train():
    record = Record.open(path)
    record.lock()
    assert not list(path.glob("**/*.tmp")), "a taker tidies up"
    record.update_result(status="running")
    step = record.load_checkpoint("last")["step"] if record.checkpoints() else 0
    record.metrics.truncate(step)
    while True:
        step += 1
        record.metrics.append({"step": step, "train_loss": float(step)})
        tensors = {str(index): torch.full((40_000,), float(step)) for index in range(4)}
        record.save_checkpoint("last", {"model": tensors, "step": step})
        record.update_result(progress={"step": step})

for kill in range(kills):
    child = os.fork()
    if child == 0:
        train()
    time.sleep(random.uniform(0.04, 0.15))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "the child had ended by itself"
    cut += bool(list(path.glob("**/*.tmp")))
    record = Record.open(path)
    assert record.status() == "interrupted"
    if record.checkpoints():
        content = record.load_checkpoint("last")
        assert content["step"] >= done
        done = content["step"]
        assert all(bool((tensor == float(done)).all()) for tensor in content["model"].values())
    steps = [row["step"] for row in record.metrics.rows()]
    assert steps == list(range(1, len(steps) + 1)) and done <= len(steps) <= done + 1, (steps, done)
print(done, cut)
"""


def test_killed_again_and_again_while_writing(tmp_path):
    code = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "14"], capture_output=True, text=True)
    assert code.returncode == 0, code.stderr
    done, cut = map(int, code.stdout.split())
    assert done >= 3, "checkpoints were written"
    assert cut > 0, "some kill came in the middle of a write"


def test_nothing_warns(record):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record.save_checkpoint("last", CONTENT)
        record.load_checkpoint("last")
