"""How processes are started."""

from __future__ import annotations

import sys
from typing import Any, cast

import pytest

from recipelab.core.processes import no_main_module, start


class Fake:
    """A process whose server of forks is killed the first few times."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.mains: list[Any] = []

    def start(self) -> None:
        self.mains.append(sys.modules["__main__"])
        if self.errors:
            raise self.errors.pop(0)


def test_the_callers_script_is_hidden_and_comes_back() -> None:
    before = sys.modules["__main__"]
    with no_main_module():
        assert not hasattr(sys.modules["__main__"], "__file__")
        assert sys.modules["__main__"].__spec__ is None
    assert sys.modules["__main__"] is before


@pytest.mark.parametrize("error", [EOFError(), ConnectionResetError()])
def test_a_server_that_is_killed_at_this_moment_is_replaced_once(error: Exception) -> None:
    process = Fake(error)
    start(cast(Any, process))
    assert len(process.mains) == 2
    assert sys.modules["__main__"] not in process.mains
    with pytest.raises(type(error)):
        start(cast(Any, Fake(error, error)))
