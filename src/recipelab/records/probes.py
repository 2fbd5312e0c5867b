"""One reading each of what a run uses: of the host, of its device, of the processor's energy. Unknown is None."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from recipelab.records.nvml import Driver

MB = 2**20


class Host:
    """This process on its machine."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seen = False

    def read(self) -> dict[str, float | None]:
        """host_memory_mb: resident memory. cpu_percent: since the last reading, 100 a core (None the first time).
        load: mean number of runnable processes in the last minute."""
        percent = self._process.cpu_percent()
        reading = {
            "host_memory_mb": self._process.memory_info().rss / MB,
            "cpu_percent": percent if self._seen else None,
            "load": os.getloadavg()[0],
        }
        self._seen = True
        return reading


class Cuda:
    """One CUDA device as this process uses it. device: "cuda" or "cuda:1"."""

    def __init__(self, device: str) -> None:
        import torch

        self._cuda: Any = torch.cuda
        self._device = torch.device(device)
        self._driver: Driver | None = None
        try:
            self._driver = Driver()
            uuid = str(torch.cuda.get_device_properties(self._device).uuid)
            self._handle = self._driver.device(uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}")
        except (OSError, AttributeError):  # another maker's device, a container without the library, a part of a GPU
            self._driver = None

    def read(self) -> dict[str, float | None]:
        """device_memory_mb: what torch holds of the device. device_utilization_percent, device_watts: of the whole
        device, as the driver tells."""
        return {
            "device_memory_mb": self._cuda.memory_reserved(self._device) / MB,
            "device_utilization_percent": self._tell("utilization"),
            "device_watts": self._tell("watts"),
        }

    def peak_mb(self) -> float:
        """The most that torch has held of the device."""
        return float(self._cuda.max_memory_reserved(self._device)) / MB

    def _tell(self, what: str) -> float | None:
        try:
            return None if self._driver is None else float(getattr(self._driver, what)(self._handle))
        except OSError:  # not every board measures both
            return None


class Energy:
    """Watts of the processor packages, from the energy counters that Linux shows (often to root only)."""

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        zones = [zone for zone in sorted(root.glob("intel-rapl:*")) if zone.name.count(":") == 1]
        self._zones = [zone for zone in zones if _text(zone / "name").startswith("package")]
        self._last: tuple[float, list[int]] | None = None

    def read(self, now: float | None = None) -> dict[str, float | None]:
        """cpu_watts: mean since the last reading, all packages; None the first time or where it cannot be read.
        now: seconds of a monotonic clock."""
        now = time.monotonic() if now is None else now
        texts = [_text(zone / "energy_uj") for zone in self._zones]
        if not texts or not all(texts):
            return {"cpu_watts": None}
        counts = [int(text) for text in texts]
        last, self._last = self._last, (now, counts)
        if last is None or now <= last[0]:
            return {"cpu_watts": None}
        used = sum(map(self._used, self._zones, last[1], counts))
        return {"cpu_watts": used / 1e6 / (now - last[0])}

    @staticmethod
    def _used(zone: Path, before: int, after: int) -> int:
        """Microjoules between two counts; the counter begins again at zero after its range."""
        return after - before if after >= before else after - before + int(_text(zone / "max_energy_range_uj") or 0)


def host_peak_mb() -> float:
    """The most resident memory that this process has had."""
    try:
        # getrusage keeps the figure of the program that called exec, so a run started by a big process looks big.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    import resource  # not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MB if sys.platform == "darwin" else peak / 1024


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
