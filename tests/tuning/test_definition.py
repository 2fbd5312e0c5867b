"""Search files and commands: which word means what, and what is refused."""

from __future__ import annotations

import pytest

from recipelab.core.errors import UserError
from recipelab.tuning.definition import pruner_name, read_search, seconds

FILE = {"control": ["model=cnn"], "space": {"optimizer.lr": "log(0.01,1)", "mix": ["none", "mixup"]},
        "when": {"mix=mixup": {"mix.alpha": "uniform(0.1,1)"}}}  # fmt: skip


def test_words_of_the_command_change_the_search_or_go_to_all_trials():
    words = ["trials=5", "sampler=random", "sampler.seed=3", "search.at=best", "pruner.n_warmup_steps=2", "seed=4",
             "model.width=choice(4,8)"]  # fmt: skip
    asked = read_search(FILE, words)
    search = asked.search
    assert (search.trials, search.at) == (5, "best")
    assert search.sampler == {"name": "random", "seed": 3}
    assert (search.pruner, pruner_name(search)) == ({"name": "auto", "n_warmup_steps": 2}, "median")
    assert asked.fixed == ("seed=4",)
    assert [p.key for p in asked.params] == ["optimizer.lr", "mix", "model.width", "mix.alpha"]


def test_a_key_with_one_value_is_not_drawn():
    asked = read_search(FILE, ["optimizer.lr=0.3", "mix.alpha=0.5"])
    assert [p.key for p in asked.params] == ["mix"]
    assert asked.fixed == ("optimizer.lr=0.3", "mix.alpha=0.5")


def test_more_trials_or_another_sampler_go_on_with_the_same_search_and_another_space_does_not():
    same = read_search(FILE, ["trials=9", "sampler=random", "pruner=none", "timeout=2h"]).identity()
    assert same == read_search(FILE).identity()
    for word in ("optimizer.lr=log(0.01,0.5)", "seed=3", "search.view=ema_0.9", "search.at=best", "mix=none,cutmix"):
        assert read_search(FILE, [word]).identity() != same


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("search.trails=3", "did you mean: search.trials"),
        ("trials=0", "greater than or equal to 1"),
        ("trials=many", "valid integer"),
        ("timeout=soon", "a time with its unit"),
        ("search.at=last", "final"),
        ("lockbox=end", "opened for the winner"),
        ("output=here", "--output DIR"),
        ("select_view=ema_0.9", "search.view"),
        ("trainer.resume=auto", "the same command goes on"),
        ("search.metric=[accuracy,accuracy]", "several that differ"),
        ("search.metric=seconds", "a metric of quality"),
        ("name", "a search is named first"),
        ("search=sgd", "a search is named first, recipelab tune sgd"),
        ("timeout=8", "search.timeout=8: a time with its unit"),
        ("seed=0,1", "the best of several seeds is the luckiest"),
        ("data.fold=all", "fix: data.fold=0"),
    ],
)
def test_what_a_search_cannot_be_is_refused(word: str, said: str):
    with pytest.raises(UserError, match=said):
        read_search(FILE, [word])


def test_several_metrics_are_not_pruned():
    assert pruner_name(read_search(FILE, ["search.metric=[accuracy,seconds]"]).search) == "none"
    with pytest.raises(UserError, match="fix: pruner=none"):
        read_search(FILE, ["search.metric=[accuracy,seconds]", "pruner=hyperband"])


def test_times():
    assert [seconds(text) for text in (None, "90s", "45min", "1.5h", "2d")] == [None, 90, 2700, 5400, 172800]
