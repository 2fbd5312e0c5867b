"""resources.csv: what a run uses of its machine, sampled by a thread beside the loop."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from recipelab.records import probes

COLUMNS = (
    "seconds",
    "host_memory_mb",
    "cpu_percent",
    "load",
    "device_memory_mb",
    "device_utilization_percent",
    "device_watts",
    "cpu_watts",
)


class ResourceSampler:
    """Append one line every `period` seconds, the first at `start`, the last at `stop`.

    path: the file. One that is there is continued: its `seconds` go on from its last line.
    period: seconds between samples.
    device: "cpu", or the CUDA device with its index ("cuda:0"); torch is imported for CUDA only.

    It never disturbs the run: what cannot be read is blank, and a file that cannot be written ends the sampling.
    """

    def __init__(self, path: Path, period: float = 5.0, device: str = "cpu") -> None:
        self._path = path
        self._period = period
        self._host = probes.Host()
        self._energy = probes.Energy()
        self._cuda = probes.Cuda(device) if device.startswith("cuda") else None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._thread = threading.Thread(target=self._run, name="resource-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample and end; waits for it for 5 seconds at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None

    def peak(self) -> dict[str, float | None]:
        """host_memory_mb: the most resident memory of this process. device_memory_mb: the most that torch has held of
        the device, None without CUDA. In MB of 2**20 bytes."""
        return {
            "host_memory_mb": probes.host_peak_mb(),
            "device_memory_mb": None if self._cuda is None else self._cuda.peak_mb(),
        }

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            begin = time.monotonic() - _continue(self._path)
            with open(self._path, "a", buffering=1) as file:
                last = False
                while True:
                    file.write(self._line(time.monotonic() - begin))
                    if last:
                        return
                    last = self._stop.wait(self._period)

    def _line(self, seconds: float) -> str:
        reading = {**self._host.read(), **self._energy.read()}
        if self._cuda is not None:
            reading |= self._cuda.read()
        cells = [reading.get(name) for name in COLUMNS[1:]]
        return ",".join([f"{seconds:.2f}", *("" if cell is None else f"{cell:.1f}" for cell in cells)]) + "\n"


def _continue(path: Path) -> float:
    """Make the file ready to append to (its header there, a line cut by a kill gone); the seconds of its last line."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if not whole:
        path.write_text(",".join(COLUMNS) + "\n")
        return 0.0
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    try:
        return float(whole.splitlines()[-1].split(b",", 1)[0])
    except ValueError:  # the header alone
        return 0.0
