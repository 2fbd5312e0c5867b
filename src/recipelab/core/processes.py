"""What every process that is started by us has in common."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch


@contextlib.contextmanager
def no_main_module() -> Iterator[None]:
    """Let a process start without running the caller's script again, which need not be made for that."""
    blank: Any = types.ModuleType("__main__")
    with patch.dict(sys.modules, {"__main__": blank}):
        yield
