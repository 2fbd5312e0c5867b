"""A study file: what it may say, and what is refused before any work."""

import pytest

from recipelab.core.errors import UserError
from recipelab.studies.arms import arms_of, baselines_of, settled
from recipelab.studies.definition import read_study

GRID = {
    "control": ["model=cnn", "trainer.epochs=2"],
    "seeds": [1, 2],
    "grid": {
        "scheduler": ["cosine", "constant"],
        "optimizer.lr": [0.1, 0.05],
        "average": {"none": [], "slow": ["averaging=ema", "averaging.decay=0.99"]},
    },
    "when": {"scheduler=constant": ["trainer.batch_size=64"]},
    "scales": {"tiny": {"control": ["trainer.epochs=1"], "seeds": [7], "grid": {"optimizer.lr": [0.2]}}},
}


def test_a_grid_is_every_combination_in_order():
    study, words = read_study(GRID)
    arms = arms_of(study, words)
    assert [arm.name for arm in arms][:3] == ["cosine, lr=0.1, none", "cosine, lr=0.1, slow", "cosine, lr=0.05, none"]
    assert len(arms) == 8
    assert arms[1].levels == {"scheduler": "cosine", "optimizer.lr": "lr=0.1", "average": "slow"}
    assert arms[1].words == (
        "model=cnn", "trainer.epochs=2", "scheduler=cosine", "optimizer.lr=0.1",
        "averaging=ema", "averaging.decay=0.99",
    )  # fmt: skip
    assert set(baselines_of(study, arms).values()) == {"cosine, lr=0.1, none"}


def test_a_value_may_bring_others_with_it():
    study, words = read_study(GRID)
    arms = {arm.name: arm.words for arm in arms_of(study, words)}
    assert "trainer.batch_size=64" in arms["constant, lr=0.1, none"]
    assert "trainer.batch_size=64" not in arms["cosine, lr=0.1, none"]


def test_a_baseline_may_be_a_level():
    study, _ = read_study({**GRID, "baseline": {"average": "none"}})
    found = baselines_of(study, arms_of(study))
    assert found["constant, lr=0.05, slow"] == "constant, lr=0.05, none"
    assert found["constant, lr=0.05, none"] == "constant, lr=0.05, none"


def test_an_empty_control_is_no_arm():
    study, _ = read_study({"arms": {"a": ["model=cnn"], "b": ["model=mlp"]}})
    assert [arm.name for arm in arms_of(study)] == ["a", "b"]


def test_named_arms_change_the_control():
    study, _ = read_study({"control": ["model=cnn"], "arms": {"sam": ["sam=sam"]}})
    assert [(arm.name, arm.words) for arm in arms_of(study)] == [
        ("control", ("model=cnn",)),
        ("sam", ("model=cnn", "sam=sam")),
    ]


def test_a_size_changes_seeds_axes_and_the_last_words():
    study, words = read_study(GRID, ["scale=tiny", "data.limit=100"])
    arms = arms_of(study, words)
    assert study.seeds == [7]
    assert [arm.name for arm in arms][0] == "cosine, lr=0.2, none"
    assert arms[0].words[-1] == "data.limit=100"
    assert "trainer.epochs=1" in arms[0].words
    assert "trainer.epochs=2" not in arms[0].words


def test_the_command_line_changes_seeds_and_keys_of_the_study():
    study, words = read_study(GRID, ["seeds=[4,5]", "study.margin=0.01", "model=mlp"])
    assert (study.seeds, study.margin, words) == ([4, 5], 0.01, ("model=mlp",))


def test_words_are_said_once_and_none_takes_its_keys_away():
    assert settled(["a.b=1", "c=2", "a.b=3"]) == ("a.b=3", "c=2")
    assert settled(["averaging=ema", "averaging.decay=0.9", "averaging=none"]) == ("averaging=none",)
    assert settled(["optimizer=sgd", "optimizer.lr=1", "optimizer=adam"]) == ("optimizer=adam", "optimizer.lr=1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [1]}, "did you mean: study.seeds"),
        ({"seeds": []}, "study.seeds"),
        ({"seeds": ["a"]}, "study.seeds"),
        ({"scale": "tini"}, "did you mean: tiny"),
        ({"baseline": "cosine, lr=0.1, nonne"}, "did you mean: cosine, lr=0.1, none"),
        ({"baseline": {"average": "nonne"}}, "did you mean: none"),
        ({"baseline": {"averge": "none"}}, "did you mean: average"),
        ({"claims": [{"arm": "nobody"}]}, "is no arm of this study"),
        ({"claims": [{"than": "control"}]}, "study.claims.arm is required"),
        ({"claims": [{"arm": "cosine, lr=0.1, none", "verdict": "beter"}]}, "better"),
        ({"grid": {"scheduler": "cosine"}}, "values of a key are expected"),
        ({"grid": {"scheduler": {"a": "scheduler=cosine"}}}, "values of a key are expected"),
        ({"grid": {"scheduler": ["cosine", "cosine"]}}, "have the same name"),
        ({"confidence": 1.5}, "study.confidence"),
        ({"scale": "tiny", "scales": {"tiny": {"grid": {"shedule": [1]}}}}, "the study has none of that name"),
        ({"arms": {"cosine, lr=0.1, none": []}}, "another arm of that name"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(UserError, match=message):
        arms_of(read_study({**GRID, **change})[0])
