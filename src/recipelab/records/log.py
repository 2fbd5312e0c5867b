"""train.log: everything that is said, on the terminal and, with times, in the record."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console, RenderableType

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_FILE_WIDTH = 120


class Log:
    """Say text on standard output and append it to a file, each line with its time (ISO 8601, local, with offset).

    path: the file, appended to; None to print only, until `attach` names one.
    quiet: write to the file only.
    console: the terminal, for a progress bar that must not be torn by what is said meanwhile.

    A closed standard output (`recipelab train | head`) or a full disk silences that side and never ends a run: what
    must not be lost is in files that do stop it.
    """

    def __init__(self, path: Path | None = None, quiet: bool = False) -> None:
        self._path: Path | None = None
        self._writable = True
        self._quiet = quiet
        self._early: list[str] = []
        # In a notebook rich would show, beside what is printed here, an empty table for each that is captured.
        self.console = Console(width=None if _is_terminal() else _FILE_WIDTH, force_jupyter=False)
        if path is not None:
            self.attach(path)

    def attach(self, path: Path) -> None:
        """Append to this file from now on, and first what was said before there was one."""
        self._path = path
        early, self._early = self._early, []
        for text in early:
            self._append(text)

    def __call__(self, text: str = "") -> None:
        """Print `text`, and append it to the file without its colours."""
        self._show(text)
        self._append(text)

    def table(self, renderable: RenderableType) -> None:
        """Print something of rich's (a table) as wide as the terminal; into the file as plain text, 120 wide."""
        with self.console.capture() as shown:
            self.console.print(renderable)
        plain = Console(
            file=io.StringIO(), width=_FILE_WIDTH, color_system=None, force_terminal=False, force_jupyter=False
        )
        with plain.capture() as written:
            plain.print(renderable)
        self._show(shown.get().rstrip("\n"))
        self._append(written.get().rstrip("\n"))

    def _append(self, text: str) -> None:
        if self._path is None:
            self._early.append(text)
            return
        if not self._writable:
            return
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        lines = _ANSI.sub("", text).splitlines() or [""]
        try:
            with open(self._path, "ab", buffering=0) as file:
                file.write("".join(f"{now} {line}".rstrip() + "\n" for line in lines).encode("utf-8", "replace"))
        except OSError as error:
            self._writable = False
            self._show(f"warning: {self._path} cannot be written ({error.strerror}); the log goes on without it")

    def _show(self, text: str) -> None:
        if self._quiet:
            return
        try:
            print(text, flush=True)
        except UnicodeEncodeError:
            print(text.encode("ascii", "replace").decode(), flush=True)
        except (OSError, ValueError):  # ValueError: closed by somebody in this process
            self._quiet = True
            _mute()


def _is_terminal() -> bool:
    try:
        return sys.stdout is not None and sys.stdout.isatty()
    except ValueError:
        return False


def _mute() -> None:
    """Send standard output nowhere, or the interpreter's last flush would end the process with status 120."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
