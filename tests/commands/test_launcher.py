"""How ranks are started, when a signal to the whole group comes at that moment."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import connection

import pytest

from recipelab.commands.launcher import Launcher
from recipelab.core.errors import Interrupted
from recipelab.loop.cluster import Place

pytestmark = pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no fork here")


def leave(place: Place, link: connection.Connection) -> None:
    """A rank that ends before it has come."""


class Late:
    """A request to stop that is seen only after the ranks that it has ended."""

    asked = 0

    @property
    def signal_number(self) -> int | None:
        self.asked += 1
        return None if self.asked == 1 else signal.SIGTERM


def test_a_rank_that_a_signal_to_all_has_ended_is_an_interruption() -> None:
    launcher = Launcher(2)
    try:
        launcher.start(leave, 0)
        with pytest.raises(Interrupted):
            launcher.rendezvous(Late(), "again")  # type: ignore[arg-type]
    finally:
        launcher.end()
