"""The two ways to stop, told apart by who can mend them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from os.path import commonprefix


class UserError(Exception):
    """What the user asked for cannot be done; found before any work. The command line exits 2 on it."""


class RunError(Exception):
    """A run that had begun cannot go on (non-finite loss, full disk). The command line exits 1 on it."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None when nothing is close."""
    close = get_close_matches(name, sorted(valid), n=5, cutoff=0.6)
    likeness = {o: (SequenceMatcher(None, name, o).ratio(), len(commonprefix([name, o]))) for o in close}
    return max(close, key=lambda other: likeness[other], default=None)


def did_you_mean(name: str, valid: Iterable[str], prefix: str = "") -> str:
    """A line «did you mean …?» to add to a message, or nothing when no valid name is close."""
    best = nearest(name, valid)
    return f"\n  did you mean: {prefix}{best}" if best else ""


class Interrupted(Exception):
    """A run was asked to stop (Ctrl-C, SIGTERM) and has left a checkpoint. The exit code is 128 + signal."""

    def __init__(self, signal_number: int, resume: str) -> None:
        super().__init__(f"interrupted; go on with: {resume}")
        self.signal_number = signal_number
        self.resume = resume
