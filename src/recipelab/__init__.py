"""RecipeLab trains image models by recipe and finds out which ingredient of the recipe matters.

from recipelab import train, load_run

run = train("model=resnet20", "data=digits", "trainer.epochs=5")
run.result["test"]["best"]["raw"]["accuracy"]
load_run(run.path).model(view="raw")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["load_run", "train"]

if TYPE_CHECKING:
    from recipelab.commands.train import train
    from recipelab.loop.load_run import load_run


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for."""
    if name == "train":
        from recipelab.commands.train import train

        return train
    if name == "load_run":
        from recipelab.loop.load_run import load_run

        return load_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
