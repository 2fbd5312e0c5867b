"""The averaging section: its short forms, its long one, and what is refused."""

from __future__ import annotations

import pytest

from recipelab.config.averages import check_averaging, named_averages, view_names
from recipelab.config.check import check
from recipelab.config.compose import compose
from recipelab.config.schema import Averaging
from recipelab.core.errors import UserError


def views(*words):
    return view_names(check(compose(["averaging=ema", *words])).averaging)[1:]


def test_short_forms():
    assert views() == ["ema_0.9995"]
    assert views("averaging.decays=[0.9,0.99]", "averaging.decay=0.5") == ["ema_0.9", "ema_0.99", "ema_0.5"]
    assert views("averaging.half_life=2ep") == ["ema_half_life_2ep"]
    assert views("averaging.half_life=[2ep,1.5%]") == ["ema_half_life_2ep", "ema_half_life_1.5pct"]
    assert views("averaging.window=[10ep]", "averaging.decay=0.9") == ["ema_0.9", "ema_window_10ep"]


def test_the_long_form_adds_to_the_short_ones_and_takes_over_what_it_does_not_say():
    words = ("averaging.decay=0.9", "averaging.warmup=timm", "averaging.interval=2")
    words += ("averaging.averages={slow:{kind:ema,half_life:5ep,warmup:none},swa:{kind:swa}}",)
    found = named_averages(check(compose(["averaging=ema", *words])).averaging)
    assert list(found) == ["ema_0.9", "slow", "swa"]
    assert found["ema_0.9"].kwargs["warmup"] == "timm"
    assert (found["slow"].kwargs["warmup"], found["slow"].kwargs["interval"]) == ("none", 2)


def test_the_choices():
    names = {"ema": ["ema_0.9995"], "swa": ["swa"], "last_k": ["last_5"], "store": [], "none": []}
    for choice, expected in names.items():
        assert view_names(check(compose([f"averaging={choice}"])).averaging) == ["raw", *expected]


REFUSED = {
    "averaging.decay=1": "averaging.decay=1: should be less than 1",
    "averaging.decays=[-0.1]": "greater than or equal to 0",
    "averaging.decays=[0.9,0.9]": "every decay can be given only once",
    "averaging.decay=0.9 averaging.decays=[0.9]": "averaging.decay: the average ema_0.9 is given twice",
    "averaging.half_life=2": "should be a valid string",
    "averaging.half_life=2epochs": "averaging.half_life.*is not a duration",
    "averaging.start=soon": "averaging.start='soon' is not a duration",
    "averaging.warmup=tim": "did you mean: timm",
    "averaging.buffers=averaged": "did you mean: average",
    "averaging.decy=0.9": "did you mean: averaging.decay",
    "averaging.evaluate_every=0ep": "a period must be longer than nothing",
    "averaging.store_limit=2": "store_limit.*should be a valid string",
    "averaging.store_limit=2G": "averaging.store_limit='2G' is not a size",
    "averaging.store_limit=0MB": "leaves no room: averaging.store=false",
    "averaging.recompute_batches=9": "give averaging.buffers=recompute",
    "averaging.averages={} averaging.store=false": "leave nothing to do: give averaging=none",
    "averaging.averages={raw:{kind:swa}}": "'raw' cannot name a view",
    "averaging.averages={_a:{kind:swa}}": "cannot name a view",
    "averaging.averages={a:{kind:sma}}": "averaging.averages.a.kind=sma: the kinds.*\n  did you mean: swa",
    "averaging.averages={a:{k:3}}": "averaging.averages.a.kind=None: the kinds of average are ema, swa, last_k",
    "averaging.averages={a:{kind:last_k,n:3}}": "averaging.averages.a.n is not an option of last_k",
    "averaging.averages={a:{kind:last_k,k:0}}": "averaging.averages.a.k=0: should be greater than or equal to 1",
    "averaging.averages={a:{kind:swa,every:0ep}}": "a period must be longer than nothing",
    "averaging.averages={a:{kind:ema,decay:0.9,window:2ep}}": "say the same: give one",
    "averaging=swa averaging.start=50%": "averaging.start is of moving averages.*give averaging.averages.swa",
    "select_view=swa": "the views of this recipe are raw, ema_0.9995",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words):
    with pytest.raises(UserError, match=f"(?s){REFUSED[words]}"):
        check(compose(["averaging=ema", *words.split()] if "averaging=" not in words else words.split()))


def test_a_section_made_in_python_is_judged_by_the_same_rules():
    check_averaging(None)
    with pytest.raises(UserError, match="nothing to do"):
        check_averaging(Averaging(averages={}, store=False))
