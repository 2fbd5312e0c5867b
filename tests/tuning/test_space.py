"""Spaces: every way to draw is read as Optuna's distribution, and what is none is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from recipelab.core.errors import UserError
from recipelab.tuning.space import is_drawn, read_space

KEY = "optimizer.lr"


def only(value: Any) -> Any:
    (param,) = read_space({KEY: value}, {})
    return param


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("uniform(0,1)", FloatDistribution(0, 1)),
        ("uniform(0, 1, 0.25)", FloatDistribution(0, 1, step=0.25)),
        ("uniform(0,1,0.3)", FloatDistribution(0, 0.9, step=0.3)),
        ("log(1e-3, 1)", FloatDistribution(1e-3, 1, log=True)),
        ("int(1,8)", IntDistribution(1, 8)),
        ("int(1,8,3)", IntDistribution(1, 7, step=3)),
        ("int(32,256,log)", IntDistribution(32, 256, log=True)),
        ("interval(0,0.5)", FloatDistribution(0, 0.5)),
        ("tag(log, interval(0.1, 1.0))", FloatDistribution(0.1, 1, log=True)),
        ("int(interval(1,8))", IntDistribution(1, 8)),
        ("choice(1,0.5)", CategoricalDistribution([1, 0.5])),
        ("range(1,4)", CategoricalDistribution([1, 2, 3])),
    ],
)
def test_a_way_to_draw_is_optunas_distribution(text: str, distribution: Any):
    assert only(text).distribution == distribution
    assert is_drawn(text)


@pytest.mark.parametrize("text", ["0.1", "[1,2]", "resnet20", "'a,b'", "{a:1}", "null"])
def test_one_value_is_not_drawn(text: str):
    assert not is_drawn(text)


def test_a_drawn_value_is_an_override():
    assert only("log(1e-3,1)").words(0.012) == ("optimizer.lr=0.012",)
    assert only("choice('a b',[1,2])").words("[1,2]") == ("optimizer.lr=[1,2]",)
    assert only([0.1, [1, 2], None]).words("null") == ("optimizer.lr=null",)
    (param,) = read_space({"size": {"big": ["model.width=8", "mix=mixup"], "small": []}}, {})
    assert (param.words("big"), param.words("small")) == (("model.width=8", "mix=mixup"), ())


def test_a_grid_has_every_value():
    assert only("int(1,8,3)").grid() == [1, 4, 7]
    assert only("uniform(0,1,0.25)").grid() == [0, 0.25, 0.5, 0.75, 1]
    with pytest.raises(UserError, match=r"uniform\(0,1,STEP\)"):
        only("uniform(0,1)").grid()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("log(0,1)", r"ends above 0\n  fix: log\(0.001,1\)"),
        ("log(-2,-1)", r"ends above 0\n  fix: uniform\(-2,-1\)"),
        ("int(0,64,log)", r"fix: int\(1,64,log\)"),
        ("log(1,0.1)", r"greater than the second\n  fix: log\(0.1,1\)"),
        ("int(64,8,log)", r"fix: int\(8,64,log\)"),
        ("uniform(1,1)", "the ends are the same"),
        ("log(0.1,1,10)", "two ends are expected, and no step"),
        ("choice()", "does not say how"),
        ("loguniform(0.1,1)", "did you mean: log\n"),
        ("randint(1,8)", "did you mean: int\n"),
        ("uniform(1)", "two ends"),
        ("uniform(1,2,3,4)", "two ends"),
        ("uniform(0,1,-0.1)", "a step is above 0"),
        ("int(1.5,3)", "whole numbers"),
        ("uniform(a,b)", "numbers are expected"),
        ("uniform(0,inf)", "finite"),
        ("unifrom(0,1)", "did you mean: uniform"),
        ("lgo(0.1,1)", "does not say how"),
        ("0.1", "does not say how"),
        ("choice(1)", "a choice of 1 value"),
    ],
)
def test_what_is_no_way_to_draw_is_refused(text: str, said: str):
    with pytest.raises(UserError, match=said) as refused:
        only(text)
    assert KEY in str(refused.value)


def test_a_mistyped_way_is_not_taken_for_a_value():
    assert is_drawn("unifrom(0,1)")
    assert is_drawn("lgo(0.1,1)")
    assert is_drawn("choice()")


def test_a_key_under_two_conditions_has_two_names():
    params = read_space({"optimizer": ["sgd", "adamw"]}, {
        "optimizer=sgd": {KEY: "log(0.01,1)"}, "optimizer=adamw": {KEY: "log(1e-4,1e-2)", "optimizer.eps": [1, 2]},
    })  # fmt: skip
    assert [p.name for p in params] == [
        "optimizer", "optimizer.lr (optimizer=sgd)", "optimizer.lr (optimizer=adamw)", "optimizer.eps",
    ]  # fmt: skip
    assert {p.key for p in params} == {"optimizer", KEY, "optimizer.eps"}


def test_no_space_is_refused():
    with pytest.raises(UserError, match="needs a space"):
        read_space({}, {})
