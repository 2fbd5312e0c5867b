"""What is one training: averages and where a result is read from do not change it, unless something watches them."""

import pytest

from recipelab.commands.ask import Ask
from recipelab.studies.arms import Arm
from recipelab.studies.averages import together
from recipelab.studies.trajectory import Asked, identity, shared, trajectory_of

BASE = ("model=cnn", "trainer.epochs=2")


def asked(*words, seed=1, name="arm"):
    return Asked(Arm(name, {}, words), seed, Ask((*BASE, *words)).recipe())


def name_of(*words, seed=1):
    one = asked(*words, seed=seed)
    return identity(trajectory_of(one.recipe.config, seed))


@pytest.mark.parametrize(
    "words",
    [
        ("averaging=ema",),
        ("averaging=ema", "averaging.decays=[0.9,0.99]", "select_view=ema_0.99"),
        ("averaging=swa", "averaging.store=false"),
        ("select=last",),
        ("output=elsewhere", "result_plot=none", "logger=none", "trainer.checkpoint_every=3st"),
    ],
)
def test_what_only_looks_is_the_same_training(words):
    assert name_of(*words) == name_of()


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer.lr=0.2",),
        ("trainer.precision=32",),
        ("trainer.evaluate_every=3st",),
        ("averaging=ema", "averaging.buffers=copy"),
        ("augment=none",),
    ],
)
def test_what_changes_it_is_another(words):
    assert name_of(*words) != name_of()


def test_seeds_are_other_trainings():
    assert name_of(seed=1) != name_of(seed=2)


def test_a_plateau_that_watches_an_average_keeps_it_to_itself():
    """Plateau on ema_0.9 against plateau on ema_0.99: two trainings, neither shared with other averages."""
    bank = ("averaging=ema", "averaging.decays=[0.9,0.99]", "scheduler=plateau")
    slow, fast = (*bank, "scheduler.view=ema_0.99"), (*bank, "scheduler.view=ema_0.9")
    more = ("averaging=ema", "averaging.decays=[0.9,0.99,0.5]", "scheduler=plateau", "scheduler.view=ema_0.9")
    raw = (*bank, "scheduler.view=raw")
    assert len({name_of(*words) for words in (slow, fast, more, raw)}) == 4
    assert name_of(*raw) == name_of("scheduler=plateau")


def test_one_training_carries_the_averages_of_all_and_keeps_their_names_apart():
    arms = [
        asked("averaging=ema", "averaging.decay=0.9"),
        asked("averaging=ema", "averaging.decays=[0.9,0.99]"),
        asked("averaging=ema", "averaging.decay=0.9", "averaging.debias=true"),
        asked("averaging=last_k"),
        asked(),
    ]
    words, views, names = together([one.recipe for one in arms])
    assert views == ("raw", "ema_0.9", "ema_0.99", "ema_0.9_2", "last_5")
    assert names[2] == {"raw": "raw", "ema_0.9": "ema_0.9_2"}
    assert names[4] == {"raw": "raw"}
    merged = Ask((*BASE, *words)).recipe()
    assert identity(trajectory_of(merged.config, 1)) == name_of()
    assert [merged.averaging.averages[v].get("debias") for v in views[1:4]] == [False, False, True]


def test_an_arm_without_averages_joins_any_that_is_otherwise_its_own():
    arms = [
        asked(name="none"),
        asked("averaging=ema", "averaging.evaluate_every=2ep", name="a"),
        asked("averaging=ema", "averaging.buffers=copy", name="b"),
    ]
    assert [[one.arm.name for one in group] for group in shared(arms).values()] == [["none", "a"], ["b"]]


def test_arms_are_grouped_by_training():
    arms = [asked("averaging=ema", name="a"), asked(name="b"), asked("optimizer.lr=0.2", name="c")]
    assert [[one.arm.name for one in group] for group in shared(arms).values()] == [["a", "b"], ["c"]]
