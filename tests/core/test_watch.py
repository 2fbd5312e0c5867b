from __future__ import annotations

import math

import pytest

from recipelab.core.errors import UserError
from recipelab.core.watch import Watch


def test_which_way_is_better():
    assert Watch("accuracy").rises
    assert not Watch("nll").rises
    assert not Watch("train_loss").rises
    assert Watch("nll", mode="max").rises
    assert (Watch("nll", "ema_0.9").column, Watch("train_loss").column) == ("val_ema_0.9_nll", "train_loss")


@pytest.mark.parametrize(("least", "relative", "better"), [(0.0, False, 0.51), (0.25, False, 0.76), (0.25, True, 0.64)])
def test_a_better_value_beats_the_best_by_more_than_the_least(least, relative, better):
    watch = Watch("accuracy")
    assert watch.improved({"val_raw_accuracy": 0.5}, least=least, relative=relative) is True
    for value in (0.5, 0.625 if relative else 0.5 + least, math.nan, 0.1):
        assert watch.improved({"val_raw_accuracy": value}, least=least, relative=relative) is False
    assert watch.improved({"train_loss": 1.0}, least=least, relative=relative) is None
    assert watch.improved({"val_raw_accuracy": better}, least=least, relative=relative) is True
    assert watch.best == better


def test_what_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"early_stopping\.metric=acuracy: .*\n  did you mean: accuracy"):
        Watch("acuracy").refuse_unknown("early_stopping", ["accuracy", "nll"], ["raw"])
    with pytest.raises(UserError, match=r"scheduler\.view=ema: the views of this recipe are raw, ema_0.9"):
        Watch("nll", "ema").refuse_unknown("scheduler", ["accuracy", "nll"], ["raw", "ema_0.9"])
