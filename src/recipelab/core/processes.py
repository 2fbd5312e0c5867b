"""How processes are started, whatever they do."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch


@contextlib.contextmanager
def no_main_module() -> Iterator[None]:
    """Let a process start without running the caller's script again, which need not be made for that."""
    blank: Any = types.ModuleType("__main__")
    with patch.dict(sys.modules, {"__main__": blank}):
        yield


def start(process: BaseProcess) -> None:
    """Start it, without the caller's script, and by a new server of forks where the present one is being killed."""
    with no_main_module():
        try:
            process.start()
        except (EOFError, ConnectionError):  # at this moment, by a signal to all of us perhaps
            process.start()
