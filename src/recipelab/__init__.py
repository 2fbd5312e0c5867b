"""RecipeLab trains image models by recipe and finds out which ingredient of the recipe matters.

from recipelab import train, load_run

run = train("model=resnet20", "data=digits", "trainer.epochs=5")
run.result["test"]["best"]["raw"]["accuracy"]
load_run(run.path).model(view="raw")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "average",
    "cross_validate",
    "evaluate",
    "export",
    "insights",
    "load_run",
    "predict",
    "report",
    "study",
    "sweep_decays",
    "train",
    "tune",
]

_HOMES = {
    "average": "recipelab.commands.average",
    "cross_validate": "recipelab.commands.crossval",
    "evaluate": "recipelab.commands.evaluate",
    "export": "recipelab.commands.export",
    "insights": "recipelab.commands.insight",
    "load_run": "recipelab.loop.load_run",
    "predict": "recipelab.commands.predict",
    "report": "recipelab.commands.report",
    "study": "recipelab.commands.study",
    "sweep_decays": "recipelab.commands.sweep_decays",
    "train": "recipelab.commands.train",
    "tune": "recipelab.commands.tune",
}

if TYPE_CHECKING:
    from recipelab.commands.average import average
    from recipelab.commands.crossval import cross_validate
    from recipelab.commands.evaluate import evaluate
    from recipelab.commands.export import export
    from recipelab.commands.insight import insights
    from recipelab.commands.predict import predict
    from recipelab.commands.report import report
    from recipelab.commands.study import study
    from recipelab.commands.sweep_decays import sweep_decays
    from recipelab.commands.train import train
    from recipelab.commands.tune import tune
    from recipelab.loop.load_run import load_run


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
