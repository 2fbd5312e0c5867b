"""Imported by the server that runs are forked from: all that a run imports, while the study still makes its plan."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys

MODULES = ["torch", "recipelab.commands.train", "recipelab.commands.cell", "lightning.fabric", "torchvision", "timm"]


def load() -> None:
    """Import them, deaf to Ctrl-C, which is for the study; leave when the study has gone, as after a wrong request."""
    study = os.getppid()
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in MODULES:
        if os.getppid() != study:
            sys.exit()
        with contextlib.suppress(ImportError):  # a run says so itself
            importlib.import_module(name)
    signal.signal(signal.SIGINT, hearing)


load()
