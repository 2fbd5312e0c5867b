"""resources.csv and the probes behind it."""

from __future__ import annotations

import csv
import subprocess
import sys
import time

import pytest
import torch

from recipelab.records import nvml, probes
from recipelab.records.resources import COLUMNS, ResourceSampler


@pytest.fixture
def path(tmp_path):
    return tmp_path / "resources.csv"


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def sample(path, seconds, period=0.02, **options):
    sampler = ResourceSampler(path, period=period, **options)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    return sampler


def test_samples_in_time_order(path):
    sampler = sample(path, 0.3)
    rows = read(path)
    assert tuple(rows[0]) == COLUMNS
    assert 3 <= len(rows) <= 17
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)
    assert seconds[0] == 0.0
    assert 0.25 < seconds[-1] < 5.0
    memory = [float(row["host_memory_mb"]) for row in rows]
    assert 20 < min(memory) <= max(memory) <= sampler.peak()["host_memory_mb"] + 1
    assert rows[0]["cpu_percent"] == ""
    assert all(float(row["cpu_percent"]) >= 0 and float(row["load"]) >= 0 for row in rows[1:])
    assert {row["device_memory_mb"] for row in rows} == {""}
    assert sampler.peak()["device_memory_mb"] is None


def test_the_first_and_the_last_sample_whatever_the_period(path):
    sample(path, 0.2, period=1000.0)
    first, last = (float(row["seconds"]) for row in read(path))
    assert first == 0.0
    assert 0.15 < last < 5.0


def test_a_resumed_run_counts_on_and_drops_a_cut_line(path):
    sample(path, 0.1)
    before = path.read_text()
    path.write_text(before + "0.3,12")
    sample(path, 0.1)
    assert path.read_text().startswith(before)
    seconds = [float(row["seconds"]) for row in read(path)]
    assert seconds == sorted(seconds)
    assert 0.15 < seconds[-1] < 5.0
    assert all(len(line.split(",")) == len(COLUMNS) for line in path.read_text().splitlines())


@pytest.mark.parametrize("text", ["", "secon", ",".join(COLUMNS) + "\n"])
def test_a_file_that_holds_no_sample_begins_at_zero(path, text):
    path.write_text(text)
    sample(path, 0.02)
    assert float(read(path)[0]["seconds"]) == 0.0


def test_a_file_that_cannot_be_written_ends_only_the_sampling(tmp_path):
    sampler = ResourceSampler(tmp_path / "missing" / "resources.csv", period=0.01)
    sampler.start()
    sampler._thread.join(timeout=10)
    assert not sampler._thread.is_alive()
    sampler.stop()


def test_torch_is_imported_for_cuda_only(path):
    code = "import sys; from pathlib import Path; from recipelab.records.resources import ResourceSampler as R; "
    code += f"s = R(Path({str(path)!r})); s.start(); s.stop(); s.peak(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 0
    assert len(read(path)) == 2


def test_peak_memory_is_this_programs_own():
    """getrusage's maximum passes through exec: a small program started by a big one looks big."""
    code = "import sys; from recipelab.records.probes import host_peak_mb; sys.stdout.write(str(host_peak_mb()))"
    ballast = bytearray(300 * probes.MB)
    small = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20).stdout)
    assert 5 < small < 200
    assert probes.host_peak_mb() > len(ballast) / probes.MB


def zone(root, name, label, count, top=1_000_000):
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in (("name", label), ("energy_uj", count), ("max_energy_range_uj", top)):
        (folder / file).write_text(f"{text}\n")


def test_watts_are_energy_over_time_of_all_packages(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", 100)
    zone(tmp_path, "intel-rapl:0:0", "core", 100)
    zone(tmp_path, "intel-rapl:1", "package-1", 900_000)
    zone(tmp_path, "intel-rapl:2", "psys", 100)
    energy = probes.Energy(tmp_path)
    assert energy.read(now=10.0) == {"cpu_watts": None}
    zone(tmp_path, "intel-rapl:0", "package-0", 500_100)
    zone(tmp_path, "intel-rapl:0:0", "core", 400_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 100_000)  # went round: 200,000 used
    assert energy.read(now=12.0) == {"cpu_watts": pytest.approx((500_000 + 200_000) / 1e6 / 2)}


def test_no_watts_where_there_are_no_counters(tmp_path):
    assert probes.Energy(tmp_path / "missing").read() == {"cpu_watts": None}
    zone(tmp_path, "intel-rapl:0", "package-0", "")
    energy = probes.Energy(tmp_path)
    assert [energy.read(), energy.read()] == [{"cpu_watts": None}] * 2


class Library:
    """Stands for the driver's library: the calls that we make, with its signatures."""

    def __init__(self, power_code=0):
        self.power_code = power_code

    def nvmlInit_v2(self):
        return 0

    def nvmlSystemGetDriverVersion(self, text, size):
        assert size.value == len(text)
        text.value = b"580.10"
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid, handle):
        handle._obj.value = 42
        return 0 if uuid.value == b"GPU-1234" else 6

    def nvmlDeviceGetUtilizationRates(self, handle, rates):
        rates._obj.gpu, rates._obj.memory = handle.value, 7
        return 0

    def nvmlDeviceGetPowerUsage(self, handle, milliwatts):
        milliwatts._obj.value = 312_500
        return self.power_code


def test_the_driver_is_asked():
    driver = nvml.Driver(Library())
    device = driver.device("GPU-1234")
    assert (driver.version(), driver.utilization(device), driver.watts(device)) == ("580.10", 42.0, 312.5)
    with pytest.raises(OSError, match="nvmlDeviceGetHandleByUUID failed with code 6"):
        driver.device("GPU-5")


@pytest.mark.parametrize(("uuid", "power_code", "watts"), [("1234", 0, "312.5"), ("1234", 3, ""), ("99", 0, "")])
def test_a_cuda_device(path, monkeypatch, uuid, power_code, watts):
    class Properties:
        pass

    Properties.uuid = uuid
    monkeypatch.setattr(probes, "Driver", lambda: nvml.Driver(Library(power_code)))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3 * probes.MB)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 5 * probes.MB)
    sampler = sample(path, 0.05, device="cuda:0")
    row = read(path)[0]
    assert (row["device_memory_mb"], row["device_watts"]) == ("3.0", watts)
    assert row["device_utilization_percent"] == ("42.0" if uuid == "1234" else "")
    assert sampler.peak()["device_memory_mb"] == 5.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_cuda_device(path):
    held = torch.zeros(64 * probes.MB, dtype=torch.uint8, device="cuda:0")
    sampler = sample(path, 0.2, device="cuda:0")
    assert float(read(path)[-1]["device_memory_mb"]) >= held.numel() / probes.MB
    assert sampler.peak()["device_memory_mb"] >= 64
    assert float(read(path)[-1]["device_utilization_percent"]) >= 0
