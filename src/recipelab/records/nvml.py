"""What the NVIDIA driver tells (utilisation, watts, its version), asked through its own library, without a package.

Source: NVML API reference, nvmlDeviceGetUtilizationRates, nvmlDeviceGetPowerUsage, nvmlSystemGetDriverVersion.
"""

from __future__ import annotations

import ctypes
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Driver:
    """The driver's library, opened. Raises OSError when there is none, or when it refuses."""

    def __init__(self, library: Any = None) -> None:
        self._library = ctypes.CDLL(_LIBRARY) if library is None else library
        self._ask("nvmlInit_v2")

    def version(self) -> str:
        """The driver's version."""
        text = ctypes.create_string_buffer(96)
        self._ask("nvmlSystemGetDriverVersion", text, ctypes.c_uint(len(text)))
        return text.value.decode()

    def device(self, uuid: str) -> Any:
        """The handle of the GPU with this UUID ("GPU-..."), which is the same in every process."""
        handle = ctypes.c_void_p()
        self._ask("nvmlDeviceGetHandleByUUID", ctypes.c_char_p(uuid.encode()), ctypes.byref(handle))
        return handle

    def utilization(self, device: Any) -> float:
        """Percent of the last sample period in which the GPU ran any kernel."""
        rates = _Utilization()
        self._ask("nvmlDeviceGetUtilizationRates", device, ctypes.byref(rates))
        return float(rates.gpu)

    def watts(self, device: Any) -> float:
        """Power that the board draws now."""
        milliwatts = ctypes.c_uint()
        self._ask("nvmlDeviceGetPowerUsage", device, ctypes.byref(milliwatts))
        return milliwatts.value / 1000

    def _ask(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise OSError(code, f"{name} failed with code {code}")
